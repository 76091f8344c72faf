"""HDF5 files are opened without asking for a lock, written without crashes, and tell of damage."""

import errno
import fcntl
import os
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from ultraseg.base.errors import UserError
from ultraseg.run.code_version import PACKAGE
from ultraseg.storage import hdf5
from ultraseg.storage.hdf5 import damage_told, new_hdf5, open_hdf5
from ultraseg.storage.label_slices import LabelSlices, write_slices

NOISE = np.random.default_rng(0).integers(0, 256, (40, 50, 60)).astype(np.uint8)


def write(path, rows=NOISE, **filters):
    with new_hdf5(path) as file:
        file.attrs["z"] = [1, 2]
        for row in rows:
            file.append("x", row[None], 1, **filters)
            file.append("n", np.array([row.sum()]), 16)
        file.append("name", np.array(["a", "bc"], object), 4, h5py.string_dtype())


# ---- locks
def test_a_file_on_which_no_lock_is_to_be_had_is_read_and_written(tmp_path):
    """Another holder of the lock fails in the same call as a file system without locks."""
    path = tmp_path / "a.h5"
    write(path)
    with open(path, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="unable to lock file"):
            h5py.File(path, "r")
        with open_hdf5(path) as file:
            assert np.array_equal(file["x"], NOISE)
        write(path, NOISE[:3])
    with open_hdf5(path) as file:
        assert len(file["x"]) == 3


def test_label_slices_need_no_lock(tmp_path):
    path = str(tmp_path / "a.h5")
    write_slices(path, (2, 3), [(5, {"labels": np.ones((2, 3), np.uint8)})])
    with open(path, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with LabelSlices(path) as given:
            assert given.zs == [5] and given.read(5).sum() == 6


def test_no_module_or_script_opens_hdf5_itself():
    """HDF5 that is opened in another way asks for locks, and crashes on a full disk."""
    direct = re.compile(r"h5py\.File\(|save_weights\(|load_weights\(|to_hdf\(|read_hdf\(")
    found = [
        f"{file.relative_to(PACKAGE.parent)}: {line.strip()}"
        for file in [*PACKAGE.rglob("*.py"), *(PACKAGE.parent / "scripts").rglob("*.py")]
        for line in file.read_text().splitlines()
        if direct.search(line) and file != Path(hdf5.__file__)
    ]
    # The weights in a .keras archive are no file of a disk: they are looked at before Keras reads them.
    found = [line for line in found if not line.startswith("ultraseg/networks/model_guard.py")]
    assert [line for line in found if '"r", locking=False)' not in line] == []


# ---- writing
def test_what_is_written_is_read(tmp_path):
    write(tmp_path / "a.h5", compression="gzip")
    with open_hdf5(tmp_path / "a.h5") as file:
        assert np.array_equal(file["x"], NOISE) and file["x"].chunks == (1, 50, 60)
        assert file["n"][:].tolist() == [int(row.sum()) for row in NOISE]
        assert file["name"].asstr()[:].tolist() == ["a", "bc"] and file.attrs["z"].tolist() == [1, 2]
    with h5py.File(tmp_path / "a.h5") as file:  # as other programs open it
        assert np.array_equal(file["x"], NOISE)


def test_rows_of_another_size_are_refused(tmp_path):
    with pytest.raises(ValueError, match="rows of"), new_hdf5(tmp_path / "a.h5") as file:
        file.append("x", np.zeros((1, 3, 4)), 1)
        file.append("x", np.zeros((1, 1, 4)), 1)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("allowed", [*range(12), 20, 40, 80])
def test_a_write_that_fails_at_any_moment_is_that_error_and_leaves_nothing(tmp_path, monkeypatch, allowed):
    calls, real = [], os.pwrite

    def pwrite(number, block, place):
        calls.append(place)
        if len(calls) > allowed:
            raise OSError(errno.ENOSPC, "No space left on device")
        # a nearly full disk takes a part of what it is given
        return real(number, block[: max(1, len(block) // 2)], place)

    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(OSError) as caught:
        write(tmp_path / "a.h5")
    assert caught.value.errno == errno.ENOSPC and os.listdir(tmp_path) == []
    # At most what HDF5 writes between two rows is held back, and nothing is tried again.
    assert len(calls) == allowed + 1


def test_parts_of_blocks_make_whole_files(tmp_path, monkeypatch):
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda number, block, place: real(number, block[:1000], place))
    write(tmp_path / "a.h5")
    with open_hdf5(tmp_path / "a.h5") as file:
        assert np.array_equal(file["x"], NOISE)


def test_an_error_of_the_writer_and_ctrl_c_stay_what_they_are(tmp_path, monkeypatch):
    with pytest.raises(ZeroDivisionError), new_hdf5(tmp_path / "a.h5") as file:
        file.append("x", NOISE, 1)
        raise ZeroDivisionError

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "pwrite", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a.h5")
    assert os.listdir(tmp_path) == []


# ---- damage
def test_any_flipped_bit_is_told_or_harmless(tmp_path):
    """Chunks and metadata carry checksums: what is read is what was written, or a message."""
    path, rng = str(tmp_path / "a.h5"), np.random.default_rng(0)
    labels = [rng.integers(0, 3, (12, 14)).repeat(3, 1).astype(np.uint32) for _ in range(3)]
    write_slices(
        path, (12, 42), [(z, {"labels": s, "differ": np.int64(s.sum())}) for z, s in enumerate(labels)]
    )
    content, told = Path(path).read_bytes(), 0
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << (place % 8)
        Path(path).write_bytes(flipped)
        try:
            with LabelSlices(path) as given:
                assert given.zs == [0, 1, 2] and not given.has("known")
                for z, slice_ in enumerate(labels):
                    assert np.array_equal(given.read(z), slice_)
                    assert int(given.read(z, "differ")) == slice_.sum()
        except UserError as error:
            assert path in error.problem and f"Delete {path}" in error.cure
            told += 1
    assert told > 0.2 * len(content)  # the rest is padding


def test_a_file_that_is_not_there_or_not_readable_is_not_called_damaged(tmp_path):
    with pytest.raises(FileNotFoundError):
        LabelSlices(str(tmp_path / "a.h5"))
    with pytest.raises(PermissionError), damage_told("a.h5"):
        raise PermissionError(errno.EACCES, "no")
