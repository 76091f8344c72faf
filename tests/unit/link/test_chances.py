"""Chances of overlaps and joins follow overlap, course and competition."""

import numpy as np
import pandas as pd
import pytest
from ultraseg.link.chains import Pieces, chains_of
from ultraseg.link.chances import (
    Joins,
    Overlaps,
    join_chances,
    lesser_parts,
    off_course,
    overlap_chances,
    possible_joins,
)

NO = Joins(np.zeros(0, np.int64), np.zeros(0, np.int64))


def broken(places, lost=3, shape=(9.0, 0.0, 9.0), depth=12, beside=False):
    """Tubes that move by (0, 2) per slice from the given places, missing in `lost` slices in the middle; and one far
    away that is not (`beside`)."""
    rows = [
        (z, k + 1, 110, y, x + 2 * z, *shape)
        for z in range(depth)
        for k, (y, x) in enumerate(places)
        if not depth // 2 <= z < depth // 2 + lost
    ]
    rows += [(z, 99, 110, 900, 900, *shape) for z in range(depth) if beside]
    rows.sort()
    nodes = pd.DataFrame(rows, columns=["z", "piece", "area", "y", "x", "yy", "yx", "xx"])
    pieces = Pieces.of(nodes)
    index = {(z, piece): i for i, (z, piece) in enumerate(zip(nodes["z"], nodes["piece"], strict=True))}
    pairs = [(i, index[z + 1, piece]) for (z, piece), i in index.items() if (z + 1, piece) in index]
    a, b = np.array(pairs).T
    return nodes, pieces, chains_of(pieces, a, b, np.full(len(a), 0.45))


def test_a_broken_tube_is_taken_up_where_its_course_leads_and_not_beside_it():
    nodes, pieces, chains = broken([(30, 10), (52, 10)])
    joins = possible_joins(pieces, chains, np.ones(len(nodes), bool), 4, NO)
    chance = join_chances(pieces, chains, joins)
    same = nodes["piece"].to_numpy()[joins.end] == nodes["piece"].to_numpy()[joins.start]
    assert same.sum() == 2 and chance[same].min() > 0.6
    assert not len(chance[~same]) or chance[~same].max() < 0.05
    assert off_course(pieces, chains, joins.end[same], joins.start[same]).max() < 1e-9


def test_no_more_slices_are_bridged_than_allowed_and_closed_pieces_are_left_alone():
    nodes, pieces, chains = broken([(30, 10)], lost=3, beside=True)
    assert len(possible_joins(pieces, chains, np.ones(len(nodes), bool), 2, NO).end) == 0
    assert len(possible_joins(pieces, chains, np.ones(len(nodes), bool), 3, NO).end) == 1
    assert len(possible_joins(pieces, chains, np.zeros(len(nodes), bool), 3, NO).end) == 0


def test_a_long_piece_may_go_on_at_its_end():
    _, pieces, chains = broken([(30, 10)], shape=(4.0, 0.0, 400.0))
    _, round_pieces, round_chains = broken([(30, 10)], shape=(4.0, 0.0, 4.0))
    far = np.array([0]), np.array([len(pieces) - 1])
    moved = [
        off_course(p, c, *far, headed=False)[0] for p, c in ((pieces, chains), (round_pieces, round_chains))
    ]
    assert moved[0] < moved[1] / 3


def test_both_halves_of_a_piece_that_maps_split_belong_to_the_chain_that_was_lost():
    whole, half = (9.0, 0.0, 120.0), (9.0, 0.0, 30.0)
    rows = [(z, 1, 220, 30, 40, *whole) for z in range(6)]
    rows += [(7, piece, 110, 30, x, *half) for piece, x in ((1, 30), (2, 50))]
    nodes = pd.DataFrame(rows, columns=["z", "piece", "area", "y", "x", "yy", "yx", "xx"])
    pieces = Pieces.of(nodes)
    a = np.arange(5)
    chains = chains_of(pieces, a, a + 1, np.full(5, 0.9))
    joins = possible_joins(pieces, chains, np.ones(len(nodes), bool), 1, NO)
    assert {(int(e), int(s)) for e, s in zip(*joins, strict=True)} == {(5, 6), (5, 7)}
    assert join_chances(pieces, chains, joins).min() > 0.6


def side_by_side(merged, depth=14):
    """Two tubes beside each other, in the slices `merged` one piece; overlaps as (piece, piece) names of both."""
    rows = []
    for z in range(depth):
        rows += [(z, 3, 190, 25)] if z in merged else [(z, 1, 110, 20), (z, 2, 80, 30)]
    nodes = pd.DataFrame(rows, columns=["z", "piece", "area", "y"]).assign(x=0.0)
    pieces = Pieces.of(nodes)
    z, name, area = (nodes[column].to_numpy() for column in ("z", "piece", "area"))
    a, b = np.nonzero(
        (z[:, None] + 1 == z) & ((name[:, None] == name) | ((name[:, None] == 3) != (name == 3)))
    )
    overlap = 0.9 * np.minimum(area[a], area[b])
    overlaps = Overlaps(a, b, overlap / (area[a] + area[b] - overlap), np.full(len(a), 0.9))
    return z, name, pieces, overlaps, chains_of(pieces, a, b, overlaps.iou)


@pytest.mark.parametrize("merged", [{6}, {5, 6, 7}])
def test_a_piece_that_maps_merged_of_two_tubes_belongs_with_the_larger_one(merged):
    z, name, pieces, overlaps, chains = side_by_side(merged)
    nobody = np.zeros(len(pieces), bool)
    lesser = lesser_parts(pieces, chains, overlaps, nobody)
    chance = overlap_chances(pieces, chains, overlaps, nobody)
    ends = {
        (int(z[a]), int(name[a]), int(name[b]))
        for a, b in zip(overlaps.a[lesser], overlaps.b[lesser], strict=True)
    }
    assert ends == {(min(merged) - 1, 2, 3), (max(merged), 3, 2)}
    assert chance[lesser].max() < 0.05 and chance[~lesser].min() > 0.5


@pytest.mark.parametrize("merged", [set(), {*range(6, 14)}, {5, 6, 7, 8, 9}, set(range(14)) - {6}])
def test_tubes_that_stay_apart_join_for_good_or_are_halves_of_one_for_a_slice_are_not_merged(merged):
    _, _, pieces, overlaps, chains = side_by_side(merged)
    assert not lesser_parts(pieces, chains, overlaps, np.zeros(len(pieces), bool)).any()


def test_a_tube_and_the_body_that_it_touches_are_not_a_merged_piece():
    _, name, pieces, overlaps, chains = side_by_side({6})
    assert not lesser_parts(pieces, chains, overlaps, name == 3).any()


def test_larger_overlaps_are_likelier_and_rivals_make_a_body_less_so():
    nodes, pieces, chains = broken([(30, 10)], lost=0)
    a = np.arange(len(nodes) - 1)
    body = np.zeros(len(nodes), bool)
    low, high = (
        overlap_chances(
            pieces,
            chains,
            Overlaps(a, a + 1, np.full(len(a), iou), np.full(len(a), 2 * iou / (1 + iou))),
            body,
        )
        for iou in (0.2, 0.8)
    )
    assert (low < high).all() and high.min() > 0.95
