"""The tables of fragments and protrusions, from pieces whose outcome is known."""

import numpy as np
import pandas as pd
import pytest
from ultraseg.base.tables import empty_table
from ultraseg.link.tables import LINK_TYPES, fragment_table, in_image_pixels, meeting_table, protrusion_table


def chain(outcomes, finals, body=()):
    n = len(outcomes)
    return pd.DataFrame(
        {
            "z": np.arange(n), "y": 1.0 * np.arange(n), "x": 5.0, "area": 10 + np.arange(n), "outcome": outcomes,
            "body": np.isin(np.arange(n), body), "final": finals, "best_cell": finals,
            "strength": np.linspace(0.5, 0.9, n),
            "runner_up_cell": 0, "runner_up": 0.1,
            "margin": np.linspace(0.4, 0.8, n), "nobody": 0.0, "path": 0.7,
        }
    )  # fmt: skip


def test_a_fragment_ends_where_outcome_or_cell_changes_and_shows_its_least_clear_piece():
    nodes = chain(["body", "assigned", "assigned", "unassigned_weak", "assigned"], [7, 7, 7, 0, 8], body=[0])
    number, table = fragment_table(nodes, np.arange(4), np.arange(1, 5))
    assert number.tolist() == [0, 1, 1, 2, 3]
    assert table[["z_first", "z_last", "pieces", "voxels", "cell", "z"]].values.tolist() == [
        [1, 2, 2, 23, 7, 2], [3, 3, 1, 13, 0, 3], [4, 4, 1, 14, 8, 4],
    ]  # fmt: skip
    assert table["margin"].iloc[0] == nodes["margin"].iloc[1]


def test_a_protrusion_spans_enough_slices_of_one_cell_outside_its_body():
    nodes = chain(
        ["body", "given", "assigned", "assigned", "assigned", "assigned"], [7, 7, 7, 7, 8, 8], body=[0]
    )
    number, table = protrusion_table(nodes, np.arange(5), np.arange(1, 6), min_slices=3)
    assert number.tolist() == [0, 1, 1, 1, 0, 0]
    assert table[["cell", "z_first", "z_last", "pieces", "voxels"]].values.tolist() == [[7, 1, 3, 3, 36]]
    assert table["strength"].iloc[0] == nodes["strength"].iloc[1]
    mean = np.average(nodes["strength"].iloc[1:4], weights=nodes["area"].iloc[1:4])
    assert table["probability"].iloc[0] == pytest.approx(mean)
    assert table[["z_root", "y_root", "x_root"]].values.tolist() == [[1, 1, 5]]  # its piece at the body


def test_a_protrusion_without_its_body_has_no_root():
    nodes = chain(["assigned"] * 4, [7] * 4)
    _, table = protrusion_table(nodes, np.arange(3), np.arange(1, 4))
    assert table["z_root"].tolist() == [-1] and table["y_root"].isna().all()


def test_two_ids_in_one_body_are_listed_with_the_line_that_merges_them():
    nodes = chain(["body"] * 4, [7, 7, 9, 9], body=range(4))
    a, b = np.arange(3), np.arange(1, 4)
    table = meeting_table(nodes, a, b, np.array([0.9, 0.85, 0.9]))
    assert table[["cell", "other_cell", "z", "y"]].values.tolist() == [[7, 9, 2, 2]]
    assert table["edit"].tolist() == ["- merge: [9, 7]"]  # 9 has more voxels
    assert (
        len(meeting_table(nodes, a[::2], b[::2], np.array([0.9, 0.9]))) == 0
    )  # without the link between the two
    large = in_image_pixels(table, 4)
    assert large[["z", "y", "x"]].values.tolist() == [[2, 10, 22]] and table["y"].iloc[0] == 2.0


def test_without_pieces_the_tables_keep_their_columns():
    nodes = chain(["body"], [7], body=[0])
    none = np.zeros(0, int)
    assert fragment_table(nodes, none, none)[1].dtypes.equals(empty_table(LINK_TYPES).dtypes)
    assert len(protrusion_table(nodes, none, none)[1]) == 0
