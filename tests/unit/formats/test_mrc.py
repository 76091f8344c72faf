"""MRC files as image stacks."""

import mrcfile
import numpy as np
import pytest
from ultraseg.arrays.grey_values import stored_as
from ultraseg.base.errors import UserError
from ultraseg.formats import mrc
from ultraseg.ingest.image_source import image_header, resolve_image
from ultraseg.ingest.read_slices import read_source_slices, read_stored

RNG = np.random.default_rng(0)


def write(file, stack, angstrom=None, volume=True):
    with mrcfile.new(str(file), overwrite=True) as out:
        out.set_data(stack)
        if volume:
            out.set_volume()
        else:
            out.set_image_stack()
        if angstrom:
            out.voxel_size = angstrom
    return str(file)


@pytest.mark.parametrize("suffix", [".mrc", ".rec", ".st"])
@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float16", "float32"])
def test_every_type_of_numbers_is_read(tmp_path, suffix, dtype):
    stack = RNG.integers(-100 if dtype[0] != "u" else 0, 100, (5, 8, 9)).astype(dtype)
    source = resolve_image(write(tmp_path / f"a{suffix}", stack))
    assert source.zs == list(range(5))
    header = image_header(source)
    assert (header.shape, header.dtype) == ((8, 9), dtype)
    assert np.array_equal(list(read_source_slices(source.slices, (8, 9), dtype)), stack)
    part = list(read_source_slices(source.slices[1:3], (8, 9), dtype, [(2, 7), (0, 4)]))
    assert np.array_equal(part, stack[1:3, 2:7, :4])


def swapped(file):
    """The same file with the other byte order."""
    with mrcfile.open(file) as given:
        header, data = given.header.copy(), given.data.copy()
    header = header.astype(header.dtype.newbyteorder(">"))
    header["machst"] = (0x11, 0x11, 0, 0)
    with open(file, "wb") as out:
        out.write(header.tobytes() + data.astype(data.dtype.newbyteorder(">")).tobytes())
    return file


def test_big_endian_files_and_extended_headers(tmp_path):
    stack = RNG.integers(-3000, 3000, (3, 6, 7)).astype(np.int16)
    source = resolve_image(swapped(write(tmp_path / "a.mrc", stack)))
    assert mrc.read_mrc_header(source.slices[0].file).dtype.byteorder == ">"
    assert np.array_equal(list(read_source_slices(source.slices, (6, 7), "int16")), stack)
    with mrcfile.new(str(tmp_path / "b.mrc")) as out:
        out.set_extended_header(np.zeros(100, "V16"))
        out.set_data(stack)
    source = resolve_image(str(tmp_path / "b.mrc"))
    assert np.array_equal(list(read_source_slices(source.slices, (6, 7), "int16")), stack)


@pytest.mark.parametrize(("flags", "dtype"), [(0, "uint8"), (1, "int8")])
def test_bytes_of_imod_are_unsigned_unless_a_flag_says_so(tmp_path, flags, dtype):
    stack = RNG.integers(0, 256, (2, 6, 7), np.uint8)
    file = write(tmp_path / "a.mrc", stack.view(np.int8))
    with open(file, "r+b") as out:
        out.seek(152)
        out.write(np.array([mrc.IMOD_STAMP, flags], "<i4").tobytes())
    source = resolve_image(file)
    assert image_header(source).dtype == dtype
    stored = stored_as(dtype, (0, 255) if dtype == "uint8" else (-128, 127), 8)
    expected = stack if dtype == "uint8" else stack.view(np.int8).astype(int) + 128
    assert np.array_equal(list(read_stored(source.slices, (6, 7), dtype, stored, threads=2)), expected)


def test_files_of_old_programs_without_stamp_are_read(tmp_path):
    stack = RNG.integers(0, 99, (2, 6, 7)).astype(np.float32)
    file = write(tmp_path / "a.mrc", stack)
    with open(file, "r+b") as out:
        out.seek(208)
        out.write(bytes(8))  # the letters "MAP " and the machine stamp
    assert np.array_equal(list(read_source_slices(resolve_image(file).slices, (6, 7), "float32")), stack)


@pytest.mark.parametrize(
    ("angstrom", "volume", "told"),
    [
        ((50, 40, 200), True, (20, 4, 5)),
        ((50, 40, 200), False, (None, 4, 5)),  # sections of an image stack have no distance
        (1, True, (None, None, None)),  # what programs write that know no size
        (None, True, (None, None, None)),
    ],
)
def test_the_voxel_size_is_told_in_nm(tmp_path, angstrom, volume, told):
    stack = RNG.integers(0, 99, (2, 6, 7)).astype(np.uint16)
    source = resolve_image(write(tmp_path / "a.mrc", stack, angstrom, volume))
    found = image_header(source).pixel_size.nm
    assert found == pytest.approx(told)


def test_one_section_is_one_slice(tmp_path):
    section = RNG.integers(0, 99, (6, 7)).astype(np.uint16)
    with mrcfile.new(str(tmp_path / "a.mrc")) as out:
        out.set_data(section)
    source = resolve_image(str(tmp_path / "a.mrc"))
    assert source.zs == [0]
    assert np.array_equal(list(read_source_slices(source.slices, (6, 7), "uint16")), section[None])


def test_damaged_files_are_named(tmp_path):
    file = tmp_path / "a.mrc"
    write(file, np.zeros((4, 30, 40), np.float32))
    whole = file.read_bytes()
    for content, text in (
        (whole[:-9], r"truncated: its header tells of 20224 bytes, the file has 20215"),
        (whole[:500], "not a valid MRC"),
        (b"", "empty"),
        (b"II*\0" + b"\x07" * 3000, "not a valid MRC|truncated|an array of"),
    ):
        file.write_bytes(content)
        with pytest.raises(UserError, match=text) as error:
            resolve_image(str(file))
        assert "a.mrc" in error.value.problem and error.value.cure
    with pytest.raises(UserError, match="no such file"):
        resolve_image(str(tmp_path / "b.mrc"))


def permuted(file, axes):
    """The same voxels stored along other axes; ``axes``: those of columns, rows and sections, 1 is x."""
    with mrcfile.open(file) as given:
        header, data = given.header.copy(), given.data.copy()
    places = [3 - axis for axis in axes[::-1]]  # of z, y, x in sections, rows, columns
    stored = np.ascontiguousarray(data.transpose(places))
    header.nz, header.ny, header.nx = stored.shape
    header.mapc, header.mapr, header.maps = axes
    with open(file, "wb") as out:
        out.write(header.tobytes() + stored.tobytes())
    return file


@pytest.mark.parametrize("axes", [(1, 2, 3), (3, 2, 1), (2, 1, 3), (1, 3, 2), (2, 3, 1), (3, 1, 2)])
def test_axes_in_another_order_are_put_right(tmp_path, axes):
    stack = RNG.integers(0, 999, (4, 6, 7)).astype(np.int16)
    source = resolve_image(permuted(write(tmp_path / "a.mrc", stack, (50, 40, 200)), axes))
    header = image_header(source)
    assert header.shape == (6, 7) and header.pixel_size.nm == pytest.approx((20, 4, 5))
    assert np.array_equal(list(read_source_slices(source.slices, (6, 7), "int16")), stack)
    part = list(read_source_slices(source.slices[1:3], (6, 7), "int16", [(2, 5), (1, 6)]))
    assert np.array_equal(part, stack[1:3, 2:5, 1:6])


def header_with(file, **fields):
    with mrcfile.open(file, mode="r+", permissive=True) as out:
        for name, value in fields.items():
            out.header[name] = value
    return file


def test_axes_that_programs_left_out_are_x_y_z_and_others_are_named(tmp_path):
    stack = RNG.integers(0, 99, (3, 6, 7)).astype(np.int16)
    file = header_with(write(tmp_path / "a.mrc", stack), mapc=0, mapr=0, maps=0)
    assert np.array_equal(list(read_source_slices(resolve_image(file).slices, (6, 7), "int16")), stack)
    with pytest.raises(UserError, match="names the axes 1, 1, 3 for columns"):
        resolve_image(header_with(file, mapc=1, mapr=1, maps=3))


@pytest.mark.parametrize("mode", [3, 16, 101])
def test_types_that_are_not_read_are_told_how_to_be_written(tmp_path, mode):
    file = header_with(write(tmp_path / "a.mrc", np.zeros((3, 6, 7), np.int16)), mode=mode)
    with pytest.raises(UserError, match="a.mrc: not a valid MRC file .*mode") as caught:
        resolve_image(file)
    assert "newstack" in caught.value.cure
    with open(file, "r+b") as stored:  # with the stamp that programs write
        stored.seek(208)
        stored.write(b"MAP ")
    with pytest.raises(UserError, match="a.mrc: not a valid MRC file .*mode"):
        resolve_image(file)


@pytest.mark.parametrize(
    "fields",
    [{"nz": 10**9}, {"nz": -5}, {"nsymbt": -900}, {"nx": 0}, {"ispg": 401, "mz": 0}, {"ispg": 401, "mz": 2}],
)
def test_headers_that_cannot_be_are_messages(tmp_path, fields):
    file = header_with(write(tmp_path / "a.mrc", np.zeros((4, 6, 7), np.int16)), **fields)
    try:
        source = resolve_image(file)
    except UserError as error:
        assert "a.mrc" in error.problem and error.cure
    else:
        assert list(fields) == ["nsymbt"] and len(source) == 4


def test_a_file_of_very_many_small_sections_is_refused(tmp_path):
    file = write(tmp_path / "a.mrc", np.zeros((1_000_001, 1, 1), np.int8))
    with pytest.raises(UserError, match="1000001 slices, more than 1000000"):
        resolve_image(file)


def test_complex_numbers_are_refused(tmp_path):
    source = resolve_image(write(tmp_path / "a.mrc", np.zeros((4, 6, 7), np.complex64)))
    with pytest.raises(UserError, match=r"a\.mrc: pixel type is complex64"):
        image_header(source)
