"""HDF5 from elsewhere: links and arrays that lead to other files are refused."""

import h5py
import numpy as np
import pytest
from ultraseg.base.hdf5_links import check_inside, stored_bytes


def test_what_lies_in_the_file_is_counted(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x/y"] = np.zeros((10, 4), np.float32)
        file["x/again"] = file["x/y"]  # one array under two names
        file.create_dataset("never", (1000, 1000, 1000), np.uint8, chunks=(100, 100, 100))
        file.create_dataset("none", data=h5py.Empty("f4"))
    assert stored_bytes(str(tmp_path / "a.h5")) == 160 + 10**9
    with open(tmp_path / "a.h5", "rb") as opened:
        assert stored_bytes(opened) == 160 + 10**9


def external(file, folder):
    (folder / "secret.bin").write_bytes(bytes(100))
    file.create_dataset("x", (100,), np.uint8, external=[(str(folder / "secret.bin"), 0, 100)])


def virtual(file, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["x"] = np.zeros(100, np.uint8)
    layout = h5py.VirtualLayout((100,), np.uint8)
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "x", (100,))
    file.create_virtual_dataset("x", layout)


def external_link(file, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["x"] = np.zeros(100, np.uint8)
    file["x"] = h5py.ExternalLink(str(folder / "other.h5"), "x")


def soft_link(file, folder):
    file["x"] = h5py.SoftLink("/nowhere")


@pytest.mark.parametrize("make", [external, virtual, external_link, soft_link])
def test_what_leads_elsewhere_is_refused(tmp_path, make):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        make(file, tmp_path)
    with pytest.raises(ValueError, match="'.*x'"):
        stored_bytes(str(tmp_path / "a.h5"))
    if make in (external, virtual):
        with h5py.File(tmp_path / "a.h5") as file, pytest.raises(ValueError, match="other files"):
            check_inside(file["x"])
