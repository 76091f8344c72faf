"""The summary shows every score once, and says what it means."""

import numpy as np
import pandas as pd
import pytest
from ultraseg.evaluate.definitions import COLUMNS, SPLITS
from ultraseg.evaluate.scores import CellScore, MaskScore, ProtrusionScore, combine
from ultraseg.evaluate.summary import MEETINGS, format_summary, meeting_note, volume_summary


def test_summary_shows_every_score_once_and_explains_it():
    truth = np.array([[1, 1, 2, 2]])
    cells = CellScore("cells", "truth", min_voxels=0)
    cells.add(0, truth, truth, 4)
    masks = MaskScore("mitochondria", "test")
    masks.add(0, truth == 1, truth == 1)
    table = combine([cells.rows(), masks.rows(), ProtrusionScore().rows()])
    assert list(table.columns) == COLUMNS
    text = format_summary(table)
    assert max(map(len, text.splitlines())) <= 100
    lines = text.splitlines()
    assert any(line.split() == ["mitochondria", "dice", "1.000", "(1)", "-"] for line in lines)
    assert any(line.split() == ["cells", "truth", "4", "1.000", "1"] for line in lines)
    for metric in table["metric"]:
        if not metric.startswith("dice_distance"):
            assert sum(line.startswith(f"{metric} ") for line in lines) == 1, metric


def test_summary_of_nothing():
    assert "No scores" in format_summary(combine([]))


def test_the_summary_names_where_two_cells_meet_and_the_edit_that_merges_them():
    rows = [(5 + i, 30, 40 + i, 210, 405, 900, 0.9 - i / 100, f"- merge: [{5 + i}, 30]") for i in range(12)]
    columns = ["cell", "other_cell", "z", "y", "x", "area", "iou", "edit"]
    meetings = pd.DataFrame(rows, columns=columns)
    text = volume_summary("a", combine([]), [meeting_note(meetings.iloc[:1])])
    assert "at 1 place (" in text
    assert "\n  cells 5 and 30 at z 40, y 210, x 405:  - merge: [5, 30]\n" in text
    lines = meeting_note(meetings[::-1]).splitlines()
    assert (
        len(lines) == 2 + MEETINGS and "at 12 places" in lines[0] and lines[1].startswith("  cells 5 and 30")
    )
    assert "(2 more in tables/meetings.csv)" in lines[-1]
    assert meeting_note(meetings.iloc[:0]) == ""


def mask(split, right):
    score = MaskScore("nuclei", split)
    score.add(0, np.array([[1, 1, 1, 1]]), np.array([[1] * right + [0] * (4 - right)]))
    return score.rows()


def test_splits_come_in_their_order_and_unknown_ones_last():
    table = combine([mask("own", 1), mask("validation", 2), mask("test", 4)])
    header, _, dice, *_ = format_summary(table).splitlines()
    assert header.split("  ")[-1].strip() == "own (slices)"
    assert header.index("test") < header.index("validation") < header.index("own")
    assert dice.split()[2:] == ["1.000", "(1)", "0.667", "(1)", "0.400", "(1)"]


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_is_explained(split):
    text = format_summary(mask(split, 3))
    (line,) = [line for line in text.splitlines() if line.startswith(f"{split} ")]
    assert SPLITS[split].startswith(line.removeprefix(split).strip())
