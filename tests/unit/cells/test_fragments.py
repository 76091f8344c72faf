"""Fragments grow from ids and minima."""

import numpy as np
from ultraseg.cells.fragments import Given, blocks, grow_fragments, minima_seeds, regrow_fragments


def walls(shape, *columns):
    """Cut maps with a wall at the given columns and noise elsewhere; the third axis is cut behind each column."""
    cuts = np.random.default_rng(0).integers(0, 20, (3, 2, *shape)).astype(np.uint8)
    for column in columns:
        cuts[2, 0, :, :, column] = 250
    return cuts


def test_ids_grow_up_to_the_walls_and_keep_their_numbers():
    ids = np.full((10, 30), 4, np.uint32)
    ids[:, 15:] = 900
    cuts = walls((6, 10, 30), 14)
    found = grow_fragments(cuts, [Given(0, ids)], clearance=6)
    assert found.ids.tolist() == [4, 900] and found.count == 2
    assert (found.labels[:, :, :15] == 0).all() and (found.labels[:, :, 15:] == 1).all()


def test_what_no_id_reaches_has_fragments_of_its_own():
    ids = np.full((10, 30), 7, np.uint32)
    cuts = walls((9, 10, 30), 14)
    cuts[0, 0, 2, :, :15] = 250  # a wall between the slices 2 and 3, left of the other wall
    found = grow_fragments(cuts, [Given(0, ids)])
    assert (found.labels[:3, :, :15] == 0).all()
    assert found.count > 1 and (found.labels[5:, :, :15] > 0).all()
    assert sorted(np.unique(found.labels)) == list(range(found.count))


def test_no_seed_lies_near_a_slice_that_is_labelled_as_a_whole():
    ids, known = np.full((10, 30), 7, np.uint32), np.zeros((10, 30), bool)
    cuts = walls((5, 10, 30), 14)
    assert grow_fragments(cuts, [Given(0, ids)], clearance=5).count == 1
    known[:, 20:] = True
    assert grow_fragments(cuts, [Given(0, ids, known)], clearance=5).count > 1


def test_only_known_ids_are_terminals():
    ids = np.full((10, 30), 7, np.uint32)
    ids[:, :15] = 3
    known = np.zeros(ids.shape, bool)
    known[:, 15:] = True
    found = grow_fragments(walls((5, 10, 30), 14), [Given(4, ids, known)])
    assert found.ids.tolist() == [7] and (found.labels[4][known] == 0).all()
    assert (found.labels[:, :, :14] > 0).all()


def test_blocks_bound_what_the_watershed_sees_and_keep_the_terminals():
    assert [b[1:] for b in blocks((3, 5, 4), 4)] == [
        (slice(0, 4), slice(0, 4)), (slice(4, 5), slice(0, 4)),
    ]  # fmt: skip
    ids = np.full((10, 30), 4, np.uint32)
    ids[:, 15:] = 900
    found = grow_fragments(walls((6, 10, 30), 14), [Given(0, ids)], clearance=6, side=8)
    assert found.count == 2 and (found.labels[:, :, 15:] == 1).all()


def test_a_plateau_is_one_seed_also_at_the_edge():
    smooth = np.full((3, 4, 5), 9, np.uint8)
    smooth[0, :2, :2] = 1
    smooth[2, 3, 3:] = 2
    seeds = minima_seeds(smooth)
    assert seeds.max() == 2 and len(np.unique(seeds[0, :2, :2])) == 1 and seeds[2, 3, 4] > 0


def test_maps_without_labels_and_minima_are_one_fragment():
    found = grow_fragments(np.zeros((3, 2, 4, 5, 6), np.uint8), [])
    assert found.count == 1 and not found.labels.any()


def halves(shape, column):
    """Two fragments that meet before ``column``."""
    labels = np.zeros(shape, np.int32)
    labels[:, :, column:] = 1
    return labels


def test_outlines_move_to_the_wall_within_reach():
    shape, cell = (9, 20, 40), np.array([0, 1])
    cuts = walls(shape, 20)
    for start in (19, 21, 22, 23):
        found = regrow_fragments(halves(shape, start), cell, cuts, [], reach=2)
        assert (found == halves(shape, 21)).mean() > 0.99
    assert np.array_equal(regrow_fragments(halves(shape, 23), cell, cuts, [], reach=0), halves(shape, 23))
    # Fragments of one cell have no outline between them.
    assert np.array_equal(regrow_fragments(halves(shape, 23), cell * 0, cuts, [], reach=2), halves(shape, 23))


def test_what_is_known_of_a_slice_stays_and_thin_parts_without_it_go():
    shape, cell = (9, 20, 40), np.arange(3)
    labels = halves(shape, 21)
    labels[:, 8:10, 5:8] = 2  # thinner than twice the reach
    ids = np.where(labels[0] == 2, 12, 10).astype(np.uint32)
    cuts = walls(shape, 20)
    assert not (regrow_fragments(labels, cell, cuts, [], reach=2) == 2).any()
    kept = regrow_fragments(labels, cell, cuts, [Given(0, ids)], reach=2)
    assert np.array_equal(kept[0], labels[0])
    known = np.zeros(ids.shape, bool)
    assert not (regrow_fragments(labels, cell, cuts, [Given(0, ids, known)], reach=2) == 2).any()


def test_regrown_outlines_do_not_depend_on_blocks():
    rng = np.random.default_rng(5)
    shape = (6, 96, 80)
    cuts = rng.integers(0, 256, (3, 2, *shape)).astype(np.uint8)
    labels = (np.arange(96)[:, None] // 12 * 7 + np.arange(80) // 12).astype(np.int32) * np.ones(
        (6, 1, 1), np.int32
    )
    cell = np.arange(labels.max() + 1)
    whole = regrow_fragments(labels, cell, cuts, [], reach=2)
    parts = regrow_fragments(labels, cell, cuts, [], reach=2, side=40)
    assert (whole != labels).mean() > 0.05 and np.array_equal(whole, parts)


def test_a_block_without_anything_to_keep_stays_as_it_is():
    shape = (3, 6, 6)
    labels = np.arange(108, dtype=np.int32).reshape(shape)
    found = regrow_fragments(labels, np.arange(108), walls(shape), [], reach=1)
    assert np.array_equal(found, labels)


def test_planes_across_the_slices_are_seeds_wherever_blocks_lie():
    cuts = walls((6, 10, 30), 14)
    ids = np.full((6, 30), 4, np.uint32)  # z by x
    ids[:, 15:] = 900
    for axis, across in ((1, cuts), (2, cuts[[0, 2, 1]].swapaxes(3, 4))):
        found = grow_fragments(np.ascontiguousarray(across), [Given(3, ids, None, axis)], side=8)
        line = found.labels.take(3, axis)
        assert found.ids.tolist() == [4, 900]
        assert (line[:, :15] == 0).all() and (line[:, 15:] == 1).all()
        assert found.count > 2  # a plane clears no slice of seeds of its own


def test_a_plane_tells_only_the_places_that_it_meets():
    ids = np.arange(6 * 30, dtype=np.uint32).reshape(6, 30)
    place = (slice(2, 7), slice(10, 30))
    part = Given(3, ids, ids > 40, 1).within(place)
    assert (
        part.at == 1 and np.array_equal(part.ids, ids[:, 10:]) and np.array_equal(part.known, part.ids > 40)
    )
    assert Given(8, ids, None, 1).within(place) is None
    column = Given(12, ids[:, :10], None, 2).within(place)
    assert column.at == 2 and np.array_equal(column.ids, ids[:, 2:7]) and column.known is None
    voxels = np.zeros((6, 5, 20), np.uint32)
    part.seen_in(voxels)[...] = part.ids
    column.seen_in(voxels)[...] = column.ids
    assert np.array_equal(voxels[:, :, 2], ids[:, 2:7]) and np.array_equal(voxels[:, 1, 3:], ids[:, 13:])
    assert np.array_equal(part.line_in(voxels[4])[3:], ids[4, 13:])
    assert np.array_equal(column.line_in(voxels[4]), ids[4, 2:7])


def test_what_is_known_of_planes_stays_when_outlines_are_found_anew():
    cuts = walls((6, 10, 30), 14)
    labels = np.zeros((6, 10, 30), np.int32)
    labels[:, :, 16:] = 1
    labels[:, 4, 10:16] = 1  # beyond the wall
    known = np.zeros((6, 30), bool)
    known[:, 10:13] = True
    cell = np.array([0, 1])
    kept = regrow_fragments(labels, cell, cuts, [Given(4, labels[:, 4], known, 1)], reach=2)
    assert (kept[:, 4, 10:13] == 1).all()
    assert (regrow_fragments(labels, cell, cuts, [], reach=2)[:, 4, 10:13] == 0).all()
