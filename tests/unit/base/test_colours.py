"""Colours of ids and structures."""

import numpy as np
from ultraseg.base.colours import ID_COLOURS, PALETTE, STRUCTURE_COLOURS, id_colours, structure_colours


def test_an_id_has_one_colour_everywhere():
    ids = np.random.default_rng(0).integers(0, 2**32, (30, 40), dtype=np.uint64).astype(np.uint32)
    ids[0, :5] = 0
    colours = id_colours(ids)
    assert colours.dtype == np.uint8
    assert not colours[0, :5].any()
    assert np.array_equal(colours, id_colours(ids.astype(np.int64)))
    assert np.array_equal(colours[7, 9], id_colours(ids[7, 9]))
    assert np.array_equal(id_colours(np.array([5, 5, 9]))[0], id_colours(np.array([[9, 5]]))[0, 1])


def test_consecutive_ids_differ_and_all_colours_are_used():
    colours = id_colours(np.arange(1, 2000)).astype(int)
    assert (np.abs(np.diff(colours, axis=0)).sum(axis=1) > 60).all()
    assert len(np.unique(colours, axis=0)) == len(np.unique(ID_COLOURS, axis=0)) == 30


def test_structures_keep_their_colours():
    alone = structure_colours(["mitochondria"])["mitochondria"]
    both = structure_colours(["granules", "mitochondria", "vesicles", "cells"])
    assert both["mitochondria"] == alone
    assert len(set(both.values())) == 4
    assert both["cells"] == STRUCTURE_COLOURS["cells"]
    assert {both["granules"], both["vesicles"]} <= {*PALETTE}


def test_more_structures_than_colours_all_get_one():
    names = [f"s{i}" for i in range(2 * len(PALETTE))]
    colours = structure_colours(names)
    assert list(colours) == names and set(colours.values()) == {*PALETTE}
    assert structure_colours(reversed(names)).keys() == colours.keys()
