"""Labelled slices of which only a part is labelled: ids through gaps, pieces, and what counts as given."""

import numpy as np
import pytest
from moving_cells import SHAPE, dice, ellipse, maps
from ultraseg.arrays.scale import downsample_ids
from ultraseg.cells.flow import stack_flow
from ultraseg.cells.gap_ends import GapEnd, known_slices, read_end, read_planes
from ultraseg.cells.pieces import given_pieces, slice_cells
from ultraseg.cells.propagate import propagate_gap
from ultraseg.storage.label_slices import LabelSlices, write_slices

N = 7
LEFT = np.zeros(SHAPE, bool)
LEFT[:, :56] = True


@pytest.fixture(scope="module")
def truth():
    """One cell on the left, one on the right, one across the middle; all drift."""
    found = np.zeros((N, *SHAPE), np.uint32)
    for z in range(N):
        found[z][ellipse(30 + z, 24, 16, 14)] = 7
        found[z][ellipse(30 + z, 86, 16, 14)] = 14
        found[z][ellipse(74, 52 + z, 14, 22)] = 21
    return found


def part(ids, known):
    return GapEnd(np.where(known, ids, 0).astype(np.uint32), known)


def solve(truth, first, last, **settings):
    image, interior, boundary = maps(truth)
    return propagate_gap(image, stack_flow(image), interior, boundary, first, last, **settings)


def test_an_unlabelled_part_is_filled_from_the_other_side(truth):
    labels, confidence = solve(truth, part(truth[0], LEFT), truth[-1])
    assert np.array_equal(labels[0][LEFT], truth[0][LEFT])  # the user's own
    assert dice(labels[0], truth[0]) > 0.85
    assert all(dice(labels[z], truth[z]) > 0.85 for z in range(N))
    assert (confidence[0][LEFT] == 255).all() and (confidence[0][~LEFT] < 255).all()
    # The same slice given whole as background on the right is another thing: there the user says that no cell is.
    wrong, _ = solve(truth, np.where(LEFT, truth[0], 0).astype(np.uint32), truth[-1])
    assert not (wrong[0] == 14).any()


def test_two_halves_make_a_whole(truth):
    labels, _ = solve(truth, part(truth[0], LEFT), part(truth[-1], ~LEFT))
    assert dice(labels[3], truth[3], [7, 14]) > 0.85
    assert np.array_equal(labels[0][LEFT], truth[0][LEFT]) and np.array_equal(
        labels[-1][~LEFT], truth[-1][~LEFT]
    )


def test_what_nobody_labelled_stays_open(truth):
    labels, confidence = solve(truth, part(truth[0], LEFT), part(truth[-1], LEFT))
    right = np.zeros(SHAPE, bool)
    right[:, 64:] = True
    assert not labels[:, right].any() and not confidence[:, right].any()
    assert all(dice(labels[z], truth[z], [7]) > 0.9 for z in range(N))


@pytest.mark.parametrize("end", ["first", "last"])
def test_ids_from_beyond_fill_the_unlabelled_part(truth, end):
    """What a gap carries to a slice labelled in part goes on through the next gap."""
    order = truth if end == "first" else truth[::-1]
    sides = (order[0], None) if end == "first" else (None, order[0])
    stack = order[:4] if end == "first" else order[3::-1]
    labels, confidence = solve(stack, *sides)
    far = -1 if end == "first" else 0
    through = part(order[3], LEFT)._replace(carried=labels[far], confidence=confidence[far])
    rest = order[3:] if end == "first" else order[:2:-1]
    labels, confidence = solve(rest, *((through, None) if end == "first" else (None, through)))
    assert dice(labels[-1 if end == "first" else 0], order[-1]) > 0.85
    here = 0 if end == "first" else -1
    assert np.array_equal(labels[here][LEFT], order[3][LEFT])


def test_a_whole_end_is_as_good_as_plain_ids(truth):
    plain = solve(truth, truth[0], truth[-1])
    whole = solve(truth, GapEnd(truth[0]), GapEnd(truth[-1], np.ones(SHAPE, bool)))
    assert np.array_equal(plain[0], whole[0])


def test_ends_are_read_at_the_scale_of_the_cells(tmp_path, truth):
    file, carried = str(tmp_path / "a.h5"), str(tmp_path / "b.h5")
    known = LEFT.copy()
    known[:, 55] = False  # half of a block of two: it does not count as known
    write_slices(file, SHAPE, [(4, {"labels": truth[0], "known": known.astype(np.uint8)})])
    small = tuple(n // 2 for n in SHAPE)
    slices = [(4, {"labels": np.full(small, 5, np.uint32), "confidence": np.full(small, 90, np.uint8)})]
    write_slices(carried, small, slices)
    with LabelSlices(file) as given:
        alone, with_carried = read_end(given, 4, 2), read_end(given, 4, 2, carried)
    assert alone.known[:, :27].all() and not alone.known[:, 27:].any()
    ids, confidence, reached = alone.proposal()
    assert not ids[:, 27:].any() and not confidence[:, 27:].any() and np.array_equal(reached, alone.known)
    ids, confidence, reached = with_carried.proposal()
    assert (ids[:, 27:] == 5).all() and (confidence[:, 27:] == 90).all() and reached.all()
    assert known_slices([alone, None], (3, *small)).sum() == alone.known.sum()


# ---------------------------------------------------------------- pieces
def test_new_cells_grow_only_where_nothing_is_labelled(truth):
    _, interior, boundary = maps(truth[:1])
    nothing = np.zeros(SHAPE, np.uint32)
    sure = np.full(SHAPE, 255, np.uint8)
    pieces, table = slice_cells(nothing, sure, interior[0], boundary[0], given=LEFT)
    assert pieces[30, 86] > 0 and (table["cell"] == 0).all()
    # In the labelled part lie pieces as well, which linking takes for what the user left out: none lies in both.
    given = given_pieces(pieces, LEFT)
    assert given.any() and set(pieces[LEFT]) & set(pieces[~LEFT]) == {0}
    assert not given[pieces[30, 86] - 1]


def test_pieces_that_the_user_drew_are_given_and_stay_whole_across_the_edge(truth):
    _, interior, boundary = maps(truth[:1])
    sure = np.full(SHAPE, 255, np.uint8)
    labels = truth[0].copy()
    labels[2, 2] = 99  # too small for a piece, but drawn by the user
    pieces, table = slice_cells(labels, sure, interior[0], boundary[0], given=LEFT)
    table = table.assign(given=given_pieces(pieces, LEFT))
    assert dict(zip(table["cell"], table["given"], strict=True)) == {7: True, 14: False, 21: True, 99: True}


def test_planes_are_read_at_the_scale_of_the_cells_without_hidden_slices(tmp_path):
    ids = np.random.default_rng(0).integers(1, 4, (12, 10, 14)).astype(np.uint32)
    known = np.ones((12, 14), np.uint8)
    known[:, 12:] = 0
    xz, yz = str(tmp_path / "xz.h5"), str(tmp_path / "yz.h5")
    write_slices(xz, (12, 14), [(y, {"labels": ids[:, y], "known": known}) for y in (3, 8)])
    write_slices(yz, (12, 10), [(5, {"labels": ids[:, :, 5]})])
    how = {"n_slices": 12, "hidden": [4]}
    found = read_planes([xz, yz], ["xz", "yz"], range(2, 7), step=1, downsample=1, **how)
    assert [(one.axis, one.at) for one in found] == [(1, 3), (1, 8), (2, 5)]
    np.testing.assert_array_equal(found[0].ids, ids[2:7, 3])
    np.testing.assert_array_equal(found[2].ids, ids[2:7, :, 5])
    assert found[0].known[:, :12].sum() == 4 * 12 and not found[0].known[2].any()
    assert not found[0].known[:, 12:].any() and found[2].known.sum() == 4 * 10
    half = read_planes([xz, yz], ["xz", "yz"], [2, 4, 6], step=2, downsample=2, **how)
    assert [(one.axis, one.at) for one in half] == [(1, 1), (1, 4), (2, 2)]
    np.testing.assert_array_equal(
        half[0].ids, downsample_ids(np.ascontiguousarray(ids[[2, 3, 4, 5, 6, 7], 3]), 2)
    )
    assert half[0].known.all(axis=1).tolist() == [False, False, False]  # its last columns are not known
    assert half[0].known[:, :6].all(axis=1).tolist() == [True, False, True]


def test_a_plane_that_tells_nothing_of_a_gap_is_left_out(tmp_path):
    write_slices(str(tmp_path / "xz.h5"), (4, 6), [(2, {"labels": np.ones((4, 6), np.uint32)})])
    how = {"n_slices": 4, "step": 1, "downsample": 1}
    assert read_planes([str(tmp_path / "xz.h5")], ["xz"], [1, 2], hidden=[1, 2], **how) == []
    assert read_planes([], [], [1, 2], **how) == []
