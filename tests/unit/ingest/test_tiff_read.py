"""Finding, reading and refusing TIFF slices."""

import subprocess
import sys

import numpy as np
import pytest
import tifffile
from ultraseg.base.errors import UserError
from ultraseg.ingest.find_slices import resolve_slices, slice_number
from ultraseg.ingest.tiff_read import read_header, read_slice

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 256, (6, 40, 50), dtype=np.uint8)


def write_folder(folder, numbers, name="slice_{:04d}.tif"):
    for number in numbers:
        tifffile.imwrite(folder / name.format(number), np.full((4, 5), number, np.uint8))


@pytest.mark.parametrize(
    ("name", "number"),
    [("z0012.tif", 12), ("run3_z7.tiff", 7), ("a/b5/x.tif", None), ("s_001.ome.tif", 1), ("10nm_s5.tif", 5)],
)
def test_number_is_last_in_the_name(name, number):
    assert slice_number(name) == number


def test_image_folder_sorts_by_number_from_any_start(tmp_path):
    write_folder(tmp_path, range(8, 13), "run2_{}.tif")  # 8, 9, 10: text order would be wrong
    (tmp_path / "notes.txt").write_text("not a slice")
    (tmp_path / "._run2_8.tif").write_bytes(b"macOS rubbish")
    source = resolve_slices(str(tmp_path))
    assert source.zs == [0, 1, 2, 3, 4]
    assert source.first_number == 8
    assert [read_slice(r.file, r.page)[0, 0] for r in source.slices] == [8, 9, 10, 11, 12]
    assert [ref.z for ref in source.range(1, 3)] == [1, 2]


def test_pattern_selects_files(tmp_path):
    write_folder(tmp_path, range(3), "a{}.tif")
    write_folder(tmp_path, range(3), "b{}.tif")
    assert len(resolve_slices(str(tmp_path / "a*.tif"))) == 3
    with pytest.raises(UserError, match="slice number.*0-2"):
        resolve_slices(str(tmp_path))


def test_gaps_are_listed(tmp_path):
    write_folder(tmp_path, [1, 2, 5, 6, 9])
    with pytest.raises(UserError, match=r"4 slice\(s\) missing between 1 and 9: 3-4, 7-8"):
        resolve_slices(str(tmp_path))


def test_bridged_gaps_keep_their_place(tmp_path):
    write_folder(tmp_path, [7, 8, 11, 12, 14], "s{}.tif")
    source = resolve_slices(str(tmp_path), missing_slices="bridge")
    assert source.zs == [0, 1, 4, 5, 7]
    assert (source.n_slices, source.missing, source.first_number) == (8, [2, 3, 6], 7)
    assert [read_slice(r.file, r.page)[0, 0] for r in source.slices] == [7, 8, 11, 12, 14]


def test_a_gap_larger_than_the_stack_is_not_bridged(tmp_path):
    write_folder(tmp_path, [1, 2, 20])
    with pytest.raises(UserError, match=r"more slices are missing \(17\) than there are \(3\): 3-19"):
        resolve_slices(str(tmp_path), missing_slices="bridge")


def test_duplicates_are_listed_with_an_example(tmp_path):
    write_folder(tmp_path, [1, 2, 3])
    write_folder(tmp_path, [2, 3], "copy_{}.tif")
    with pytest.raises(UserError, match=r"2-3 \(number 2: copy_2.tif, slice_0002.tif\)"):
        resolve_slices(str(tmp_path), missing_slices="bridge")


@pytest.mark.parametrize(("path", "text"), [("nothing", "no such file"), ("n*.tif", "matches this pattern")])
def test_missing_paths_are_errors(tmp_path, path, text):
    with pytest.raises(UserError, match=text):
        resolve_slices(str(tmp_path / path))


def test_empty_folder_and_nameless_files_are_errors(tmp_path):
    with pytest.raises(UserError, match="no TIFF file"):
        resolve_slices(str(tmp_path))
    for name in ("one.tif", "two.tif"):
        tifffile.imwrite(tmp_path / name, STACK[0])
    with pytest.raises(UserError, match="without a number"):
        resolve_slices(str(tmp_path))


def test_label_numbers_count_from_the_first_slice(tmp_path):
    write_folder(tmp_path, [105, 110, 120])
    source = resolve_slices(str(tmp_path), first_slice_number=100, kind="labels")
    assert source.zs == [5, 10, 20]
    with pytest.raises(UserError, match="105 lie before"):
        resolve_slices(str(tmp_path), first_slice_number=106, kind="labels")


def test_one_label_file_keeps_its_number(tmp_path):
    write_folder(tmp_path, [7])
    assert resolve_slices(str(tmp_path), kind="labels").zs == [7]
    assert resolve_slices(str(tmp_path / "slice_0007.tif"), kind="labels").zs == [7]


def test_multi_page_labels(tmp_path):
    file = str(tmp_path / "labels.tif")
    tifffile.imwrite(file, STACK)
    assert resolve_slices(file, kind="labels").zs == list(range(6))
    source = resolve_slices(file, 1, [11, 6, 21, 31, 41, 51], kind="labels")
    assert source.zs == [5, 10, 20, 30, 40, 50]
    assert np.array_equal(read_slice(*source.slices[0][1:], kind="labels"), STACK[1])
    with pytest.raises(UserError, match="6 pages, but 'slices' lists 2"):
        resolve_slices(file, slices=[0, 5], kind="labels")
    with pytest.raises(UserError, match="slice number.*3"):
        resolve_slices(file, slices=[0, 1, 2, 3, 3, 4], kind="labels")


@pytest.mark.parametrize(
    "options", [{}, {"imagej": True}, {"truncate": True}, {"bigtiff": True}, {"compression": "zlib"}]
)
def test_every_page_of_a_stack_is_read(tmp_path, options):
    file = str(tmp_path / "stack.tif")
    tifffile.imwrite(file, STACK, **options)
    assert read_header(file) == (6, (40, 50), np.uint8)
    source = resolve_slices(file)
    assert np.array_equal([read_slice(r.file, r.page) for r in source.slices], STACK)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "zstd", "packbits"])
def test_compressions_and_byte_orders(tmp_path, dtype, compression):
    file = str(tmp_path / "s1.tif")
    data = STACK[0].astype(dtype) * (1 if dtype == np.uint8 else 200)
    for byteorder in "<>":
        tifffile.imwrite(file, data, compression=compression, byteorder=byteorder, tile=(16, 16))
        assert np.array_equal(read_slice(file, expect_shape=(40, 50), expect_dtype=dtype), data)


def test_hidden_stack_of_16_bit_big_endian(tmp_path):
    file = str(tmp_path / "stack.tif")
    data = STACK.astype(np.uint16) * 200
    tifffile.imwrite(file, data, truncate=True, byteorder=">")
    assert np.array_equal(read_slice(file, 4), data[4])
    cut(file, 0.9)
    with pytest.raises(UserError, match="truncated: page 5"):
        read_slice(file, 5)


def test_min_is_white_is_inverted_for_images_only(tmp_path):
    file = str(tmp_path / "s1.tif")
    tifffile.imwrite(file, STACK[0], photometric="miniswhite")
    assert np.array_equal(read_slice(file), 255 - STACK[0])
    assert np.array_equal(read_slice(file, kind="labels"), STACK[0])


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


def test_one_bit_masks(tmp_path):
    file = str(tmp_path / "s1.tif")
    tifffile.imwrite(file, STACK[0] > 100)
    assert np.array_equal(read_slice(file, kind="labels"), (STACK[0] > 100).astype(np.uint8))


def test_reduced_copies_are_no_slices(tmp_path):
    file = str(tmp_path / "s1.tif")
    with tifffile.TiffWriter(file) as tif:
        tif.write(STACK[0], metadata=None)
        tif.write(STACK[0, ::2, ::2], subfiletype=1, metadata=None)
    assert read_header(file).pages == 1
    assert np.array_equal(read_slice(file), STACK[0])


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


def test_shape_type_and_page_are_checked(tmp_path):
    file = str(tmp_path / "s1.tif")
    tifffile.imwrite(file, STACK)
    with pytest.raises(UserError, match=r"40 x 50 pixels.*expected 41 x 50"):
        read_slice(file, 0, expect_shape=(41, 50))
    with pytest.raises(UserError, match="uint8, expected uint16"):
        read_slice(file, 0, expect_dtype="uint16")
    with pytest.raises(UserError, match="no page 6"):
        read_slice(file, 6)
    with pytest.raises(UserError, match="6 slices where one"):
        read_slice(file)
    tifffile.imwrite(file, STACK[0].astype(np.complex64))
    with pytest.raises(UserError, match="complex64, not one of uint8"):
        read_slice(file)


def test_names_are_resolved_without_numpy(tmp_path):
    write_folder(tmp_path, range(3))
    code = (
        "import sys; from ultraseg.ingest.tiff_read import resolve_slices; "
        "assert len(resolve_slices(sys.argv[1])) == 3; assert 'numpy' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )


def test_a_list_names_the_files_in_any_order(tmp_path):
    (tmp_path / "raw").mkdir()
    write_folder(tmp_path / "raw", range(8, 12), "s{}.tif")
    listed = tmp_path / "good.txt"
    listed.write_text("\ufeff# the good ones\nraw/s10.tif\n\nraw/s9.tif\n  raw/s11.tif \n", encoding="utf-8")
    source = resolve_slices(str(listed))
    assert [ref.file for ref in source.slices] == [str(tmp_path / f"raw/s{i}.tif") for i in (9, 10, 11)]
    assert resolve_slices(str(listed), 8, kind="labels").zs == [1, 2, 3]
    listed.write_text("raw/s9.tif\nraw/s99.tif\ns10.tif\n")
    with pytest.raises(
        UserError, match=r"good\.txt: 2 of 3 listed files do not exist: line 2: .*s99\.tif; line 3"
    ):
        resolve_slices(str(listed))
    listed.write_text("# nothing\n")
    with pytest.raises(UserError, match="lists no file"):
        resolve_slices(str(listed))
