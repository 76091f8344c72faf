"""Chances of overlaps and joins follow overlap, course and competition."""

import numpy as np
import pandas as pd
import pytest
from ultraseg.link.chains import Pieces, chains_of
from ultraseg.link.chances import (
    Joins,
    Overlaps,
    among_rivals,
    join_chances,
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


def test_rivals_share_one_chance():
    joins = Joins(np.array([0, 0, 1]), np.array([5, 6, 6]))
    alone = among_rivals(Joins(np.array([0]), np.array([5])), np.array([9.0]))
    assert alone[0] == pytest.approx(0.72, abs=0.02)  # against none at either side
    both = among_rivals(joins, np.array([9.0, 9.0, 900.0]))
    assert both[1] < 0.06 and both[2] > 0.9 and both[0] > 0.6
    assert both[0] + both[1] <= 1 and both[1] + both[2] <= 1


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
