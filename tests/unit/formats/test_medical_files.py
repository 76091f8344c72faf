"""NRRD and NIfTI, as pynrrd and nibabel write them, and as other programs write NRRD: axes, types, memory, damage."""

import gzip

import nibabel
import nrrd
import numpy as np
import pytest
from ultraseg.base.errors import UserError
from ultraseg.formats import medical_files
from ultraseg.formats.array_files import is_array_file, open_header, read_planes
from ultraseg.formats.medical_files import is_medical, medical_header, open_medical
from ultraseg.ingest.image_source import image_header, resolve_image

STACK = np.arange(5 * 7 * 9, dtype=np.uint16).reshape(5, 7, 9)  # z, y, x


def nifti(values, path, **kind):
    nibabel.save(nibabel.Nifti1Image(values, np.diag([-4, -4, 20, 1]), **kind), path)


def big_endian(path):
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(">u2")
    nibabel.save(nibabel.Nifti1Image(STACK.T, np.eye(4), header), path)


def detached(path):
    nrrd.write(str(path), STACK.T, {"encoding": "raw"}, detached_header=True)


def skipping(path):
    """A header of its own, with the last bytes of a file as the numbers, as people write it for a raw file."""
    path.with_suffix(".raw").write_bytes(b"header of another program" + STACK.astype(">u2").tobytes())
    path.write_text(
        "NRRD0004\ntype: ushort\ndimension: 3\nsizes: 9 7 5\nendian: big\nencoding: raw\nbyte skip: -1\n"
        f"data file: {path.with_suffix('.raw').name}\n"
    )


WRITERS = {
    "a.nii": lambda path: nifti(STACK.T, path),
    "a.nii.gz": lambda path: nifti(STACK.T, path),
    "big.nii": big_endian,
    "two.nii": lambda path: nibabel.save(nibabel.Nifti2Image(STACK.T, np.eye(4)), path),
    "raw.nrrd": lambda path: nrrd.write(str(path), STACK.T, {"encoding": "raw"}),
    "gzip.nrrd": lambda path: nrrd.write(str(path), STACK.T, {"encoding": "gzip"}),
    "bzip2.nrrd": lambda path: nrrd.write(str(path), STACK.T, {"encoding": "bzip2"}),
    "a.nhdr": detached,
    "skip.nhdr": skipping,
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_first_axis_of_a_file_is_x(tmp_path, name):
    WRITERS[name](tmp_path / name)
    path = str(tmp_path / name)
    assert is_array_file(path) and is_medical(path)
    found = open_header(path)
    assert (found.shape, found.dtype, found.channels) == ((5, 7, 9), "uint16", 1)
    assert np.array_equal(np.stack([*read_planes(found, [4, 0, 1])]), STACK[[4, 0, 1]])
    assert all((tmp_path / file).exists() for file in found.files([3]))
    assert len(found.files([3])) == (2 if name.endswith(".nhdr") else 1)
    assert np.array_equal(next(read_planes(open_header(path, "zyx"), [8])), STACK[:, :, 8].T)


def test_what_is_read_may_be_changed(tmp_path):
    """The numbers of a packed file stay in memory, and must stay as they are."""
    for name in ("a.nii.gz", "gzip.nrrd", "raw.nrrd"):
        WRITERS[name](tmp_path / name)
        found = open_header(str(tmp_path / name))
        next(read_planes(found, [2]))[:] = 0
        assert np.array_equal(next(read_planes(found, [2])), STACK[2])


def test_slices_of_an_unpacked_file_are_read_alone(tmp_path, monkeypatch):
    read = []
    numpy_fromfile = nibabel.fileslice.fileslice
    monkeypatch.setattr(
        "nibabel.arrayproxy.fileslice",
        lambda f, s, *rest, **how: read.append(s) or numpy_fromfile(f, s, *rest, **how),
    )
    WRITERS["a.nii"](tmp_path / "a.nii")
    next(read_planes(open_header(str(tmp_path / "a.nii")), [3]))
    assert [part[-1] for part in read] == [slice(3, 4)]
    WRITERS["raw.nrrd"](tmp_path / "raw.nrrd")
    assert isinstance(open_medical(str(tmp_path / "raw.nrrd")), np.memmap)


@pytest.mark.parametrize("name", ["a.nii.gz", "gzip.nrrd"])
def test_a_packed_file_is_unpacked_once_until_it_changes(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](path)
    before = open_header(str(path)).stamp
    assert open_medical(str(path)) is open_medical(str(path))
    (nifti if "nii" in name else lambda values, file: nrrd.write(str(file), values))((STACK + 1).T, path)
    assert open_medical(str(path))[0, 0, 0] == 1 and open_header(str(path)).stamp != before


@pytest.mark.parametrize("name, cure", [("a.nii.gz", "gunzip"), ("gzip.nrrd", "'encoding': 'raw'")])
def test_a_large_packed_file_is_refused_with_the_cure(tmp_path, monkeypatch, name, cure):
    monkeypatch.setattr(medical_files, "MOST_UNPACKED", STACK.nbytes - 1)
    monkeypatch.chdir(tmp_path)
    WRITERS[name](tmp_path / name)
    with pytest.raises(UserError, match="is compressed, and its numbers take .* MB") as told:
        open_header(name)
    assert cure in told.value.cure
    if name == "gzip.nrrd":  # the cure works as it is typed
        exec(told.value.cure.partition("pynrrd: ")[2].partition(". Slices")[0], {"nrrd": nrrd})
        assert np.array_equal(next(read_planes(open_header("raw.nrrd"), [2])), STACK[2])
    monkeypatch.setattr(medical_files, "MOST_UNPACKED", STACK.nbytes)
    assert open_header(name).shape == (5, 7, 9)


def test_channels_and_times(tmp_path):
    maps = np.stack([STACK, STACK + 1]).astype(np.float32)
    nrrd.write(
        str(tmp_path / "m.nrrd"),
        maps.transpose(0, 3, 2, 1),
        {"kinds": ["vector", "domain", "domain", "domain"]},
    )
    found = open_header(str(tmp_path / "m.nrrd"))
    assert (found.axes, found.channels, found.dtype) == ("cxyz", 2, "float32")
    assert np.array_equal(next(read_planes(found, [2], 1)), maps[1, 2])
    nrrd.write(str(tmp_path / "n.nrrd"), maps.transpose(0, 3, 2, 1))
    with pytest.raises(UserError, match="4 axes .* not known which of them are z, y and x"):
        open_header(str(tmp_path / "n.nrrd"))
    nifti(maps.T, tmp_path / "m.nii")
    with pytest.raises(UserError, match="has 2 times") as told:
        open_header(str(tmp_path / "m.nii"))
    assert "axes: xyzc." in told.value.cure
    assert np.array_equal(next(read_planes(open_header(str(tmp_path / "m.nii"), "xyzc"), [2], 1)), maps[1, 2])
    nifti(STACK.T[..., None, None], tmp_path / "one.nii")
    assert open_header(str(tmp_path / "one.nii")).shape == (5, 7, 9)


def test_numbers_that_a_header_scales_are_fractions(tmp_path):
    image = nibabel.Nifti1Image(np.linspace(0, 1, STACK.size).reshape(STACK.T.shape), np.eye(4))
    image.set_data_dtype(np.uint8)
    nibabel.save(image, tmp_path / "m.nii")
    found = open_header(str(tmp_path / "m.nii"))
    plane = next(read_planes(found, [4]))
    assert found.dtype == plane.dtype.name == "float64" and plane.max() == pytest.approx(1, abs=0.01)


def test_damaged_files_are_told(tmp_path):
    for name in ("a.nii", "a.nii.gz", "raw.nrrd", "gzip.nrrd"):
        WRITERS[name](tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) - 60])
        with pytest.raises(UserError, match="cannot be read|do not decode"):
            next(read_planes(open_header(str(tmp_path / name)), [4]))
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(UserError, match=r"cannot be read as N(IfTI|RRD)"):
            open_header(str(tmp_path / name))
    with pytest.raises(UserError, match="no such file"):
        open_header(str(tmp_path / "none.nii"))


def test_a_file_that_would_grow_is_read_as_far_as_its_header_says(tmp_path):
    head = b"NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: gzip\n\n"
    (tmp_path / "a.nrrd").write_bytes(head + gzip.compress(bytes(10**7)))
    assert open_medical(str(tmp_path / "a.nrrd")).shape == (2, 2, 2)


@pytest.mark.parametrize(
    "line, told",
    [
        ("encoding: hex", "has the encoding hex"),
        ("encoding: raw\ndata file: ../other.raw", "not in one file beside it"),
        ("encoding: raw\ndata file: LIST", "not in one file beside it"),
        ("encoding: raw\ndata file: slice%03d.raw 1 5 1", "not in one file beside it"),
        ("encoding: raw\ndata file: gone.raw", "there is no such file"),
        ("encoding: gzip\nbyte skip: 4", "skips 4 bytes"),
    ],
)
def test_what_is_not_read_of_nrrd_is_told(tmp_path, line, told):
    text = f"NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\n{line}\n\n"
    (tmp_path / "a.nhdr").write_bytes(text.encode() + bytes(8))
    with pytest.raises(UserError, match=told):
        medical_header(str(tmp_path / "a.nhdr"))


@pytest.mark.parametrize("name", ["a.nii", "raw.nrrd"])
def test_images_of_these_forms_come_with_the_command_that_converts_them(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    WRITERS[name](tmp_path / name)
    with pytest.raises(UserError, match="is an? N(IfTI|RRD) file") as told:
        image_header(resolve_image(name))
    command = told.value.cure.rpartition("nibabel: " if "nii" in name else "pynrrd: ")[2].rstrip(".")
    exec("import tifffile, nibabel, nrrd\n" + command)
    header = image_header(resolve_image("image.tif"))
    assert tuple(header.shape) == (7, 9)
