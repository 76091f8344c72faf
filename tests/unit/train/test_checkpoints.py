"""Checkpoints: found again by the training that wrote them alone, complete at any moment, removed at the end."""

import os
import re
import subprocess
import sys
import threading

import keras
import pytest
from ultraseg.base.errors import UserError
from ultraseg.train import checkpoints
from ultraseg.train.checkpoints import (
    drop_finished,
    fingerprint,
    hold,
    load_best,
    load_state,
    mark_finished,
    save_state,
)


def _model(value: float) -> keras.Model:
    image = keras.Input((2,))
    model = keras.Model(
        image, keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(value))(image)
    )
    model.compile("adam", "mse")
    return model


def _saved(folder, epochs=1, best=None, wanted="print"):
    state, _ = load_state(folder, wanted)
    for epoch in range(1, epochs + 1):
        state |= {"epoch": epoch, "best": {"epoch": min(epoch, best or epoch)}}
        save_state(folder, state, _model(epoch))
    return state


def test_the_training_that_wrote_a_checkpoint_finds_it(tmp_path):
    state, model = load_state(tmp_path / "net", "print")
    assert state["epoch"] == 0 and model is None
    _saved(tmp_path / "net", 2)
    state, model = load_state(tmp_path / "net", "print")
    assert state["epoch"] == 2 and float(model.layers[-1].get_weights()[0][0, 0]) == 2


def test_the_files_of_earlier_epochs_go_but_for_the_best_weights(tmp_path):
    state = _saved(tmp_path / "net", 3, best=2)
    assert {file.name for file in (tmp_path / "net").iterdir()} == {
        "state.json", "epoch_00003.keras", "best_00002.npz",
    }  # fmt: skip
    model = _model(0)
    load_best(tmp_path / "net", state, model)
    assert float(model.layers[-1].get_weights()[0][0, 0]) == 2


def test_a_checkpoint_of_another_training_is_removed(tmp_path):
    _saved(tmp_path / "net")
    state, model = load_state(tmp_path / "net", "another print")
    assert state["epoch"] == 0 and model is None and not list((tmp_path / "net").iterdir())


def test_a_damaged_checkpoint_is_named_with_its_cure(tmp_path):
    _saved(tmp_path / "net")
    (tmp_path / "net/epoch_00001.keras").write_bytes(b"no archive")
    with pytest.raises(UserError, match="checkpoint of the training is damaged") as caught:
        load_state(tmp_path / "net", "print")
    assert f"Delete {tmp_path / 'net'}" in caught.value.cure


@pytest.mark.parametrize("damage", [lambda content: content[:100], lambda content: b"", None])
def test_damaged_weights_of_the_best_epoch_are_named_with_their_cure(tmp_path, damage):
    state, model = _saved(tmp_path / "net"), _model(0)
    file = tmp_path / "net" / state["best_weights"]
    content = file.read_bytes()
    if damage:
        file.write_bytes(damage(content))
        with pytest.raises(UserError, match="checkpoint of the training is damaged"):
            load_best(tmp_path / "net", state, model)
        return
    missed = []
    for place in range(len(content)):
        file.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        try:
            load_best(tmp_path / "net", state, model)
        except UserError:
            continue
        if float(model.layers[-1].get_weights()[0][0, 0]) != 1:
            missed.append(place)
    assert missed == []


def test_a_checkpoint_that_finds_no_room_is_an_error_of_the_system_and_no_crash(tmp_path):
    """A limit on the size of files fails in the same calls as a full disk, and needs no disk of its own."""
    code = """
import resource
import keras
from pathlib import Path
from ultraseg.train.checkpoints import save_state
from ultraseg.base.system_errors import explain_system_error
image = keras.Input((200,))
model = keras.Model(image, keras.layers.Dense(2000)(image))
for limit in (1_000, 100_000, 1_700_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        save_state(Path("net"), {"epoch": 1, "best": {"epoch": 1}}, model)
        print("saved", flush=True)
    except Exception as error:
        print(explain_system_error(error, ["net.keras"]), flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    told = re.findall("^(net.keras: the file would pass|saved)", done.stdout, re.M)
    assert told == ["net.keras: the file would pass"] * 2 + ["saved"], done.stdout
    assert "Traceback" not in done.stderr
    assert sorted(file.name for file in (tmp_path / "net").iterdir()) == [
        "best_00001.npz", "epoch_00001.keras", "state.json",
    ]  # fmt: skip


def test_weights_are_written_and_read_without_a_lock(tmp_path, monkeypatch):
    """On file systems without locks HDF5 files of Keras' own cannot be opened."""
    import h5py

    def opened(path, *_, **__):
        assert not isinstance(path, str | os.PathLike), path
        return real(path, *_, **__)

    real = h5py.File
    monkeypatch.setattr(h5py, "File", opened)
    state = _saved(tmp_path / "net", 2)
    load_best(tmp_path / "net", state, _model(0))
    assert load_state(tmp_path / "net", "print")[1] is not None


def test_a_file_that_is_cut_off_leaves_the_last_epoch(tmp_path, monkeypatch):
    state = _saved(tmp_path / "net")
    monkeypatch.setattr(checkpoints, "write_text", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        save_state(tmp_path / "net", state | {"epoch": 2, "best": {"epoch": 2}}, _model(2))
    monkeypatch.undo()
    state, model = load_state(tmp_path / "net", "print")
    assert state["epoch"] == 1 and float(model.layers[-1].get_weights()[0][0, 0]) == 1


def test_fingerprints_differ_with_tiles_and_settings(tmp_path):
    (tmp_path / "a").write_bytes(b"tiles")
    (tmp_path / "b").write_bytes(b"other tiles")
    one = fingerprint(tmp_path / "a", {"x": 1, "y": 2})
    assert one == fingerprint(tmp_path / "a", {"y": 2, "x": 1})
    assert (
        len({one, fingerprint(tmp_path / "b", {"x": 1, "y": 2}), fingerprint(tmp_path / "a", {"x": 1})}) == 3
    )


def test_only_trainings_that_are_over_and_written_are_dropped(tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    for name, finished, written in (("a", True, True), ("b", False, True), ("c", True, False)):
        state = _saved(tmp_path / "checkpoints" / name)
        hold(tmp_path / "checkpoints" / name).close()
        if finished:
            mark_finished(tmp_path / "checkpoints" / name, state)
        if written:
            (models / f"{name}.keras").touch()
    drop_finished(str(tmp_path / "checkpoints"), str(models))
    assert {file.name for file in (tmp_path / "checkpoints").iterdir()} == {"b", "b.lock", "c", "c.lock"}


def test_a_folder_is_held_by_one_until_it_is_given_up(tmp_path):
    first = hold(tmp_path / "net")
    assert f"process {os.getpid()} on" in (tmp_path / "net.lock").read_text()
    held = []
    second = threading.Thread(target=lambda: held.append(hold(tmp_path / "net", wait=0.02)))
    second.start()
    second.join(0.3)
    assert second.is_alive() and not held
    first.close()
    second.join(10)
    assert len(held) == 1
