"""The script that runs beside bioimageio.core: its ONNX networks compute what Keras computes, at any size."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from extras_python import INSTALLED, needs_extras
from ultraseg.archive import write_package
from ultraseg.archive.model_package import SCRIPT
from ultraseg.networks.architecture import build_network
from ultraseg.networks.layers import layers_of

RUN = """
import json, sys
import numpy as np, onnxruntime
sys.path.append(sys.argv[1])
import write_package
from pathlib import Path
folder = Path(sys.argv[2])
with np.load(folder / "weights.npz") as arrays:
    weights = dict(arrays)
layers = json.loads((folder / "layers.json").read_text())
write_package.write_onnx(folder / "m.onnx", layers, weights, (3, 2))
session = onnxruntime.InferenceSession(folder / "m.onnx")
np.save(folder / "maps.npy", session.run(None, {"image": np.load(folder / "image.npy")})[0])
"""


@needs_extras
@pytest.mark.parametrize(
    "architecture, filters", [("resunet", (4, 8, 16)), ("resunet_paper", (4, 8, 16, 32))]
)
def test_onnx_computes_what_keras_computes(tmp_path, architecture, filters):
    keras.utils.set_random_seed(1)
    model = build_network(architecture, 3, 2, filters=filters)
    chance = np.random.default_rng(1)
    model.set_weights([chance.uniform(0.05, 0.4, w.shape) * chance.choice([-1, 1], w.shape) if w.ndim == 4
                       else chance.uniform(0.5, 1.5, w.shape) for w in model.get_weights()])  # fmt: skip
    image = chance.integers(0, 256, (2, 40, 56, 3)).astype(np.float32)
    layers, weights = layers_of(model)
    np.savez(tmp_path / "weights.npz", **weights)
    np.save(tmp_path / "image.npy", image)
    (tmp_path / "layers.json").write_text(json.dumps(layers))
    subprocess.run([INSTALLED, "-c", RUN, SCRIPT.parent, tmp_path], check=True)
    expected = np.asarray(model(image))
    assert 0.05 < expected.mean() < 0.95 and np.ptp(expected) > 0.1
    np.testing.assert_allclose(np.load(tmp_path / "maps.npy"), expected, atol=2e-5)


def test_a_missing_library_is_told_before_anything_is_written(tmp_path):
    code = "import runpy, sys; sys.modules['onnxruntime'] = None\n"
    code += (
        f"sys.argv = ['x', {str(tmp_path)!r}, 'y.zip']; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == write_package.MISSING, done.stderr
    assert "onnxruntime" in done.stdout and not list(tmp_path.iterdir())
