"""Cells of a gap from cut maps and labelled slices."""

import numpy as np
import pytest
from exact_cuts import cuts_of
from moving_cells import SHAPE, dice, ellipse
from ultraseg.cells.fragments import Given
from ultraseg.cells.gap_cells import cells_of_gap, cells_of_tiles, chance_of_right, tiles_of
from ultraseg.cells.gap_ends import GapEnd


def volume(n=15):
    """Four moving cells in background; the fourth is on no end."""
    truth = np.zeros((n, *SHAPE), np.uint32)
    for z in range(n):
        t = z / (n - 1)
        truth[z][ellipse(30 + 16 * t, 30 + 20 * t, 15, 12)] = 7
        truth[z][ellipse(60, 80, 14, 14) & ~ellipse(60, 80, 7, 7)] = 14
        truth[z][ellipse(60, 80, 7, 7)] = 4_000_000_000
        if 0.25 < t < 0.75:
            truth[z][ellipse(20, 85, 12, 14)] = 28
    return truth


@pytest.fixture
def truth():
    return volume()


def test_ids_fill_their_cells_from_both_ends(truth):
    found = cells_of_gap(cuts_of(truth, noise=40), truth[0], truth[-1])
    assert found.labels.dtype == np.uint32 and found.confidence.dtype == np.uint8
    assert dice(found.labels, truth, [7, 14, 4_000_000_000]) > 0.95
    assert np.array_equal(found.labels[0], truth[0]) and np.array_equal(found.labels[-1], truth[-1])
    assert (found.confidence[[0, -1]] == 255).all() and found.confidence[5].mean() > 150


def test_a_cell_that_no_label_shows_is_new(truth):
    found = cells_of_gap(cuts_of(truth, noise=40), truth[0], truth[-1])
    new = found.new > 0
    true = truth == 28
    assert 2 * (new & true).sum() / (new.sum() + true.sum()) > 0.9
    assert not found.labels[new].any()


@pytest.mark.parametrize("side", [0, 1])
def test_one_end_is_enough(truth, side):
    ends = (truth[0], None) if side == 0 else (None, truth[-1])
    found = cells_of_gap(cuts_of(truth, noise=40), *ends)
    assert dice(found.labels, truth, [7, 14]) > 0.95
    with pytest.raises(ValueError, match="first or its last"):
        cells_of_gap(cuts_of(truth, noise=40), None, None)


def test_what_the_user_left_unlabelled_takes_its_ids_from_elsewhere(truth):
    known = np.ones(SHAPE, bool)
    known[:, 60:] = False
    wrong = np.where(known, truth[0], 5)
    found = cells_of_gap(cuts_of(truth, noise=40), GapEnd(wrong, known), truth[-1])
    assert not (found.labels == 5).any()
    assert dice(found.labels, truth, [7, 14, 4_000_000_000]) > 0.95
    assert (found.confidence[0][known] == 255).all() and (found.confidence[0][~known] < 255).all()


def test_ids_from_beyond_the_gap_count_where_nothing_was_drawn(truth):
    known = np.zeros(SHAPE, bool)
    known[:, :60] = True
    beyond = np.full(SHAPE, 90, np.uint8)
    end = GapEnd(np.where(known, truth[0], 0), known, truth[0], beyond)
    found = cells_of_gap(cuts_of(truth, noise=40), end, None)
    assert dice(found.labels, truth, [14, 4_000_000_000]) > 0.95
    assert (found.confidence[0][~known] <= 90).all()


def test_pixels_that_another_id_claims_are_counted(truth):
    sure = cells_of_gap(cuts_of(truth, noise=40), truth[0], truth[-1])
    assert not sure.differ[[0, -1]].any()
    first = np.where(truth[0] == 7, 50, truth[0])  # the labels of both ends contradict each other
    vague = cells_of_gap(cuts_of(truth, noise=40), first, truth[-1])
    area = np.count_nonzero(truth[7] == 7)
    assert sure.differ[7] < 0.1 * area < 0.25 * area < vague.differ[7] < 1.2 * area
    there = truth[7] == 7
    assert vague.confidence[7][there].mean() < sure.confidence[7][there].mean() - 50


def test_blocks_change_little(truth):
    cuts = cuts_of(truth, noise=40)
    whole, parts = (cells_of_gap(cuts.copy(), truth[0], truth[-1], side=side).labels for side in (512, 40))
    assert (whole != parts).mean() < 0.01


def test_shapes_must_fit(truth):
    with pytest.raises(ValueError, match="do not match"):
        cells_of_gap(cuts_of(truth, noise=40), truth[0][:5], None)


def test_the_chance_of_being_right_rises_with_the_margin():
    chance = chance_of_right(np.array([np.nan, 0, 0.1, 0.2, 0.3, 0.4, 0.6, np.inf]))
    assert (np.diff(chance) >= 0).all() and chance[0] == chance[1] < 0.5 and 0.95 < chance[-1] < 1


def test_tiles_cover_a_slice_once_and_overlap():
    assert tiles_of(10, (40, 50), 10 * 40 * 50, 8) == [((slice(0, 40), slice(0, 50)),) * 2]
    tiles = tiles_of(10, (100, 300), 100_000, 16)
    seen = np.zeros((100, 300), int)
    for inner, wide in tiles:
        seen[inner] += 1
        assert 10 * seen[wide].size <= 100_000
        assert all(w.start == max(0, i.start - 16) for i, w in zip(inner, wide, strict=True))
        assert wide[1].stop == min(300, inner[1].stop + 16) and wide[0].stop == min(100, inner[0].stop + 16)
    assert len(tiles) > 1 and (seen == 1).all()
    # A tile is no narrower than what it shares with its neighbours, however little memory there is.
    assert min(inner[1].stop - inner[1].start for inner, _ in tiles_of(10, (100, 320), 1, 16)) >= 16


def test_tiles_give_the_cells_of_the_whole_gap(truth):
    cuts, ends = cuts_of(truth, noise=40), (GapEnd(truth[0]), GapEnd(truth[-1]))
    seeds = [Given(2, truth[2], truth[2] == 7)]
    whole = cells_of_gap(cuts.copy(), *ends, seeds=seeds)
    parts = cells_of_tiles(cuts.copy(), *ends, most_voxels=truth.size // 3, overlap=16, seeds=seeds)
    assert (whole.labels != parts.labels).mean() < 0.01 and whole.new.max() == 1
    # The cell that no label shows lies in several tiles and has one number.
    new, true = parts.new > 0, truth == 28
    numbers, voxels = np.unique(parts.new[new & true], return_counts=True)
    assert voxels.max() > 0.95 * voxels.sum() and 2 * (new & true).sum() / (new.sum() + true.sum()) > 0.9
    assert np.array_equal(parts.labels[[0, -1]], truth[[0, -1]]) and (parts.confidence[[0, -1]] == 255).all()
    one = cells_of_tiles(cuts.copy(), *ends, most_voxels=truth.size, seeds=seeds)
    assert np.array_equal(one.labels, whole.labels) and np.array_equal(one.differ, whole.differ)


def test_tiles_know_where_the_user_drew(truth):
    known = np.ones(SHAPE, bool)
    known[:, 60:] = False
    end = GapEnd(np.where(known, truth[0], 5), known, truth[0], np.full(SHAPE, 90, np.uint8))
    found = cells_of_tiles(cuts_of(truth, noise=40), end, None, most_voxels=truth.size // 3, overlap=16)
    assert (found.confidence[0][known] == 255).all() and (found.confidence[0][~known] <= 90).all()
    assert dice(found.labels, truth, [14, 4_000_000_000]) > 0.95


def hidden_wall(truth):
    """Cuts that do not show where two cells part: only labels tell it."""
    cuts = cuts_of(truth, noise=20)
    cuts[:, :, 1:-1, :, 50:70] //= 8
    return cuts


def test_planes_across_the_slices_part_cells_where_maps_show_nothing():
    truth = np.full((15, *SHAPE), 7, np.uint32)
    truth[:, :, 60:] = 14
    truth[4:11, 60:90, 20:80] = 21  # shown by no labelled slice, and by one plane
    plane = Given(75, truth[:, 75], None, 1)
    without, found = (
        cells_of_gap(hidden_wall(truth), truth[0], truth[-1], planes=planes) for planes in ((), (plane,))
    )
    assert not (without.labels == 21).any()
    assert dice(found.labels, truth, [7, 14, 21]) > 0.95
    assert np.array_equal(found.labels[:, 75], truth[:, 75]) and (found.confidence[:, 75] == 255).all()
    assert not (found.new > 0)[:, 75].any() and not found.doubtful[:, 75].any()


def test_a_labelled_slice_holds_where_a_plane_says_otherwise(truth):
    wrong = Given(30, np.full((15, SHAPE[1]), 99, np.uint32), None, 1)
    found = cells_of_gap(cuts_of(truth, noise=40), truth[0], truth[-1], planes=[wrong])
    assert np.array_equal(found.labels[[0, -1]], truth[[0, -1]])
    assert (found.labels[1:-1, 30] == 99).all()


def test_only_what_is_known_of_a_plane_counts(truth):
    known = np.zeros((15, SHAPE[1]), bool)
    known[5:8, 90:100] = True
    plane = Given(20, np.where(known, truth[:, 20], 99).astype(np.uint32), known, 1)
    found = cells_of_gap(cuts_of(truth, noise=40), truth[0], truth[-1], planes=[plane])
    assert not (found.labels == 99).any()
    assert dice(found.labels, truth, [7, 14, 28]) > 0.9


def test_tiles_have_their_parts_of_planes(truth):
    planes = [Given(20, truth[:, 20], None, 1), Given(85, truth[:, :, 85], None, 2)]
    ends = GapEnd(truth[0]), GapEnd(truth[-1])
    found = cells_of_tiles(
        cuts_of(truth, noise=40), *ends, most_voxels=truth.size // 3, overlap=16, planes=planes
    )
    assert np.array_equal(found.labels[:, 20], truth[:, 20])
    assert np.array_equal(found.labels[:, :, 85], truth[:, :, 85])
    assert dice(found.labels, truth, [7, 14, 28]) > 0.95


@pytest.mark.parametrize("at, names", [(48, {7}), (0, {0})])
def test_what_ends_within_the_gap_is_continued_over_a_doubtful_cut_and_what_reaches_the_border_is_not(
    at, names
):
    """A tube that ends in the gap, with a doubtful cut half way: its far part is labelled nowhere."""
    truth = np.zeros((15, *SHAPE), np.uint32)
    truth[:13, 20:40, at : at + 20] = 7
    cuts = cuts_of(truth)
    tube = truth[0] > 0
    cuts[0, 0, 6][tube] = 170
    cuts[0, 1, 4:7, tube] = 170
    found = cells_of_gap(cuts, truth[0], truth[-1])
    inside = np.s_[8:12, 24:36, at + 4 : at + 16]
    assert {*np.unique(found.labels[inside])} <= names and (
        found.labels[2:5, 24:36, at + 4 : at + 16] == 7
    ).all()
    assert (found.new[inside] > 0).all() == (at == 0)
