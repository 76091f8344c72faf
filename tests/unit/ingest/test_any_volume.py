"""Volumes of labels and maps are read alike, whatever program wrote them."""

import h5py
import mrcfile
import nibabel
import nrrd
import numpy as np
import pytest
import tifffile
import zarr
from ultraseg.base.errors import UserError
from ultraseg.ingest.any_volume import open_volume_file

STACK = np.arange(5 * 7 * 9, dtype=np.uint16).reshape(5, 7, 9)


def write_tiffs(path):
    path.mkdir()
    for z, plane in enumerate(STACK):
        tifffile.imwrite(path / f"z{z:03d}.tif", plane)


def write_hdf5(path):
    with h5py.File(path, "w") as file:
        file["ids"] = STACK


WRITERS = {
    "stack.tif": lambda path: tifffile.imwrite(path, STACK, photometric="minisblack"),
    "slices": write_tiffs,
    "stack.mrc": lambda path: mrcfile.write(path, STACK),
    "ids.h5": write_hdf5,
    "ids.nrrd": lambda path: nrrd.write(str(path), STACK.T),
    "ids.nii.gz": lambda path: nibabel.save(nibabel.Nifti1Image(STACK.T, np.eye(4)), path),
    "ids.zarr": lambda path: zarr.create_array(str(path), data=STACK, chunks=(2, 4, 4)),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_form_gives_the_same_slices(tmp_path, name):
    WRITERS[name](tmp_path / name)
    found = open_volume_file(str(tmp_path / name))
    assert (found.shape, found.dtype, found.channels, found.is_float) == ((5, 7, 9), "uint16", 1, False)
    assert np.array_equal(np.stack([*found.planes([1, 3])]), STACK[[1, 3]])
    assert all((tmp_path / file).exists() for file in found.files([1, 3]))


@pytest.mark.parametrize("name", ["maps.npz", "masks.npy"])
def test_forms_that_are_not_read_are_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x93NUMPY")
    with pytest.raises(UserError, match="is an? .*, which is not read") as told:
        open_volume_file(str(tmp_path / name))
    assert f"('{tmp_path / name}')" in told.value.cure  # as a command to type


def test_the_command_for_numpy_files_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "masks.npy", STACK)
    with pytest.raises(UserError) as told:
        open_volume_file("masks.npy")
    exec("import numpy, tifffile\n" + told.value.cure.rpartition("numpy: ")[2].removesuffix("."))
    found = open_volume_file("maps.tif")
    assert np.array_equal(np.stack([*found.planes(range(5))]), STACK)


def test_axes_of_a_tiff_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "stack.tif", STACK, photometric="minisblack")
    with pytest.raises(UserError, match="axes are given"):
        open_volume_file(str(tmp_path / "stack.tif"), "zyx")


def test_nothing_there(tmp_path):
    with pytest.raises(UserError, match="no such file or folder"):
        open_volume_file(str(tmp_path / "nothing"))
    with pytest.raises(UserError, match="no such file"):
        open_volume_file(str(tmp_path / "nothing.h5:ids"))
