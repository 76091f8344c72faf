"""The table of protrusions and the points of their courses: ends, lengths, and what linking found of them."""

import numpy as np
import pandas as pd
import pytest
from ultraseg.base.files import read_table, write_table
from ultraseg.measure.lengths import Course
from ultraseg.measure.protrusions import COURSE_TYPES, PROTRUSION_TYPES, ROOT, TIP, protrusion_tables

SIZE = np.array([0.05, 0.01, 0.01])
ALONG_X = np.stack([np.full(21, 4.0), np.full(21, 10.0), np.arange(10.0, 31.0)], 1)


def linked(z_root=(4, -1), x_root=(30.0, np.nan)):
    """Two protrusions of 21 pixels at a fourth of the size of the image: one leaves its body, one does not."""
    table = pd.DataFrame(
        {"protrusion": [1, 2], "cell": [7, 9], "z_first": 4, "z_last": 4, "pieces": 1, "voxels": 21,
         "strength": [0.6, 0.9], "probability": [0.8, 0.95],
         "z_root": z_root, "y_root": [10.2, np.nan], "x_root": x_root}
    )  # fmt: skip
    pieces = pd.DataFrame({"z": [4, 4, 4], "area": [21, 21, 500], "protrusion": [1, 2, 0]})
    return table, pieces


COURSES = {1: Course(ALONG_X, 1), 2: Course(ALONG_X, 1)}


def test_a_protrusion_has_its_length_in_micrometres_and_in_voxels_of_the_image():
    table, _ = protrusion_tables(linked(), COURSES, SIZE, 4, {})
    assert table["length_um"].tolist() == pytest.approx([21 * 0.04] * 2)
    assert table["length_voxels"].tolist() == pytest.approx([84] * 2)
    assert table["probability"].tolist() == [0.8, 0.95] and table["strength"].tolist() == [0.6, 0.9]
    assert table["volume_um3"].tolist() == pytest.approx([21 * 0.05 * 0.04 * 0.04] * 2)


def test_along_z_a_voxel_is_as_long_as_a_slice_is_thick():
    up = {1: Course(np.stack([np.arange(11.0), np.zeros(11), np.zeros(11)], 1), 1)}
    row = protrusion_tables(linked(), up, SIZE, 4, {})[0].iloc[0]
    assert (row["length_um"], row["length_voxels"]) == (pytest.approx(0.55), pytest.approx(11))


def test_a_course_runs_from_the_place_where_it_leaves_the_body_to_the_tip():
    table, points = protrusion_tables(linked(), COURSES, SIZE, 4, {})
    first, second = table.iloc[0], table.iloc[1]
    assert first[ROOT].tolist() == [4, 42, 122] and first[TIP].tolist() == [4, 42, 42]
    assert second[ROOT].isna().all() and second[TIP].tolist() == [4, 42, 122]
    one = points[points["protrusion"] == 1]
    assert set(one["cell"]) == {7} and one["point"].tolist() == list(range(len(one)))
    assert (
        one["x"].iloc[[0, -1]].tolist() == [121.5, 41.5] and set(one["z"]) == {4} and set(one["y"]) == {41.5}
    )
    assert one["distance_um"].iloc[0] == 0 and one["distance_um"].iloc[-1] == pytest.approx(20 * 0.04)
    steps = np.linalg.norm(np.diff(one[["z", "y", "x"]], axis=0) * SIZE, axis=1)
    np.testing.assert_allclose(np.diff(one["distance_um"]), steps)


def test_pieces_count_again_on_the_bad_slices_that_show_them():
    row = protrusion_tables(linked(), COURSES, SIZE, 4, {5: 4, 6: 4, 8: 7})[0].iloc[0]
    assert (row["z_first"], row["z_last"]) == (4, 6)
    assert row["volume_um3"] == pytest.approx(3 * 21 * 0.05 * 0.04 * 0.04)


def test_tables_without_protrusions_have_the_types_of_tables_with_some(tmp_path):
    full, none = protrusion_tables(linked(), COURSES, SIZE, 4, {}), protrusion_tables(None, {}, SIZE, 4, {})
    gone = protrusion_tables(tuple(t.iloc[:0] for t in linked()), {}, SIZE, 4, {})
    for table, empty, other, types in zip(full, none, gone, (PROTRUSION_TYPES, COURSE_TYPES), strict=True):
        assert list(table) == list(types) and len(table)
        assert table.dtypes.equals(empty.dtypes) and table.dtypes.equals(other.dtypes)
        write_table(tmp_path / "a.parquet", table)
        pd.testing.assert_frame_equal(read_table(tmp_path / "a.parquet"), table)
    write_table(tmp_path / "a.csv", full[0])
    text = (tmp_path / "a.csv").read_text().splitlines()
    assert text[1].endswith(",4,42,122,4,42,42") and text[2].endswith(",,,,4,42,122")
