"""TensorFlow on the CPU, in a process of its own: oneDNN is on, a user's word counts, and the terminal stays quiet."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

CODE = """
import os, sys
from ultraseg.networks.tensorflow_cpu import start_tensorflow
start_tensorflow(3)
import tensorflow as tf
tf.nn.conv2d(tf.ones((1, 8, 8, 8)), tf.ones((3, 3, 8, 8)), 1, "SAME").numpy()
print("a line of our own", file=sys.stderr)
t = tf.config.threading
print(os.environ["TF_ENABLE_ONEDNN_OPTS"], t.get_intra_op_parallelism_threads(), t.get_inter_op_parallelism_threads())
import keras
print(*({"pandas", "matplotlib"} & {*sys.modules}))
import pandas, matplotlib  # later on they are there
"""


def _run(code: str, **environment: str) -> subprocess.CompletedProcess:
    env = {k: v for k, v in os.environ.items() if k != "TF_ENABLE_ONEDNN_OPTS"}
    env |= {"PYTHONPATH": str(ROOT / "workflow"), "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, env=env | environment, timeout=300)


@pytest.mark.parametrize("given, expected", [({}, "1"), ({"TF_ENABLE_ONEDNN_OPTS": "0"}, "0")])
def test_onednn_is_on_unless_a_user_says_otherwise_and_nothing_is_said_of_it(given, expected):
    done = _run(CODE, **given)
    assert done.returncode == 0, done.stderr
    # Keras is loaded without libraries that it would only try.
    assert done.stdout.split() == [expected, "3", "2"]
    assert "oneDNN" not in done.stderr and "absl" not in done.stderr and "a line of our own" in done.stderr


def test_other_lines_pass_also_where_the_start_fails():
    code = (
        "import os\n"
        "from ultraseg.networks import tensorflow_cpu\n"
        "with tensorflow_cpu._without_talk():\n"
        "    os.write(2, b'I0000 oneDNN custom operations are on. You may\\nthe disk is full\\n')\n"
        "    raise ImportError('no module')\n"
    )
    done = _run(code)
    assert (
        done.returncode == 1 and "the disk is full" in done.stderr and "ImportError: no module" in done.stderr
    )
    assert "oneDNN" not in done.stderr
