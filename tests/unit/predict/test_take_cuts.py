"""Affinities become the cuts that ids tell, at any scale, and the maps of cells."""

import logging

import numpy as np
import pytest
from affinity_files import (
    DIRECT,
    affinities_of,
    write_as_connectomics,
    write_as_lsd,
    write_as_ome_zarr,
    write_as_volara,
)
from exact_cuts import cuts_of
from ultraseg.cells.cuts import read_cuts
from ultraseg.grid.cut_maps import BRICK, bricks
from ultraseg.grid.pyramid_levels import chunk_and_shard
from ultraseg.ingest.any_volume import open_volume_file
from ultraseg.predict.affinities import AffinitySource
from ultraseg.predict.take_cuts import cell_maps, take_brick, warn_of_turned_affinities
from ultraseg.storage.create import create_array

LONG = (*DIRECT, (-3, 0, 0), (0, -3, 0), (0, 0, -3))


def blocks_of_ids(shape, side=6, seed=0):
    """Cells as boxes with ragged sides, so that no two axes look alike."""
    z, y, x = np.indices(shape)
    return (
        (z + y // 3) // side * 100 + (y + x // 4) // (side + 2) * 10 + (x + z // 5) // (side + 3) + 1
    ).astype(np.uint32)


def source_of(path, offsets=DIRECT, factor=(1, 1, 1), axes="czyx", shown_as=""):
    shape = open_volume_file(path, axes).shape
    channels = tuple(range(len(offsets)))
    return AffinitySource(
        "networks.n.maps.a.cells/affinities", path, channels, axes, None, shape, factor, offsets, shown_as
    )


def cuts_from(folder, source, limits, shape, *, shown=None, crop=None, downsample=1):
    """The cut maps (3, offsets, Z, Y, X) that bricks of ``take_brick`` write; shape: of the maps."""
    n, *plane = shape
    path = str(folder / "cuts")
    chunk, shard = chunk_and_shard((6, *plane), BRICK)
    create_array(path, (n, 6, *plane), chunk, shard, "uint8", ("z", "channel", "y", "x"))
    shown = list(shown or range(n))
    crop = crop or [(0, plane[0] * downsample), (0, plane[1] * downsample)]
    for start, stop in bricks(n):
        take_brick(
            source, limits, path, brick=(start, stop), shown=shown[start : stop + 3], crop=crop,
            downsample=downsample,
        )  # fmt: skip
    return read_cuts(path, range(n))


def expected(ids):
    return np.where(cuts_of(ids) > 0, 255, 0)


@pytest.fixture
def ids():
    return blocks_of_ids((BRICK + 9, 30, 44))  # two bricks


@pytest.mark.parametrize("write", [write_as_lsd, write_as_connectomics, write_as_ome_zarr])
def test_files_of_other_programs_give_the_cuts_of_the_ids(tmp_path, ids, write):
    path = write(tmp_path, affinities_of(ids))
    path = path + "/0" if write is write_as_ome_zarr else path
    limits = (0, 1) if write is write_as_ome_zarr else (0, 255)
    found = cuts_from(tmp_path, source_of(path), limits, ids.shape)
    # No cell comes back within three voxels, so that the highest of three steps is the cut at distance 3.
    assert np.array_equal(found, expected(ids))


def test_long_offsets_are_taken_where_they_are_there(tmp_path, ids):
    path = write_as_volara(tmp_path, affinities_of(ids, LONG), LONG)
    values = affinities_of(ids, LONG)
    values[:3] = 1  # the short ones would say that there is one cell
    other = write_as_volara(tmp_path / "other", values, LONG)
    assert np.array_equal(cuts_from(tmp_path, source_of(path, LONG), (0, 1), ids.shape), expected(ids))
    found = cuts_from(tmp_path / "other", source_of(other, LONG), (0, 1), ids.shape)
    assert np.array_equal(found[:, 1], expected(ids)[:, 1]) and not found[:, 0].any()


def test_positive_offsets_lie_at_the_other_voxel(tmp_path, ids):
    offsets = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    path = write_as_volara(tmp_path, affinities_of(ids, offsets), offsets)
    assert np.array_equal(cuts_from(tmp_path, source_of(path, offsets), (0, 1), ids.shape), expected(ids))


def test_cuts_at_a_lower_scale_are_shares_of_pairs(tmp_path):
    small = blocks_of_ids((20, 12, 18))
    fine = small.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    path = write_as_lsd(tmp_path, affinities_of(fine))
    found = cuts_from(tmp_path, source_of(path), (0, 255), small.shape, shown=range(0, 40, 2), downsample=2)
    assert np.array_equal(found[:, 0], expected(small)[:, 0])  # cells end between blocks: all pairs or none
    assert np.array_equal(found[:, 1], expected(small)[:, 1])


def test_a_file_of_half_the_size_serves_a_run_of_half_the_size(tmp_path):
    small = blocks_of_ids((20, 12, 18))
    path = write_as_lsd(tmp_path, affinities_of(small))
    source = source_of(path, factor=(2, 2, 2))
    found = cuts_from(tmp_path, source, (0, 255), small.shape, shown=range(0, 40, 2), downsample=2)
    assert np.array_equal(found, expected(small))


def test_a_part_of_the_stack_is_cut_out(tmp_path, ids):
    path = write_as_lsd(tmp_path, affinities_of(ids))
    found = cuts_from(
        tmp_path, source_of(path), (0, 255), (20, 20, 30), shown=range(5, 25), crop=[(4, 24), (7, 37)]
    )
    whole, part = expected(ids)[:, :, 5:25, 4:24, 7:37], expected(ids[5:25, 4:24, 7:37])
    assert np.array_equal(found[0], part[0])  # there is no slice beyond the last
    assert np.array_equal(found[1:], whole[1:])


def test_affinities_reach_past_a_bad_slice(tmp_path):
    """The stand-in of slice 5 is slice 4: between them is no cut, and the way to slice 6 is that of two steps."""
    ids = np.zeros((12, 8, 8), np.uint32)
    ids[6:] = 1
    offsets = (*DIRECT, (-2, 0, 0))
    values = affinities_of(ids, offsets)
    values[0, 5:7] = 0  # as a network sees a blank slice
    shown = [0, 1, 2, 3, 4, 4, *range(6, 12)]
    path = write_as_volara(tmp_path, values, offsets)
    found = cuts_from(tmp_path, source_of(path, offsets), (0, 1), ids.shape, shown=shown)
    assert not found[0, 0, 4].any() and found[0, 0, 5].min() == 255
    values[3] = 1  # now the two steps say that slices 4 and 6 are one cell
    path = write_as_volara(tmp_path / "same", values, offsets)
    found = cuts_from(tmp_path / "same", source_of(path, offsets), (0, 1), ids.shape, shown=shown)
    assert not found[0, 0, 4:6].any()


def test_maps_of_cells_are_made_of_the_cuts_within_a_slice(tmp_path):
    ids = blocks_of_ids((3, 30, 44))
    path = write_as_lsd(tmp_path, affinities_of(ids))
    found = {
        name: np.stack(
            [*cell_maps(source_of(path, shown_as=name), (0, 255), [0, 1, 1], [(0, 30), (0, 44)], 1)]
        )
        for name in ("interior", "boundary")
    }
    padded = np.pad(ids[[0, 1, 1]], ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = [padded[:, 1 + a : 31 + a, 1 + b : 45 + b] for a, b in ((-1, 0), (1, 0), (0, -1), (0, 1))]
    edge = np.any([one != ids[[0, 1, 1]] for one in around], axis=0)
    assert np.array_equal(found["boundary"], 255 * edge) and np.array_equal(found["interior"], 255 * ~edge)


def test_cuts_in_place_of_affinities_are_told(tmp_path, caplog):
    ids = blocks_of_ids((9, 30, 44))
    right = source_of(write_as_lsd(tmp_path, affinities_of(ids)))
    turned = source_of(write_as_lsd(tmp_path / "turned", 1 - affinities_of(ids)))
    with caplog.at_level(logging.WARNING):
        warn_of_turned_affinities(right, (0, 255))
        warn_of_turned_affinities(turned, (255, 0))
        assert not caplog.records
        warn_of_turned_affinities(turned, (0, 255))
    assert "say so with range: [255, 0]" in caplog.text
    assert np.array_equal(
        cuts_from(tmp_path, turned, (255, 0), ids.shape),
        cuts_from(tmp_path / "b", right, (0, 255), ids.shape),
    )
