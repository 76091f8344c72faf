"""ROIs of ImageJ as labels: their slices, ids and pixels."""

import zipfile

import numpy as np
import pytest
import roifile
from roifile import ROI_OPTIONS, ROI_SUBTYPE, ROI_TYPE, ImagejRoi
from ultraseg.base.errors import UserError
from ultraseg.labels.imagej_rois import rasterise, roi_slices
from ultraseg.labels.reader import LabelReader
from ultraseg.labels.source import resolve_labels

SHAPE = (40, 60)


def polygon(*points, **fields):
    roi = ImagejRoi.frompoints(np.array(points, np.int32))
    return changed(roi, **fields)


def changed(roi, **fields):
    for key, value in fields.items():
        setattr(roi, key, value)
    return roi


def box(x0, y0, x1, y1, **fields):
    """A rectangle as Fiji stores it: pixels x0 .. x1 - 1, y0 .. y1 - 1."""
    roi = polygon((x0, y0), (x1, y0), (x1, y1), (x0, y1), **fields)
    roi.roitype, roi.n_coordinates, roi.integer_coordinates = ROI_TYPE.RECT, 0, None
    roi.left, roi.top, roi.right, roi.bottom = x0, y0, x1, y1
    return roi


def write(path, **rois):
    with zipfile.ZipFile(path, "w") as archive:
        for name, roi in rois.items():
            archive.writestr(f"{name.replace('_', ' ').replace('X', '-')}.roi", roi.tobytes())
    return str(path)


def pixels(*bounds):
    labels = np.zeros(SHAPE, np.uint32)
    for value, (x0, y0, x1, y1) in bounds:
        labels[y0:y1, x0:x1] = value
    return labels


# ---------------------------------------------------------------- pixels
def test_rectangles_and_polygons_cover_the_pixels_that_fiji_selects(tmp_path):
    file = write(
        tmp_path / "a.zip",
        cell_1=box(3, 4, 10, 12, position=1),
        cell_2=polygon((20, 5), (30, 5), (30, 15), (20, 15), position=1),
    )
    assert np.array_equal(rasterise(file, 1, SHAPE), pixels((1, (3, 4, 10, 12)), (2, (20, 5, 30, 15))))


def test_a_triangle_holds_the_pixels_whose_centres_it_holds(tmp_path):
    file = write(tmp_path / "a.zip", cell_1=polygon((5, 5), (45, 5), (5, 25), position=1))
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    inside = (x > 5) & (y > 5) & ((x - 5) / 40 + (y - 5) / 20 < 1)
    unclear = np.isclose((x - 5) / 40 + (y - 5) / 20, 1)
    found = rasterise(file, 1, SHAPE) > 0
    assert np.array_equal(found[~unclear], inside[~unclear])


def test_ovals_fill_their_box(tmp_path):
    file = write(tmp_path / "a.zip", cell_1=changed(box(10, 6, 40, 26, position=1), roitype=ROI_TYPE.OVAL))
    found = rasterise(file, 1, SHAPE) > 0
    assert found[16, 10:40].all() and found[6:26, 24:26].all() and not found[6, 10]
    assert found.sum() == pytest.approx(np.pi * 15 * 10, rel=0.02)
    assert np.array_equal(found[6:26, 10:40], found[6:26, 10:40][::-1, ::-1])


def composite(*boxes, **fields):
    """A combined selection: outlines one after the other, as a path of moves (0), lines (1) and closes (4)."""
    path = []
    for x0, y0, x1, y1 in boxes:
        path += [0, x0, y0, 1, x1, y0, 1, x1, y1, 1, x0, y1, 4]
    roi = box(*np.min(boxes, 0)[:2], *np.max(boxes, 0)[2:], **fields)
    roi.shape_roi_size, roi.multi_coordinates = len(path), np.array(path, np.float32)
    return roi


def test_holes_of_combined_selections_and_islands_in_them(tmp_path):
    boxes = [(5, 5, 35, 35), (10, 10, 30, 30), (15, 15, 20, 20), (45, 5, 50, 9)]
    file = write(tmp_path / "a.zip", cell_4=composite(*boxes, position=1))
    expected = pixels((4, boxes[0]), (0, boxes[1]), (4, boxes[2]), (4, boxes[3]))
    assert np.array_equal(rasterise(file, 1, SHAPE), expected)


def test_outlines_with_parts_of_pixels(tmp_path):
    roi = ImagejRoi.frompoints(np.array([(3.6, 4.6), (10.4, 4.6), (10.4, 12.4), (3.6, 12.4)], np.float32))
    assert roi.options & ROI_OPTIONS.SUB_PIXEL_RESOLUTION
    file = write(tmp_path / "a.zip", cell_1=changed(roi, position=1))
    assert np.array_equal(rasterise(file, 1, SHAPE), pixels((1, (4, 5, 10, 12))))


def test_a_roi_that_reaches_over_the_edge_is_cut(tmp_path):
    file = write(
        tmp_path / "a.zip", cell_1=box(-3, -2, 20, 10, position=1), cell_2=box(45, 20, 63, 44, position=1)
    )
    assert np.array_equal(rasterise(file, 1, SHAPE), pixels((1, (0, 0, 20, 10)), (2, (45, 20, 60, 40))))


def test_the_later_roi_wins_where_two_touch(tmp_path, caplog):
    file = write(
        tmp_path / "a.zip", cell_1=box(3, 3, 20, 20, position=1), cell_2=box(18, 3, 40, 20, position=1)
    )
    assert np.array_equal(rasterise(file, 1, SHAPE), pixels((1, (3, 3, 20, 20)), (2, (18, 3, 40, 20))))
    assert "'cell 2' paints over 34 pixels of id 1" in caplog.text


def test_everything_wrong_with_the_rois_of_a_slice_is_said_at_once(tmp_path):
    line = changed(box(1, 1, 9, 9, position=1), roitype=ROI_TYPE.POLYLINE)
    text = changed(box(1, 1, 9, 9, position=1), subtype=ROI_SUBTYPE.TEXT)
    file = write(
        tmp_path / "a.zip",
        cell_1=box(3, 3, 20, 20, position=1),
        cell_2=box(5, 5, 19, 19, position=1),
        cell_3=line,
        cell_4=text,
        cell_5=box(80, 5, 90, 9, position=1),
    )
    with pytest.raises(UserError) as error:
        rasterise(file, 1, SHAPE)
    for part in (
        "'cell 2' (id 2) and 'cell 1' (id 1) share 196 pixels",
        "'cell 3' is of type polyline",
        "'cell 4'",
        "'cell 5' lies outside the image of 40 x 60",
    ):
        assert part in error.value.problem


# ---------------------------------------------------------------- slices
def test_slices_come_from_positions_or_automatic_names(tmp_path):
    file = write(
        tmp_path / "RoiSet.zip",
        a=box(1, 1, 5, 5, position=3),
        b=box(1, 1, 5, 5, z_position=8),
        **{"0012X0003X0003": box(1, 1, 5, 5)},
    )
    source = roi_slices([file])
    assert [(ref.z, ref.page) for ref in source.slices] == [(2, 3), (7, 8), (11, 12)]
    assert [ref.z for ref in roi_slices([file], 3).slices] == [0, 5, 9]


def test_slices_come_from_file_names_where_rois_have_no_position(tmp_path):
    folder = tmp_path / "rois"
    folder.mkdir()
    for z in (4, 9):
        write(folder / f"slice_{z:03d}.zip", a=box(1, 1, 5, 5), b=box(8, 8, 12, 12))
    source = resolve_labels(str(folder), str)
    assert source.zs == [4, 9] and source.files == [str(folder / f"slice_{z:03d}.zip") for z in (4, 9)]
    assert LabelReader(source, SHAPE, "cells").read(source.slices[0])[0].max() == 2


def test_a_roi_file_whose_name_is_odd_is_pointed_out(tmp_path, caplog):
    for z in (4, 9, 14):
        write(tmp_path / f"slice_{z:03d}.zip", a=box(1, 1, 5, 5))
    assert resolve_labels(str(tmp_path), str).zs == [4, 9, 14] and not caplog.records
    write(tmp_path / "old_3.zip", a=box(1, 1, 5, 5))
    assert resolve_labels(str(tmp_path), str).zs == [3, 4, 9, 14]
    assert "old_3.zip (slice number 3)" in caplog.text


def test_single_roi_files(tmp_path):
    (tmp_path / "z0007.roi").write_bytes(box(1, 1, 5, 5).tobytes())
    source = resolve_labels(str(tmp_path / "z0007.roi"), str)
    assert source.zs == [7]
    mask, known = LabelReader(source, SHAPE, "organelle").read(source.slices[0])
    assert mask.sum() == 16 and known is None


@pytest.mark.parametrize(
    ("rois", "first", "text"),
    [
        (
            {"a": box(1, 1, 5, 5), "b": box(1, 1, 5, 5, position=2)},
            None,
            r"1 ROI\(s\) without a slice: .*: a",
        ),
        ({"a": box(1, 1, 5, 5, position=2)}, 5, r"ROI slice number\(s\) 2 lie before the first one, 5"),
        ({}, None, "holds no ROI"),
    ],
)
def test_rois_without_a_right_slice_are_refused(tmp_path, rois, first, text):
    with pytest.raises(UserError, match=text):
        roi_slices([write(tmp_path / "RoiSet.zip", **rois)], first)


def test_damaged_files_are_refused(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"no ROI")
    (tmp_path / "b.roi").write_bytes(b"Ioutnothing")
    for name in ("a.zip", "b.roi"):
        with pytest.raises(UserError, match="not a ROI file"):
            roi_slices([str(tmp_path / name)])


# ---------------------------------------------------------------- ids
def test_parts_of_a_cell_share_its_id(tmp_path):
    file = write(
        tmp_path / "a.zip", cell_7=box(1, 1, 5, 5, position=1), cell_7X1=box(11, 1, 15, 5, position=1),
        cell_12=box(21, 1, 25, 5, position=1),
    )  # fmt: skip
    expected = pixels((7, (1, 1, 5, 5)), (7, (11, 1, 15, 5)), (12, (21, 1, 25, 5)))
    assert np.array_equal(rasterise(file, 1, SHAPE), expected)


def test_names_without_numbers_count_alphabetically_over_all_slices(tmp_path):
    file = write(tmp_path / "a.zip", mast=box(1, 1, 5, 5, position=1), astro=box(1, 1, 5, 5, position=2))
    assert rasterise(file, 1, SHAPE).max() == 2 and rasterise(file, 2, SHAPE).max() == 1


def test_groups_win_over_names_and_order_on_request(tmp_path):
    file = write(tmp_path / "a.zip", cell_9=box(1, 1, 5, 5, position=1, group=3))
    assert rasterise(file, 1, SHAPE).max() == 3
    assert rasterise(file, 1, SHAPE, ids="name").max() == 9
    assert rasterise(file, 1, SHAPE, ids="order").max() == 1


@pytest.mark.parametrize(
    ("rois", "text"),
    [
        ({"0001X0003X0003": box(1, 1, 5, 5)}, "names that Fiji made"),
        (
            {"cell": box(1, 1, 5, 5, position=1), "cell_2": box(9, 1, 15, 5, position=1)},
            "without a number .*: cell",
        ),
        ({"cell_0": box(1, 1, 5, 5, position=1)}, "without a number above 0"),
        (
            {"a": box(1, 1, 5, 5, position=1, group=2), "b": box(9, 1, 15, 5, position=1)},
            r"1 ROI\(s\) without a group: b",
        ),
    ],
)
def test_rois_that_tell_no_cell_are_refused(tmp_path, rois, text):
    file = write(tmp_path / "a.zip", **rois)
    with pytest.raises(UserError, match=text):
        rasterise(file, 1, SHAPE)
    assert rasterise(file, 1, SHAPE, single=True).max() == 1


def test_roifile_reads_what_these_tests_write(tmp_path):
    """The helpers above stand for Fiji: the library must read the same shapes from them."""
    file = write(tmp_path / "a.zip", hole=composite((5, 5, 35, 35), (10, 10, 30, 30), position=2, group=4))
    (roi,) = roifile.roiread(file)
    assert (roi.position, roi.group, len(roi.coordinates(multi=True))) == (2, 4, 2)
