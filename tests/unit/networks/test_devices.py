"""The device of a job, each in a process of its own, as frameworks take their devices only once."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from disc_tiles import disc_tiles
from ultraseg.train.tiles import write_tiles

ROOT = Path(__file__).parents[3]


def run(code: str, path: Path | None = None, **environment: str) -> tuple[int, str, float]:
    """Status, everything printed, and seconds of a Python process; ``path`` comes first on its PATH."""
    env = {k: v for k, v in os.environ.items() if k not in ("CUDA_VISIBLE_DEVICES", "KERAS_BACKEND")}
    env |= {"PYTHONPATH": str(ROOT / "workflow"), **environment}
    env["PATH"] = f"{path}:{env['PATH']}" if path else env["PATH"]
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=120)
    return done.returncode, done.stdout + done.stderr, time.monotonic() - start


def fake_nvidia_smi(folder: Path) -> Path:
    file = folder / "nvidia-smi"
    file.write_text("#!/bin/sh\necho 'NVIDIA A100-SXM4-40GB, 40960, 550.54.15, 8.0'\n")
    file.chmod(0o755)
    return folder


OPEN = "from ultraseg.networks.devices import open_device; print(open_device({!r}, 1))"


def test_the_cpu_hides_gpus_and_limits_threads():
    code = OPEN.format("cpu") + (
        "; import os, tensorflow as tf; t = tf.config.threading\n"
        "print(t.get_intra_op_parallelism_threads(), t.get_inter_op_parallelism_threads(),"
        " os.environ['CUDA_VISIBLE_DEVICES'], os.environ['KERAS_BACKEND'])"
    )
    status, text, _ = run(code)
    assert status == 0, text
    assert "kind='cpu'" in text and "framework='tensorflow" in text and "\n1 1 -1 tensorflow" in text


def test_prediction_on_the_cpu_loads_no_tensorflow():
    code = "import sys; from ultraseg.networks.devices import open_device as o; d = o('cpu', 2, framework='litert'); "
    status, text, seconds = run(code + "print(d.framework, d.threads, 'tensorflow' in sys.modules)")
    assert status == 0 and text.startswith("ai-edge-litert ") and text.strip().endswith("2 False")


@pytest.mark.skipif(os.path.exists("/proc/driver/nvidia/version"), reason="this machine has an NVIDIA driver")
def test_a_promised_gpu_that_is_not_there_fails_at_once():
    status, text, seconds = run(OPEN.format("gpu"))
    assert status == 1 and seconds < 30
    assert "'device: gpu', but" in text and "no GPU, or no NVIDIA driver" in text and "device: cpu" in text


def test_a_hidden_gpu_fails_at_once_with_its_cure(tmp_path):
    status, text, seconds = run(OPEN.format("gpu"), fake_nvidia_smi(tmp_path), CUDA_VISIBLE_DEVICES="")
    assert status == 1 and seconds < 30 and "Unset CUDA_VISIBLE_DEVICES" in text


def test_a_framework_that_sees_no_gpu_fails_within_thirty_seconds(tmp_path):
    """nvidia-smi lists one, but TensorFlow finds none: in the CPU environment, or where CUDA's libraries are lost."""
    code = (
        "from ultraseg.networks import devices\n"
        "devices.objection = lambda *_: None\n"  # as in the GPU environment
        "devices.open_device('gpu', 1)"
    )
    path = fake_nvidia_smi(tmp_path)
    # Hidden, so that the outcome is the same on a machine that has a GPU.
    status, text, seconds = run(code, path, CUDA_VISIBLE_DEVICES="-1", LD_LIBRARY_PATH="/opt/old/cuda")
    assert status == 1 and seconds < 30, text
    for word in ("sees 0 of 1 GPU(s)", "CUDA libraries", "make env ENV=gpu", "/opt/old/cuda"):
        assert word in text


def test_a_gpu_that_refuses_to_work_is_named():
    code = """
from ultraseg.networks import devices
def refuse():
    raise RuntimeError("CUDA_ERROR_OUT_OF_MEMORY: out of memory\\nmore")
devices.objection = lambda *_: None
devices.importlib.import_module = lambda name: None  # the framework is replaced
devices._tensorflow_gpus = lambda threads, wanted: ([("NVIDIA T4", 7.5)], refuse)
devices.open_device("gpu", 1)"""
    status, text, _ = run(code)
    assert status == 1 and "NVIDIA T4 cannot be used: CUDA_ERROR_OUT_OF_MEMORY" in text
    assert "Another program fills its memory" in text


def test_a_gpu_that_hangs_ends_the_job(tmp_path):
    code = f"""
import logging, time
from ultraseg.networks import devices
logging.basicConfig(filename={str(tmp_path / "job.log")!r})
devices.TRIAL_SECONDS = 0.5
devices.objection = lambda *_: None
devices.importlib.import_module = lambda name: None  # the framework is replaced
devices._tensorflow_gpus = lambda threads, wanted: ([("NVIDIA T4", 7.5)], lambda: time.sleep(100))
devices.open_device("gpu", 1)"""
    status, _, seconds = run(code)
    text = (tmp_path / "job.log").read_text()
    assert status == 1 and seconds < 30
    assert "did not finish a small trial within 0.5 s" in text and "Cure: Use another GPU" in text


def test_a_working_gpu_is_recorded(tmp_path):
    """All but the GPU itself: what is written down of it, and that a framework's own error does not pass."""
    code = """
import json
from ultraseg.networks import devices
devices.objection = lambda *_: None
devices.importlib.import_module = lambda name: None  # the framework is replaced
devices._tensorflow_gpus = lambda threads, wanted: ([("NVIDIA A100-SXM4-40GB", 8.0)] * 2, lambda: None)
print(json.dumps(devices.open_device("gpu", 3, 1).record("mixed_bfloat16")))"""
    status, text, _ = run(code, fake_nvidia_smi(tmp_path))
    assert status == 0, text
    for part in ('"kind": "gpu"', '"names": ["NVIDIA A100-SXM4-40GB"]', '"memory_mb": [40960]', '"count": 1',
                 '"driver": "550.54.15"', '"precision": "mixed_bfloat16"', '"framework": "tensorflow'):  # fmt: skip
        assert part in text


TRAIN = """
import json
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from ultraseg.networks.devices import data_parallel, open_device
open_device("cpu", 1)
from ultraseg.train.augment import NONE
from ultraseg.train.settings import Compute, TrainSettings
from ultraseg.train.train_network import train_network
for count in (1, 2):
    result = train_network(
        {tiles!r}, {folder!r} + str(count),
        TrainSettings(
            filters=(6, 8), crop=32, batch=4, epochs=4, steps_per_epoch=10, learning_rate=1e-2, augmentation=NONE
        ),
        Compute(devices=count, scope=data_parallel(count, "cpu")),
    )
    replicas = result.model.distribute_strategy.num_replicas_in_sync if count > 1 else 1
    print("RESULT", json.dumps([replicas, result.history, result.validation_dice, result.thresholds]))
"""


def test_training_on_two_devices_equals_training_on_one(tmp_path):
    """Two virtual devices share the batch; losses and accuracy agree to rounding, which Adam amplifies."""
    groups = [("train", "v", disc_tiles(z)) for z in range(4)] + [("validation", "v", disc_tiles(9))]
    write_tiles(tmp_path / "tiles.h5", groups, channels=["disc"])
    status, text, _ = run(TRAIN.format(tiles=str(tmp_path / "tiles.h5"), folder=str(tmp_path / "ck")))
    assert status == 0, text[-3000:]
    results = [json.loads(part.splitlines()[0]) for part in text.split("RESULT")[1:]]
    found = dict(zip((1, 2), results, strict=True))
    assert found[1][0] == 1 and found[2][0] == 2
    losses = {count: np.array([row["loss"] for row in rows[1]]) for count, rows in found.items()}
    assert len(losses[2]) == 4 and losses[2][-1] < losses[2][0]
    np.testing.assert_allclose(losses[2], losses[1], rtol=1e-3)
    assert abs(found[2][2]["disc"] - found[1][2]["disc"]) < 0.01
