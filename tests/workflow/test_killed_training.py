"""A training that is killed again and again, in and between epochs, ends with the weights of the uninterrupted one."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from ultraseg.base.errors import UserError
from ultraseg.train.checkpoints import drop_finished, hold, load_state
from ultraseg.train.tiles import cut_tiles, write_tiles

# One process of a training: kills itself at the place that its second argument names, in the epoch of the third.
PROCESS = """
import json, os, signal, sys
from pathlib import Path
from ultraseg.networks.devices import open_device
open_device("cpu", 1)  # training on one thread is repeatable to the bit
import numpy as np, tensorflow as tf
tf.config.threading.set_inter_op_parallelism_threads(1)
from ultraseg.train import checkpoints
from ultraseg.train import train_network as training
folder, place, epoch = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def at(place_, module, name, patched):
    if place == place_:
        real = getattr(module, name)
        setattr(module, name, lambda *args, **more: patched(real, *args, **more))

def in_an_epoch(real, self, index):
    # Batches are made at most six ahead, so some steps of the epoch are behind it.
    return die() if (self.epoch, index) == (epoch - 1, 10) else real(self, index)

def in_the_model_file(real, self, path):
    real(self, path)
    if f"epoch_{epoch:05d}" in str(path):
        os.truncate(path, os.path.getsize(path) // 2)
        die()

def before_the_state(real, path, text):
    return die() if json.loads(text)["epoch"] == epoch else real(path, text)

def after_the_state(real, path, text):
    real(path, text)
    if json.loads(text)["epoch"] == epoch:
        die()

def when_finished(real, *args):
    real(*args)
    die()

at("in an epoch", training.TileCrops, "__getitem__", in_an_epoch)
at("in the model file", training.keras.Model, "save", in_the_model_file)
at("before the state", checkpoints, "write_text", before_the_state)
at("after the state", checkpoints, "write_text", after_the_state)
at("when finished", training, "mark_finished", when_finished)
real = training._run_epoch
def counted(*args):
    *_, state, clock = args
    with open(folder / "epochs", "a") as file:
        file.write(f"{state['epoch'] + 1} ")
    real(*args)
training._run_epoch = counted
with open(folder / "epochs", "a") as file:
    file.write("| ")
result = training.train_network(
    folder.parent / "tiles.h5", folder / "checkpoint",
    training.TrainSettings(filters=(6, 8), crop=32, batch=4, epochs=6, steps_per_epoch=12, learning_rate=1e-2),
)
np.savez(folder / "result.npz", *result.model.get_weights(), *(v.numpy() for v in result.model.optimizer.variables))
(folder / "history.json").write_text(json.dumps([{**row, "seconds": 0} for row in result.history]))
"""


def train_once(folder, place="", epoch=0):
    folder.mkdir(exist_ok=True)
    env = os.environ | {"PYTHONPATH": ":".join(sys.path), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", PROCESS, str(folder), place, str(epoch)]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=300)


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    rng = np.random.default_rng(5)
    groups = []
    for z in range(5):
        mask = np.zeros((64, 64), bool)
        mask[10 + 4 * z : 30 + 4 * z, 12:40] = True
        image = (80 + 60 * mask + rng.normal(0, 12, mask.shape)).clip(0, 255).astype(np.uint8)
        cut = cut_tiles(image[None], mask[None].astype(np.uint8) * 255, np.array([1]), z=z, tile=64)
        groups.append(("validation" if z == 4 else "train", "v", cut))
    write_tiles(folder / "tiles.h5", groups, channels=["disc"])
    return folder


def test_killed_five_times_it_equals_the_uninterrupted_training(tiles):
    whole = train_once(tiles / "whole")
    assert whole.returncode == 0, whole.stderr
    killed = tiles / "killed"
    places = (
        ("in an epoch", 2),
        ("in the model file", 3),
        ("before the state", 4),
        ("after the state", 5),
        ("when finished", 6),
    )
    for place, epoch in places:
        assert train_once(killed, place, epoch).returncode == -signal.SIGKILL, place
    last = train_once(killed)
    assert last.returncode == 0, last.stderr
    # No epoch whose checkpoint was whole is trained again, not even when all of them were.
    assert (killed / "epochs").read_text() == "| 1 2 | 2 3 | 3 4 | 4 5 | 6 | "
    assert (killed / "history.json").read_text() == (tiles / "whole/history.json").read_text()
    with np.load(tiles / "whole/result.npz") as a, np.load(killed / "result.npz") as b:
        assert len(a.files) == len(b.files) > 20
        for name in a.files:
            np.testing.assert_array_equal(a[name], b[name])


def test_damaged_checkpoint_is_named_with_its_cure(tmp_path):
    folder = tmp_path / "checkpoints/context"
    folder.mkdir(parents=True)
    for damage in ("{", json.dumps({"fingerprint": "a", "epoch": 3, "model": "gone.keras"})):
        (folder / "state.json").write_text(damage)
        with pytest.raises(UserError, match="damaged") as caught:
            load_state(folder, "a")
        assert f"Delete {folder}" in caught.value.cure


def test_only_finished_checkpoints_of_written_networks_are_dropped(tmp_path):
    for name, finished in (("a", True), ("b", False), ("c", True)):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
        (tmp_path / f"checkpoints/{name}/state.json").write_text(json.dumps({"finished": finished}))
    for name in ("a", "b"):
        (tmp_path / f"{name}.keras").touch()
    drop_finished(str(tmp_path / "checkpoints"), str(tmp_path))
    assert sorted(f.name for f in (tmp_path / "checkpoints").iterdir()) == ["b", "c"]


def test_a_second_training_of_a_network_waits_for_the_first(tmp_path, caplog):
    first = hold(tmp_path / "checkpoints/context")
    held = []
    waiting = threading.Thread(target=lambda: held.append(hold(tmp_path / "checkpoints/context", wait=0.05)))
    waiting.start()
    time.sleep(0.3)
    assert not held
    assert f"trained by process {os.getpid()} on" in caplog.text
    first.close()
    waiting.join(5)
    assert len(held) == 1
