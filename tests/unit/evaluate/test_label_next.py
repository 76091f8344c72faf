"""Slices to label next: what is in doubt, what a label relieves, and that the choice spreads."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ultraseg.evaluate.label_next import advice_note, advice_table, advise, doubt_table, label_distances
from ultraseg.figures.label_next import advice_figure


def doubts(doubt, labelled=(), bad=()):
    n = len(doubt)
    z = np.arange(n)
    return pd.DataFrame(
        {"z": z, "labelled": np.isin(z, labelled), "bad": np.isin(z, bad), "doubt": np.array(doubt, float)}
    )


def order(table, **how):
    ranked = advise(table, **how)
    return ranked[ranked["rank"] > 0].sort_values("rank")["z"].tolist()


def test_distances_to_the_labels_on_both_sides():
    below, above = label_distances(np.array([False, True, False, False, True, False]))
    assert below.tolist() == [np.inf, 0, 1, 2, 0, 1]
    assert above.tolist() == [1, 0, 2, 1, 0, np.inf]


def tent(n, labelled, factor=1.0):
    """Doubt as it is in even tissue: it grows with the distance to the nearest label."""
    return factor * np.minimum(*label_distances(np.isin(np.arange(n), labelled)))


def test_in_even_tissue_gaps_are_halved_the_widest_first():
    table = doubts(tent(25, [0, 16, 24]), labelled=[0, 16, 24])
    assert order(table, count=4) == [8, 4, 12, 20]


def test_of_two_gaps_as_wide_the_one_in_more_doubt_comes_first():
    factor = np.where(np.arange(21) > 10, 2, 1)
    assert order(doubts(tent(21, [0, 10, 20], factor), labelled=[0, 10, 20]), count=2) == [15, 5]


def test_a_gap_in_much_doubt_gets_two_before_another_gets_one():
    doubt = tent(41, [0, 20, 40], np.where(np.arange(41) > 20, 10, 1))
    assert [z > 20 for z in order(doubts(doubt, labelled=[0, 20, 40]), count=3)] == [True] * 3


def test_advice_moves_towards_the_doubt_within_a_gap():
    doubt = np.exp(-((np.arange(41) - 28.0) ** 2) / 20)
    assert 20 < order(doubts(doubt, labelled=[0, 40]), count=1)[0] <= 30


def test_the_chosen_are_spread_and_gain_less_and_less():
    doubt = np.ones(61)
    doubt[28:34] = 50  # all the doubt lies in one place
    ranked = advise(doubts(doubt, labelled=[0, 60]), count=4)
    chosen = ranked[ranked["rank"] > 0].sort_values("rank")
    assert np.diff(chosen["relief"]).max() < 0
    assert 28 <= chosen["z"].iloc[0] <= 33
    assert abs(chosen["z"].iloc[1] - chosen["z"].iloc[0]) > 2
    # What is left is less than what all together relieved, and no slice beside a chosen one is worth much.
    assert ranked.loc[ranked["rank"] == 0, "relief"].max() <= chosen["relief"].min()


def test_labelled_bad_and_suspect_slices_are_never_advised():
    table = doubts([1] * 9, labelled=[0, 8], bad=[4, 5])
    assert set(order(table, avoid=[3], count=9)) == {1, 2, 6, 7}


def test_relief_is_the_share_by_which_the_label_comes_nearer():
    ranked = advise(doubts([0, 5, 6, 7, 0], labelled=[0, 4]), count=1)
    # Slice 3 relieves itself wholly and slice 2 by half; slice 1 has a label that is nearer. The others, after that:
    assert ranked["rank"].tolist() == [0, 0, 0, 1, 0]
    assert ranked["relief"].tolist() == [0, 5, 3, 7 + 6 / 2, 0]


@pytest.mark.parametrize("labelled, first", [([], 4), ([0], 7), ([8], 1)])
def test_open_ends_and_no_labels_at_all(labelled, first):
    chosen = order(doubts([1] * 9, labelled=labelled), count=1)[0]
    assert abs(chosen - first) <= 2


def test_nothing_is_advised_where_all_is_labelled(tmp_path):
    table = doubts([0, 0], labelled=[0, 1]).assign(distance=0.0, low_confidence=0, disagreement=0)
    ranked = advise(table.assign(ambiguous=0, without_label=0))
    assert not (ranked["rank"] > 0).any()
    slices = pd.DataFrame({"z": [0, 1], "number": [0, 1], "file": ["a", "b"]})
    people = advice_table(ranked, slices, (10, 10, 10))
    assert people.empty and advice_note(people) == ""
    advice_figure(ranked, 1.0, str(tmp_path / "none.png"))
    assert Image.open(tmp_path / "none.png").size[1] < 200


def test_nothing_is_advised_where_nothing_is_in_doubt():
    assert order(doubts([0] * 9, labelled=[0, 8])) == []
    assert order(doubts([0, 0, 1, 0, 0], labelled=[0, 4])) == [2]


def pieces():
    rows = [
        (1, 100, 0.9, "body"),
        (1, 40, 0.0, "unassigned_ambiguous"),
        (1, 30, 0.0, "unassigned_weak"),
        (2, 50, 0.5, "assigned"),
        (2, 20, 0.1, "new_cell"),
        (0, 70, 1.0, "given"),
        (1, 500, 0.0, "unassigned_left_out"),  # the user said so: no doubt
        (2, 500, 0.0, "corrected"),
    ]
    return pd.DataFrame(rows, columns=["z", "area", "confidence", "outcome"])


def test_doubt_is_counted_once_per_kind_and_pixel():
    table = doubt_table(pieces(), {1: 90, 2: 30}, labelled=[0, 3], bad=[], n_slices=5).set_index("z")
    assert table["low_confidence"].tolist() == pytest.approx([0, 10, 25, 0, 0])
    assert table["ambiguous"].tolist() == [0, 70, 0, 0, 0]
    assert table["without_label"].tolist() == [0, 0, 20, 0, 0]
    assert table["disagreement"].tolist() == pytest.approx(
        [0, 30, 10, 0, 0]
    )  # a third of the way: a third of it
    assert table["doubt"].tolist() == pytest.approx([0, 110, 55, 0, 0])
    assert table["distance"].tolist() == [0, 1, 1, 0, 1]


def test_bad_slices_have_no_doubt_of_their_own():
    table = doubt_table(pieces(), {1: 90}, labelled=[0, 3], bad=[1], n_slices=4)
    assert table.loc[1, "doubt"] == 0 and table.loc[2, "doubt"] > 0


def test_the_table_for_people_names_files_and_is_in_micrometres(tmp_path):
    ranked = advise(doubt_table(pieces(), {1: 90, 2: 30}, labelled=[0, 3], bad=[], n_slices=5), count=2)
    slices = pd.DataFrame(
        {"z": range(5), "number": range(10, 15), "file": [f"in/s{i}.tif" for i in range(5)]}
    )
    table = advice_table(ranked, slices, (50, 20, 20))
    assert table["z"].tolist() == [1, 2, 4] and table["rank"].tolist()[:2] == [1, 2]
    assert table["file"].tolist() == ["in/s1.tif", "in/s2.tif", "in/s4.tif"]
    assert table["doubt_um2"].tolist() == pytest.approx([110 * 0.0004, 55 * 0.0004, 0])
    assert table["relief_um3"].iloc[0] == pytest.approx(110 * 0.0004 * 0.05)
    note = advice_note(table)
    assert "11 (s1.tif), 12 (s2.tif)." in note and "label_next.csv" in note
    advice_figure(ranked, 0.0004, str(tmp_path / "advice.png"))
    assert Image.open(tmp_path / "advice.png").size == (1200, 460)
