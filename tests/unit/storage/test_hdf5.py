"""HDF5 files are opened without asking for a lock."""

import fcntl

import h5py
import numpy as np
import pytest
from ultraseg.storage.hdf5 import open_hdf5
from ultraseg.storage.label_slices import LabelSlices, write_slices


def test_a_file_on_which_no_lock_is_to_be_had_is_read_and_written(tmp_path):
    """Another holder of the lock fails in the same call as a file system without locks."""
    path = tmp_path / "a.h5"
    with open_hdf5(path, "w") as file:
        file["x"] = [1, 2]
    with open(path, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="unable to lock file"):
            h5py.File(path, "r")
        with open_hdf5(path) as file:
            assert file["x"][:].tolist() == [1, 2]
        with open_hdf5(path, "w") as file:
            file["x"] = [3]
    with open_hdf5(path) as file:
        assert file["x"][:].tolist() == [3]


def test_label_slices_need_no_lock(tmp_path):
    path = str(tmp_path / "a.h5")
    write_slices(path, (2, 3), [(5, {"labels": np.ones((2, 3), np.uint8)})])
    with open(path, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with LabelSlices(path) as given:
            assert given.zs == [5] and given.read(5).sum() == 6
