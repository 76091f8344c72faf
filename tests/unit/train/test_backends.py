"""Networks give and learn the same under every Keras backend that is installed (docs/design.md, Networks)."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).parent
BACKENDS = ("tensorflow", "jax", "torch")

WORK = """
import json, sys
from dataclasses import replace
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[2]]
folder, backend = Path(sys.argv[3]), sys.argv[4]
import keras, numpy as np
assert keras.backend.backend() == backend
from disc_tiles import SMALL, disc_tiles
from ultraseg.networks.export import export_network
from ultraseg.networks.architecture import build_network, load_network
from ultraseg.train.tiles import write_tiles
from ultraseg.train.train_network import train_network

start = folder / "start.keras"
if not start.exists():
    model = build_network("resunet", 1, 1, filters=SMALL.filters)
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.normal(0, 0.1, w.shape) if w.ndim == 4 else w for w in model.get_weights()])
    card = dict.fromkeys(("downsample", "z_context", "voxel_size_nm", "windows", "thresholds", "settings"), {})
    export_network(model, start, architecture="resunet", filters=SMALL.filters, card=card | {"channels": ["disc"]})
    groups = [("train", "v", disc_tiles(z)) for z in range(4)] + [("validation", "v", disc_tiles(9))]
    write_tiles(folder / "tiles.h5", groups, channels=["disc"])
image = np.random.default_rng(1).normal(128, 40, (2, 32, 48, 1)).astype(np.float32)
np.save(folder / f"{backend}.npy", np.asarray(load_network(start).predict_on_batch(image)))
settings = replace(SMALL, epochs=2, steps_per_epoch=4, learning_rate=1e-3)
result = train_network(folder / "tiles.h5", folder / f"checkpoint-{backend}", settings, init_from=str(start))
print(json.dumps([row["loss"] for row in result.history]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("backends")


def _run(folder, backend) -> list[float]:
    """Predict and train in a process with this backend, from the weights that the first process drew."""
    if find_spec(backend) is None:
        pytest.skip(
            f"{backend} is not installed; envs/jax.lock installs jax, torch is to be installed by hand"
        )
    package = TESTS.parents[2] / "workflow"
    env = os.environ | {"KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
    command = [
        sys.executable,
        "-c",
        WORK,
        str(package),
        str(TESTS.parents[1] / "helpers"),
        str(folder),
        backend,
    ]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def first(folder):
    """The first backend that is installed, and its losses."""
    backend = next(name for name in BACKENDS if find_spec(name))
    return backend, _run(folder, backend)


def _if_installed(backend: str):
    reason = f"{backend} is not installed; envs/jax.lock has jax, torch is to be installed by hand"
    return pytest.param(backend, marks=pytest.mark.skipif(find_spec(backend) is None, reason=reason))


@pytest.mark.parametrize("backend", [_if_installed(name) for name in BACKENDS[1:]])
def test_a_backend_predicts_and_learns_as_the_first_one(folder, first, backend):
    losses = _run(folder, backend)
    known, found = (np.load(folder / f"{name}.npy") for name in (first[0], backend))
    assert known.std() > 0.01 and np.abs(found - known).max() < 1e-4
    np.testing.assert_allclose(losses, first[1], rtol=1e-2)
    assert losses[1] < losses[0]
