"""Files of other kinds are named by what they are, with the cure."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import cv2
import h5py
import mrcfile
import numpy as np
import pytest
from ultraseg.base.errors import UserError
from ultraseg.formats.other_formats import what_it_is
from ultraseg.ingest.image_source import image_header, resolve_image
from ultraseg.labels.source import resolve_labels


def zipped(content):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("zarr.json", content)
    return out.getvalue()


def tarred(content):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return out.getvalue()


def drawn(suffix):
    return cv2.imencode(suffix, np.zeros((4, 5), np.uint8))[1].tobytes()


FILES = {
    "raw.mrc.gz": (gzip.compress, "packed with gzip", "gunzip"),
    "raw.tif.bz2": (bz2.compress, "packed with bzip2", "bunzip2"),
    "raw.tif.xz": (lzma.compress, "packed with xz", "unxz"),
    "raw.zarr.zip": (zipped, "a zip archive", "OME-Zarr"),
    "raw.ozx": (zipped, "a zip archive", "unzip"),
    "raw.tar": (tarred, "a tar archive", "tar -xf"),
    "raw.tif": (lambda _: drawn(".png"), "a PNG file", "Convert"),
    "raw_1.tif": (lambda _: drawn(".jpg"), "a JPEG file", "Convert"),
}


@pytest.mark.parametrize("name", FILES)
def test_packed_and_foreign_files_are_named(tmp_path, name):
    pack, kind, cure = FILES[name]
    (tmp_path / name).write_bytes(pack(b"x" * 1000))
    with pytest.raises(UserError, match=f"{name}: not a valid TIFF file .is {kind}") as caught:
        image_header(resolve_image(str(tmp_path / name)))
    assert cure in caught.value.cure


def test_an_hdf5_file_and_labels_in_mrc(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as out:
        out["x"] = 1
    with pytest.raises(UserError, match="is an HDF5 file"):
        resolve_image(str(tmp_path / "a.h5"))
    with mrcfile.new(str(tmp_path / "a.mrc")) as out:
        out.set_data(np.zeros((3, 4, 5), np.int16))
    with pytest.raises(UserError, match="is an MRC file") as caught:
        resolve_labels(str(tmp_path / "a.mrc"), str)
    assert "mrc2tif" in caught.value.cure
    (tmp_path / "b.mrc").write_bytes(gzip.compress((tmp_path / "a.mrc").read_bytes()))
    with pytest.raises(UserError, match="b.mrc: not a valid MRC file .is packed with gzip"):
        resolve_image(str(tmp_path / "b.mrc"))


def test_nothing_is_said_of_unknown_files(tmp_path):
    (tmp_path / "a").write_bytes(b"hello")
    assert what_it_is(str(tmp_path / "a")) is None and what_it_is(str(tmp_path / "b")) is None
