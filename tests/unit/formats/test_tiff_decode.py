"""Pages of TIFF files: which are slices, what they hold, and what damage looks like."""

import struct

import numpy as np
import pytest
import tifffile
from ultraseg.base.errors import UserError
from ultraseg.formats.tiff_decode import check_page, open_tiff
from ultraseg.formats.tiff_read import read_header, read_image_header, read_slice
from ultraseg.ingest.image_source import image_header, resolve_image

STACK = np.random.default_rng(0).integers(0, 256, (6, 40, 50), dtype=np.uint8)


def test_hidden_stack_of_16_bit_big_endian(tmp_path):
    file = str(tmp_path / "stack.tif")
    data = STACK.astype(np.uint16) * 200
    tifffile.imwrite(file, data, truncate=True, byteorder=">")
    assert np.array_equal(read_slice(file, 4), data[4])
    cut(file, 0.9)
    with pytest.raises(UserError, match="truncated: page 5"):
        read_slice(file, 5)


def test_grey_in_disguise_is_read_and_colour_refused(tmp_path):
    file = str(tmp_path / "s1.tif")
    grey = STACK[0]
    rgba = np.stack([grey] * 3 + [np.full_like(grey, 255)], -1)
    tifffile.imwrite(file, np.stack([grey] * 3, -1), photometric="rgb")
    assert np.array_equal(read_slice(file), grey)
    tifffile.imwrite(file, rgba, photometric="rgb", extrasamples=["unassalpha"])
    assert np.array_equal(read_slice(file), grey)
    tifffile.imwrite(file, np.stack([grey] * 3), photometric="rgb", planarconfig="separate")
    assert np.array_equal(read_slice(file), grey)
    tifffile.imwrite(file, np.stack([grey, grey, grey // 2], -1), photometric="rgb")
    with pytest.raises(UserError, match="colour image"):
        read_slice(file)


def test_palette_of_greys_is_applied_to_images_and_ignored_for_labels(tmp_path):
    file = str(tmp_path / "s1.tif")
    falling = (np.arange(255, -1, -1) * 257).astype(np.uint16)
    tifffile.imwrite(file, STACK[0], photometric="palette", colormap=np.stack([falling] * 3))
    assert np.array_equal(read_slice(file), 255 - STACK[0])
    assert np.array_equal(read_slice(file, kind="labels"), STACK[0])


def test_reduced_copies_are_no_slices(tmp_path):
    file = str(tmp_path / "s1.tif")
    with tifffile.TiffWriter(file) as tif:
        tif.write(STACK[0], metadata=None)
        tif.write(STACK[0, ::2, ::2], subfiletype=1, metadata=None)
    assert read_header(file).pages == 1
    assert np.array_equal(read_slice(file), STACK[0])


def test_a_thumbnail_before_the_slice_is_left_out(tmp_path):
    file = str(tmp_path / "s1.tif")
    for copies in (1, 2):
        with tifffile.TiffWriter(file) as tif:
            tif.write(STACK[0, ::4, ::4], subfiletype=1, metadata=None)
            for one in STACK[:copies]:
                tif.write(one, metadata=None)
                tif.write(one[::2, ::2], subfiletype=1, metadata=None)
        assert read_header(file) == (copies, (40, 50), np.uint8)
        for index in range(copies):
            assert np.array_equal(read_slice(file, index), STACK[index])
    assert image_header(resolve_image(file)).shape == (40, 50)


def test_masks_of_transparency_are_no_slices(tmp_path):
    file = str(tmp_path / "s1.tif")
    with tifffile.TiffWriter(file) as tif:
        tif.write(STACK[0], metadata=None)
        tif.write(STACK[1] > 100, subfiletype=4, photometric="minisblack", metadata=None)
    assert read_header(file).pages == 1 and np.array_equal(read_slice(file), STACK[0])


@pytest.mark.parametrize(
    "layout", [{"rowsperstrip": 8}, {"tile": (16, 16)}, {"rowsperstrip": 8, "compression": "zlib"}]
)
@pytest.mark.parametrize("kind", ["image", "labels"])
@pytest.mark.parametrize("lost", [[1], [0, 2, 3]])
def test_strips_and_tiles_without_data_are_pointed_out(tmp_path, caplog, layout, kind, lost):
    file = str(tmp_path / "s1.tif")
    tifffile.imwrite(file, STACK[0] | 1, metadata=None, **layout)
    read_slice(file, kind=kind)
    assert not caplog.records
    with tifffile.TiffFile(file, mode="r+") as tif:
        tag = "TileByteCounts" if "tile" in layout else "StripByteCounts"
        counts = list(tif.pages[0].databytecounts)
        of = len(counts)
        for index in lost:
            counts[index] = 0
        tif.pages[0].tags[tag].overwrite(counts)
    values = read_slice(file, kind=kind)
    (record,) = caplog.records
    assert f"s1.tif: {len(lost)} of {of} strips or tiles of page 0 hold no data" in record.getMessage()
    assert (values == 0).any() and (values > 0).any()
    with open_tiff(file) as tif:
        check_page(tif, file, 0)
    assert len(caplog.records) == 2, "the check before a run says so as well"


@pytest.mark.parametrize("kind", ["image", "labels"])
def test_a_strip_whose_place_is_0_is_pointed_out_whatever_its_length(tmp_path, caplog, kind):
    file = str(tmp_path / "s1.tif")
    tifffile.imwrite(file, STACK[0] | 1, metadata=None, rowsperstrip=8, compression="lzw")
    with tifffile.TiffFile(file, mode="r+") as tif:
        offsets = list(tif.pages[0].dataoffsets)
        tif.pages[0].tags["StripOffsets"].overwrite([*offsets[:-1], 0])
    assert (read_slice(file, kind=kind)[-4:] == 0).all()
    assert f"s1.tif: 1 of {len(offsets)} strips or tiles of page 0 hold no data" in caplog.text


def bits(file, values, count, photometric=1):
    """A TIFF of 2 or 4 bits per pixel, which tifffile does not write."""
    packed = np.packbits(
        np.unpackbits(values[..., None], axis=-1)[..., 8 - count :].reshape(len(values), -1), axis=1
    )
    tags = [
        (256, 4, values.shape[1]), (257, 4, len(values)), (258, 3, count), (259, 3, 1), (262, 3, photometric),
        (273, 4, 8), (277, 3, 1), (278, 4, len(values)), (279, 4, packed.size),
    ]  # fmt: skip
    body = b"".join(struct.pack("<HHII", code, kind, 1, value) for code, kind, value in tags)
    head = b"II*\0" + struct.pack("<I", 8 + packed.size)
    file.write_bytes(head + packed.tobytes() + struct.pack("<H", len(tags)) + body + b"\0" * 4)
    return str(file)


@pytest.mark.parametrize("count", [2, 4])
def test_few_bits_are_spread_over_the_greys_of_images_and_kept_for_labels(tmp_path, count):
    values = np.random.default_rng(0).integers(0, 2**count, (6, 9)).astype(np.uint8)
    file = bits(tmp_path / "z1.tif", values, count)
    spread = values * (255 // (2**count - 1))
    assert np.array_equal(read_slice(file), spread)
    assert np.array_equal(read_slice(file, kind="labels"), values)
    assert np.array_equal(read_slice(bits(tmp_path / "z1.tif", values, count, 0)), 255 - spread)


IMAGEJ = "ImageJ=1.53t\nimages=40\nslices=40\nloop=false\n"


@pytest.mark.parametrize(
    "description",
    [
        IMAGEJ,
        *('{"shape": [40, 40, 50]}', '{"shape": [40, 40, 50], "axes": "ZYX"}'),
        *('{"shape": [2, 20, 40, 50], "axes": "CZYX"}', '{"shape": [20, 2, 40, 50]}'),
    ],
)
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"rowsperstrip": 7}, {"byteorder": ">"}])
def test_single_slices_that_kept_the_description_of_their_stack_are_whole(tmp_path, description, options):
    file = str(tmp_path / "s1.tif")
    tifffile.imwrite(
        file, STACK[0], photometric="minisblack", description=description, metadata=None, **options
    )
    assert read_header(file).pages == 1
    assert read_image_header(file)[0] == STACK[0].shape
    assert np.array_equal(read_slice(file), STACK[0])


def test_a_description_behind_the_pixels_hides_no_slice(tmp_path):
    """As libtiff writes: pixels first, tags and texts after them; here larger than a slice."""
    file = tmp_path / "s1.tif"
    tifffile.imwrite(file, STACK[0, :4, :5], photometric="minisblack", description=IMAGEJ, metadata=None)
    with tifffile.TiffFile(file) as tif:
        page = tif.pages[0]
        tags = [(t.code, int(t.dtype), t.count, t.value) for t in page.tags]
    pixels = STACK[0, :4, :5].tobytes()
    entries, texts, start = b"", b"", 8 + len(pixels) + 2 + 12 * len(tags) + 4
    for code, kind, count, value in tags:
        text = value.encode() + b"\0" if isinstance(value, str) else None
        value = (8,) if code == 273 else value if isinstance(value, tuple) else (value,)
        if text:
            stored, count = struct.pack("<I", start + len(texts)), len(text)
            texts += text
        elif kind == 5:
            stored = struct.pack("<I", start + len(texts))
            texts += struct.pack("<II", *value)
        else:
            kind, stored = 4, struct.pack("<I", int(value[0]))
        entries += struct.pack("<HHI", code, kind, count) + stored
    head = b"II*\0" + struct.pack("<I", 8 + len(pixels))
    file.write_bytes(head + pixels + struct.pack("<H", len(tags)) + entries + b"\0\0\0\0" + texts)
    assert read_header(str(file)).pages == 1
    assert np.array_equal(read_slice(str(file)), STACK[0, :4, :5])


def test_a_description_of_very_many_slices_is_refused_before_they_are_listed(tmp_path):
    file = tmp_path / "stack.tif"
    about = IMAGEJ.replace("40", str(10**9))
    tifffile.imwrite(file, STACK[0], photometric="minisblack", description=about, metadata=None)
    file.write_bytes(file.read_bytes() + bytes(4000))
    with pytest.raises(UserError, match="1000000000 slices, more than 1000000"):
        resolve_image(str(file))


def test_a_hidden_stack_that_was_cut_off_is_still_truncated(tmp_path):
    file = str(tmp_path / "stack.tif")
    tifffile.imwrite(file, STACK, truncate=True)
    cut(file, 0.3)
    with pytest.raises(UserError, match="truncated"):
        read_slice(file, 5)


def cut(file, fraction):
    with open(file, "rb") as stream:
        data = stream.read()
    with open(file, "wb") as stream:
        stream.write(data[: int(len(data) * fraction)])


@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.5, 0.9])
def test_truncated_files_are_named(tmp_path, compression, fraction):
    file = str(tmp_path / "s1.tif")
    tifffile.imwrite(file, STACK[0], compression=compression)
    cut(file, fraction)
    with pytest.raises(UserError, match="s1.tif") as error:
        read_slice(file)
    assert error.value.cure


@pytest.mark.parametrize("fraction", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("imagej", [False, True])
def test_stack_with_a_broken_page_chain_is_refused(tmp_path, fraction, imagej):
    file = str(tmp_path / "stack.tif")
    tifffile.imwrite(file, STACK, imagej=imagej)
    cut(file, fraction)
    with pytest.raises(UserError, match="stack.tif"):
        read_header(file)


def test_damaged_strip_and_foreign_file_are_refused(tmp_path):
    file = str(tmp_path / "s1.tif")
    tifffile.imwrite(file, STACK[0], compression="zlib")
    with open(file, "r+b") as stream:
        stream.seek(600)
        stream.write(b"\0" * 200)
    with pytest.raises(UserError, match="cannot be decoded"):
        read_slice(file)
    with open(file, "wb") as stream:
        stream.write(b"\x89PNG" + b"\0" * 100)
    with pytest.raises(UserError, match="not a valid TIFF"):
        read_slice(file)
