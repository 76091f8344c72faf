"""TensorFlow's start on the CPU: oneDNN unless the user says otherwise, and nothing on the terminal."""

import os
import subprocess
import sys

import pytest
from ultraseg.networks.tensorflow_cpu import TALK, _without_talk

CODE = (
    "import os; from ultraseg.networks.tensorflow_cpu import start_tensorflow; start_tensorflow(1); "
    "import tensorflow as tf; "
    "print(os.environ['TF_ENABLE_ONEDNN_OPTS'], tf.config.threading.get_intra_op_parallelism_threads())"
)


@pytest.mark.parametrize("given, expected", [({}, "1 1"), ({"TF_ENABLE_ONEDNN_OPTS": "0"}, "0 1")])
def test_onednn_is_on_unless_the_user_says_otherwise(given, expected):
    env = {key: value for key, value in os.environ.items() if key != "TF_ENABLE_ONEDNN_OPTS"}
    env |= {"PYTHONPATH": ":".join(sys.path), "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run([sys.executable, "-c", CODE], env=env | given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == expected
    assert not any(words.decode() in done.stderr for words in TALK)


def test_only_the_talk_is_held_back(capfd):
    with _without_talk():
        os.write(2, b"a real warning\nI0000 " + TALK[0] + b". You may see\nanother one\n")
    assert capfd.readouterr().err == "a real warning\nanother one\n"


def test_what_was_said_before_an_error_is_not_lost(capfd):
    with pytest.raises(RuntimeError), _without_talk():
        os.write(2, b"the cause\n")
        raise RuntimeError
    assert capfd.readouterr().err == "the cause\n"
