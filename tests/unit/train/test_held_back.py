"""Slices that are held back for validation: which labels training needs all the same."""

import numpy as np
from disc_tiles import disc_tiles
from rare_tiles import rare_tiles
from ultraseg.train.held_back import only, scarce_channels, share_of, together, without
from ultraseg.train.tiles import Tiles

NAMES = ["common", "rare", "missing"]


def part(tiles, rows):
    return Tiles(**{name: values[rows] for name, values in vars(tiles).items()})


def test_what_validation_alone_shows_is_scarce():
    tiles = rare_tiles()  # the rare structure is in tile 2
    others, shown = part(tiles, [0, 1, 3]), part(tiles, [2])
    assert scarce_channels(others, shown, NAMES) == [1]
    assert scarce_channels(part(tiles, [2, 0]), shown, NAMES) == []


def test_more_slices_for_validation_than_for_training_make_nothing_scarce():
    held = rare_tiles()
    assert scarce_channels(part(held, [2]), part(held, [0, 1, 3]), NAMES) == []
    assert scarce_channels(part(held, [2]), held, NAMES) == []


def test_as_many_examples_on_more_slices_are_enough():
    held = rare_tiles()
    assert scarce_channels(held, part(held, [2]), NAMES) == []  # a sixth of the share, but the same pixels


def test_cells_are_never_scarce():
    tiles = rare_tiles()
    others, shown = part(tiles, [0, 1, 3]), part(tiles, [2])
    assert scarce_channels(others, shown, ["common", "cells/interior", "missing"]) == []
    assert scarce_channels(others, part(tiles, []), NAMES) == []


def test_pixels_count_as_often_as_their_tile_stands_for_places_and_only_where_known():
    held, train = part(rare_tiles(), [2]), part(rare_tiles(), [0, 2])
    train.target[1, :, :, 1] = 0
    train.target[1, 40:46, 50:52, 1] = 255  # a third of the examples
    assert scarce_channels(train, held, NAMES) == [1]
    train.stands_for[:] = [1, 30]
    assert scarce_channels(train, held, NAMES) == []
    train.weight[1, 40:46, 50:52, 1] = 0
    assert scarce_channels(train, held, NAMES) == [1]


def test_a_slice_tells_training_of_scarce_structures_and_validation_of_all_others():
    held = rare_tiles()
    held.ids = np.ones((len(held), 128, 128), np.uint16)
    learned, kept = only(held, [1]), without(held, [1])
    assert learned.weight[..., 1].all() and not learned.weight[..., [0, 2]].any()
    assert not learned.ids.any()  # cuts between cells are learned from ids
    assert kept.weight[..., [0, 2]].all() and not kept.weight[..., 1].any()
    assert held.weight.all()  # is left as it is
    assert without(held, []) is held


def test_tiles_of_two_sizes_are_put_together_with_nothing_known_beyond():
    small, large = disc_tiles(0), part(rare_tiles(), [1, 2])
    large = Tiles(**vars(large) | {"target": large.target[..., :1], "weight": large.weight[..., :1]})
    both = together(small, large)
    assert len(both) == 3 and both.image.shape[1:3] == (128, 128)
    assert np.array_equal(both.target[0, :64, :64], small.target[0])
    assert both.weight[0, :64, :64].all() and not both.weight[0, 64:].any()
    assert (both.height[0], both.z.tolist()) == (64, [0, 0, 0])
    assert len(together(small, part(large, []))) == 1


def test_few_slices_are_held_back_for_a_part_of_the_training():
    assert [share_of(None, slices) for slices in (2, 3, 4, 9)] == [0.6, 0.6, 1, 1]
    assert share_of(1.0, 2) == 1 and share_of(0.3, 9) == 0.3
