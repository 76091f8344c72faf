"""Finding the slices that a path names, and their numbers."""

import subprocess
import sys

import numpy as np
import pytest
import tifffile
from ultraseg.base.errors import UserError
from ultraseg.formats.tiff_read import read_slice
from ultraseg.ingest.find_slices import resolve_slices

STACK = np.random.default_rng(0).integers(0, 256, (6, 40, 50), dtype=np.uint8)


def write_folder(folder, numbers, name="slice_{:04d}.tif"):
    for number in numbers:
        tifffile.imwrite(folder / name.format(number), np.full((4, 5), number, np.uint8))


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


def test_names_are_resolved_without_numpy(tmp_path):
    write_folder(tmp_path, range(3))
    code = (
        "import sys; from ultraseg.ingest.find_slices import resolve_slices; "
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


@pytest.mark.parametrize("folder", ["stack [1]", "a*b", "[x]/[y]", "q?"])
def test_patterns_in_folders_whose_names_look_like_patterns(tmp_path, folder):
    where = tmp_path / folder
    where.mkdir(parents=True)
    write_folder(where, range(3), "z{}.tif")
    for pattern in (where / "z*.tif", where / "z[0-2].tif", where):
        assert len(resolve_slices(str(pattern))) == 3
    with pytest.raises(UserError, match="matches this pattern"):
        resolve_slices(str(where / "y*.tif"))


# ---------------------------------------------------------------- names with more numbers
def named(folder, *names):
    for number, name in enumerate(names):
        tifffile.imwrite(folder / name, np.full((4, 5), number, np.uint8))
    return str(folder)


UM = [f"slice_{z:05d}_z={z * 0.004:.4f}um.tif" for z in range(1, 12)]
COPIES = ["Section 7 (2).tif", "Section 8.tif", "Section 9.tif", "Section 10 (3).tif"]


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (UM, r"^slice_(\d+)"),
        ([f"z{z:03d}_cp_masks_2.tif" for z in range(6)], r"^z(\d+)"),
        (COPIES, r"^Section (\d+)"),
        ([f"10nm_{z}_of_40.tif" for z in range(3, 9)], r"nm_(\d+)"),
        ([f"{z:04d}_8bit.tif" for z in range(4)], r"^(\d+)"),
    ],
)
def test_another_number_than_the_last_is_proposed_and_taken(tmp_path, caplog, names, pattern):
    folder = named(tmp_path, *names)
    with pytest.raises(UserError) as caught:
        resolve_slices(folder)
    assert f"slice_number_pattern: '{pattern}'" in caught.value.cure and "bridge" not in caught.value.cure
    try:
        resolve_slices(folder, missing_slices="bridge")  # what a name's last number says may be meant
    except UserError as error:
        assert f"slice_number_pattern: '{pattern}'" in error.cure
    else:
        assert f"slice_number_pattern: '{pattern}'" in caplog.text
    source = resolve_slices(folder, pattern=pattern)
    assert [read_slice(r.file, None)[0, 0] for r in source.slices] == list(range(len(names)))


def test_a_real_gap_is_still_bridged(tmp_path):
    folder = named(tmp_path, *(f"run2_z{z}.tif" for z in (1, 2, 4)))
    assert resolve_slices(folder, missing_slices="bridge").missing == [2]
    with pytest.raises(UserError, match="missing between 1 and 4: 3") as caught:
        resolve_slices(folder)
    assert "missing_slices: bridge" in caught.value.cure


def test_labels_whose_names_hold_two_changing_numbers_are_pointed_out(tmp_path, caplog):
    folder = named(tmp_path, *UM[:3])
    assert resolve_slices(folder, kind="labels").zs == [40, 80, 120]
    assert (
        "more than one number changes" in caplog.text
        and r"slice_number_pattern: '^slice_(\d+)'" in caplog.text
    )
    caplog.clear()
    assert resolve_slices(folder, 1, kind="labels", pattern=r"slice_(\d+)").zs == [0, 1, 2]
    (tmp_path / "b").mkdir()
    assert resolve_slices(named(tmp_path / "b", "run3_z7.tif", "run3_z9.tif"), kind="labels").zs == [7, 9]
    assert not caplog.records


def test_a_pattern_that_does_not_fit_is_named(tmp_path):
    folder = named(tmp_path, "z1.tif", "overview.tif")
    with pytest.raises(
        UserError, match=r"in 1 file name.*slice_number_pattern 'z\(.d\+\)' finds no number: overview"
    ):
        resolve_slices(folder, pattern=r"z(\d+)")


def test_a_file_that_is_no_slice_is_pointed_out_among_slices(tmp_path, caplog):
    folder = named(tmp_path, *(f"z{z:04d}.tif" for z in range(20)))
    assert resolve_slices(folder).n_slices == 20 and not caplog.records
    named(tmp_path, "overview_20.tif")
    assert resolve_slices(folder).n_slices == 21
    assert "1 of 21 file names" in caplog.text and "overview_20.tif (slice number 20)" in caplog.text
    caplog.clear()
    assert len(resolve_slices(folder, kind="labels")) == 21
    assert "overview_20.tif (slice number 20)" in caplog.text
    caplog.clear()
    assert resolve_slices(str(tmp_path / "z*.tif")).n_slices == 20 and not caplog.records
