"""Labelled planes across the slices: found, checked, cropped, and compared with the labelled slices."""

import numpy as np
import pytest
import tifffile
from ultraseg.base.errors import UserError
from ultraseg.labels.coverage import LabelSlice, raise_problems
from ultraseg.labels.planes import (
    Meeting,
    contradictions,
    cropped,
    iterate_planes,
    lines_of,
    meetings,
    resolve_planes,
)
from ultraseg.storage.label_slices import LabelSlices, write_slices

SHAPE = (6, 20, 30)
ROI = ((0, 6), (0, 20), (0, 30))
VOLUME = np.zeros(SHAPE, np.uint16)
VOLUME[:, 2:12, 3:14], VOLUME[:, 2:12, 14:28], VOLUME[1:5, 13:19, 5:25] = 7, 9, 300


def write(folder, planes, volume=VOLUME):
    """Folders xz and yz with TIFFs of some rows and columns."""
    for plane, places in planes.items():
        (folder / plane).mkdir(exist_ok=True)
        for at in places:
            cut = volume[:, at] if plane == "xz" else volume[:, :, at]
            tifffile.imwrite(folder / plane / f"plane{at:04d}.tif", cut)


def resolve(folder, **settings):
    given = {"path": "cells", "planes": {"xz": "xz", "yz": "yz"}} | settings
    return resolve_planes(given, lambda path: str(folder / path), SHAPE, "volumes.a.labels.cells")


@pytest.fixture
def planes(tmp_path):
    write(tmp_path, {"xz": (4, 15), "yz": (10,)})
    return resolve(tmp_path)


def test_planes_are_found_by_the_numbers_in_their_names(planes):
    assert {plane: source.zs for plane, source in planes.items()} == {"xz": [4, 15], "yz": [10]}


def test_an_entry_without_planes_has_none(tmp_path):
    assert resolve_planes({"path": "cells"}, str, SHAPE, "here") == {}


@pytest.mark.parametrize("plane, axis", [("xz", 1), ("yz", 2)])
def test_what_is_read_is_the_plane_of_the_volume(planes, plane, axis):
    found = list(iterate_planes(planes[plane], plane, SHAPE, ROI, "cells"))
    assert [one.z for one in found] == planes[plane].zs
    for one in found:
        np.testing.assert_array_equal(one.labels, VOLUME.take(one.z, axis))


def test_a_part_of_the_stack_has_parts_of_the_planes_in_it(planes):
    roi = ((1, 5), (3, 12), (8, 25))
    part = cropped(planes, roi)
    assert {plane: source.zs for plane, source in part.items()} == {"xz": [1], "yz": [2]}
    (xz,), (yz,) = (list(iterate_planes(part[plane], plane, SHAPE, roi, "cells")) for plane in ("xz", "yz"))
    np.testing.assert_array_equal(xz.labels, VOLUME[1:5, 4, 8:25])
    np.testing.assert_array_equal(yz.labels, VOLUME[1:5, 3:12, 10])
    assert cropped(planes, ((0, 6), (5, 12), (20, 30))) == {}


def test_values_and_numbers_count_as_the_entry_says(tmp_path):
    write(tmp_path, {"xz": (4, 10)}, np.where(VOLUME == 7, 3, VOLUME).astype(np.uint16))
    entry = {"path": "xz", "first_slice_number": 4}
    found = resolve(tmp_path, planes={"xz": entry}, values=[3])
    assert found["xz"].zs == [0, 6] and found["xz"].first_number == 4
    one, *_ = iterate_planes(found["xz"], "xz", SHAPE, ROI, "organelle")
    np.testing.assert_array_equal(one.labels, VOLUME[:, 4] == 7)


def test_pages_are_the_rows_that_slices_lists(tmp_path):
    tifffile.imwrite(tmp_path / "some.tif", VOLUME[:, [4, 11]].swapaxes(0, 1), photometric="minisblack")
    with pytest.raises(
        UserError, match="planes.xz: .*some.tif has several pages, and nothing says which row"
    ):
        resolve(tmp_path, planes={"xz": "some.tif"})
    found = resolve(tmp_path, planes={"xz": {"path": "some.tif", "slices": [4, 11]}})["xz"]
    assert found.zs == [4, 11]
    last = list(iterate_planes(found, "xz", SHAPE, ROI, "cells"))[-1]
    np.testing.assert_array_equal(last.labels, VOLUME[:, 11])


def test_a_plane_of_zeros_is_not_labelled(tmp_path):
    write(tmp_path, {"xz": (0, 4)})
    assert resolve(tmp_path, planes={"xz": "xz"})["xz"].zs == [4]


def test_numbers_beyond_the_image_are_refused(tmp_path):
    write(tmp_path, {"yz": (10,)})
    (tmp_path / "yz/plane0010.tif").rename(tmp_path / "yz/plane0030.tif")
    with pytest.raises(UserError, match=r"planes.yz: .*plane0030.tif is column 30 .*columns 0 to 29 along x"):
        resolve(tmp_path, planes={"yz": "yz"})


def test_what_is_no_tiff_is_refused(tmp_path):
    (tmp_path / "xz.zip").write_bytes(b"")
    with pytest.raises(UserError, match="planes.xz: .*xz.zip holds no TIFFs") as error:
        resolve(tmp_path, planes={"xz": "xz.zip"})
    assert "row last in the name" in error.value.cure


@pytest.mark.parametrize(
    "cut, cure", [(VOLUME[:, 4].T, "Turn it by 90 degrees"), (VOLUME[:4, 4], "a row for every slice")]
)
def test_a_plane_of_another_size_is_refused(tmp_path, cut, cure):
    (tmp_path / "xz").mkdir()
    tifffile.imwrite(tmp_path / "xz/plane0004.tif", cut)
    source = resolve(tmp_path, planes={"xz": "xz"})["xz"]
    problems = []
    assert not list(iterate_planes(source, "xz", SHAPE, ROI, "cells", problems))
    assert cure in problems[0].cure
    with pytest.raises(
        UserError, match="an xz plane of this image has 6 rows along z and 30 columns along x"
    ):
        next(iterate_planes(source, "xz", SHAPE, ROI, "cells"))


# ---- planes and slices
def found_meetings(folder, volume, plane="xz", at=4, known=None, kind="cells"):
    zs = (0, 2, 5)
    file = str(folder / "slices.h5")
    write_slices(file, SHAPE[1:], [(z, {"labels": VOLUME[z].astype(np.uint32)}) for z in zs])
    one = LabelSlice(at, "plane", volume[:, at] if plane == "xz" else volume[:, :, at], known)
    with LabelSlices(file) as given:
        return meetings(lines_of(one, zs), given, plane, kind)


@pytest.mark.parametrize("plane, at", [("xz", 4), ("yz", 10)])
def test_planes_of_the_same_volume_agree(tmp_path, plane, at):
    found = found_meetings(tmp_path, VOLUME, plane, at)
    assert [one.z for one in found] == [0, 2, 5] and all(one.pixels >= 10 for one in found)
    assert not any(one.differ or one.pairs for one in found)
    assert contradictions(found, "cells", plane, 0, "cells") == ([], [])


def test_another_id_is_named_and_borders_are_not(tmp_path):
    other = np.where(VOLUME == 9, 11, VOLUME)
    other[:, :, 13] = np.where(other[:, :, 13] == 7, 11, other[:, :, 13])  # a border drawn a pixel further
    found = found_meetings(tmp_path, other)
    assert [one.pairs for one in found] == [[(11, 9)]] * 3
    moved = VOLUME.copy()
    moved[:, 2:12, 13] = 9
    found = found_meetings(tmp_path, moved)
    assert [(one.differ, one.pairs) for one in found] == [(1, [])] * 3


def test_nothing_is_compared_where_nothing_is_known(tmp_path):
    known = np.zeros((6, 30), bool)
    known[:, :8] = True
    found = found_meetings(tmp_path, np.where(VOLUME == 9, 11, VOLUME), known=known)
    assert [(one.pixels, one.differ) for one in found] == [(5, 0)] * 3


def test_a_plane_that_contradicts_most_is_refused_and_single_ids_are_pointed_out():
    found = [
        Meeting(4, 0, 100, 80, [(7, 9), (9, 7)]),
        Meeting(4, 2, 100, 40, []),
        Meeting(8, 0, 100, 20, [(1, 2)]),
    ]
    (error,), (warning,) = contradictions(found, "cells", "xz", 100, "cells")
    assert (
        "cells: xz plane 104 contradicts the labelled slices that it crosses on 60 % of the 200"
        in error.problem
    )
    assert "its cell 7 is cell 9 of slice 0, its cell 9 is cell 7 of slice 0" in error.problem
    assert "its row along y" in error.cure and "mirrored" in error.cure
    assert "xz plane 108" in warning and "its cell 1 is cell 2 of slice 0" in warning
    with pytest.raises(UserError):
        raise_problems([error])


def test_few_pixels_contradict_nothing():
    assert contradictions([Meeting(4, 0, 19, 19, [])], "cells", "yz", 0, "cells") == ([], [])


def test_organelles_that_disagree_are_a_warning(tmp_path):
    mask = (VOLUME == 7).astype(np.uint8)
    found = found_meetings(tmp_path, np.roll(mask, 9, 2), kind="organelle")
    problems, (warning,) = contradictions(found, "nuclei", "xz", 0, "organelle")
    assert problems == [] and "nuclei: xz plane 4 contradicts" in warning
