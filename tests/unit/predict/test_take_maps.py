"""Maps of other programs: their range is found, they come to the scale of the run, and slabs equal the whole."""

import json

import h5py
import numpy as np
import pytest
import tifffile
from ultraseg.base.errors import UserError
from ultraseg.grid.pyramid_levels import chunk_and_shard
from ultraseg.predict.map_source import MapSource
from ultraseg.predict.take_maps import find_limits, fitted, limits_of, maps_card, take_slab
from ultraseg.storage.arrays import read_whole
from ultraseg.storage.create import create_array

RNG = np.random.default_rng(0)


def source_of(folder, values, limits=None, channels=(0,), axes=None, factor=(1, 1, 1)):
    file = folder / "map.h5"
    with h5py.File(file, "w") as opened:
        opened.create_dataset("exported_data", data=values, chunks=True)
    shape = values.shape if axes is None else tuple(values.shape[axes.index(a)] for a in "zyx")
    return MapSource("networks.n.maps.a.s", f"{file}:exported_data", channels, axes, limits, shape, factor)


# ---- range of numbers
@pytest.mark.parametrize(
    "values, expected",
    [
        (np.float32([0, 0.3, 1]), (0, 1)),
        (np.float32([0, 0.3, 1.004]), (0, 1)),  # interpolated
        (np.float32([0, 30, 250]), (0, 255)),
        (np.uint8([0, 7, 255]), (0, 255)),
        (np.uint8([0, 1, 1]), (0, 1)),
        (np.array([False, True, True]), (0, 1)),
        (np.int64([0, 1, 1]), (0, 1)),
    ],
)
def test_the_range_is_found(tmp_path, values, expected):
    assert find_limits(source_of(tmp_path, np.tile(values, (4, 6, 2)))) == expected


@pytest.mark.parametrize(
    "values, words",
    [
        (np.float32([-4, 0, 6]), "no probabilities"),
        (np.uint16([0, 1, 65535]), r"from 0 to 65535, so these are no probabilities"),
        (np.uint8([0, 0, 0]), "not clear which number means 1"),
        (np.uint8([0, 3, 17]), "more than 1, but too little"),
        (np.float32([0, np.nan, 1]), "NaN"),
    ],
)
def test_what_is_no_map_is_refused(tmp_path, values, words):
    with pytest.raises(UserError, match=words):
        find_limits(source_of(tmp_path, np.tile(values, (4, 6, 2))))


def test_a_given_range_holds(tmp_path):
    assert find_limits(source_of(tmp_path, np.zeros((2, 3, 4), np.uint8), limits=(255, 0))) == (255, 0)


# ---- scale
def test_a_map_at_the_scale_of_the_run_stays_as_it_is():
    values = RNG.random((9, 13)).astype(np.float32)
    found = fitted(values, (4, 4), (35, 50), [(0, 35), (0, 50)], 4)
    assert np.array_equal(found, np.round(255 * values))


def test_a_fine_map_is_averaged():
    values = RNG.random((8, 12)).astype(np.float32)
    found = fitted(values, (1, 1), (8, 12), [(0, 8), (0, 12)], 4)
    assert np.abs(found - 255 * values.reshape(2, 4, 3, 4).mean((1, 3))).max() <= 0.51


def test_a_coarse_map_is_enlarged_in_place():
    values = np.zeros((10, 10), np.float32)
    values[:, 5:] = 1
    found = fitted(values, (4, 4), (40, 40), [(0, 40), (0, 40)], 1)
    assert found.shape == (40, 40)
    assert found[:, :18].max() == 0 and found[:, 22:].min() == 255
    assert abs(int(found[20, 19]) + int(found[20, 20]) - 255) <= 1  # the outline lies where it did


def test_the_part_of_the_stack_is_cut_out():
    values = RNG.random((20, 30)).astype(np.float32)
    crop = [(3, 18), (5, 25)]
    assert np.array_equal(fitted(values, (1, 1), (20, 30), crop, 1), np.round(255 * values[3:18, 5:25]))
    assert fitted(values, (2, 2), (41, 61), [(0, 41), (0, 61)], 1).shape == (41, 61)  # rounded down


# ---- slabs
def array_for(folder, channels, n, y, x, depth):
    path = str(folder / "probability")
    chunk, shard = chunk_and_shard((channels, y, x), depth)
    create_array(path, (n, channels, y, x), chunk, shard, "uint8", ("z", "channel", "y", "x"))
    return path


def test_slabs_of_two_channels_equal_the_whole(tmp_path):
    values = RNG.random((5, 12, 16, 2)).astype(np.float32)  # as ilastik exports them: zyxc
    sources = [source_of(tmp_path, values, (0, 1), (c,), "zyxc") for c in (1, 0)]
    path = array_for(tmp_path, 2, 5, 12, 16, 2)
    shown = [0, 1, 1, 3, 4]  # slice 2 is bad and shows slice 1
    for start, stop in ((0, 2), (2, 4), (4, 5)):
        mean = take_slab(
            sources, [(0, 1)] * 2, path, slab=(start, stop), shown=shown[start:stop], plane=(12, 16),
            crop=[(0, 12), (0, 16)], downsample=1,
        )  # fmt: skip
        assert mean == pytest.approx(values[shown[start:stop]].mean(), abs=0.01)
    expected = np.round(255 * values[shown][..., ::-1]).transpose(0, 3, 1, 2)
    assert np.array_equal(read_whole(path), expected)


def test_affinities_are_a_boundary_turned_round(tmp_path):
    affinities = RNG.integers(0, 256, (3, 2, 8, 8)).astype(np.uint8)
    source = source_of(tmp_path, affinities, (255, 0), (1, 2), "czyx")
    path = array_for(tmp_path, 1, 2, 8, 8, 2)
    how = {"plane": (8, 8), "crop": [(0, 8), (0, 8)], "downsample": 1}
    take_slab([source], [(255, 0)], path, slab=(0, 2), shown=[0, 1], **how)
    expected = 255 - affinities[1:].astype(float).mean(axis=0)
    assert np.abs(read_whole(path)[:, 0] - expected).max() <= 0.51


def test_a_map_of_fewer_slices_shows_each_of_them_twice(tmp_path):
    values = RNG.integers(0, 256, (2, 4, 4)).astype(np.uint8)
    source = source_of(tmp_path, values, factor=(2, 2, 2))
    path = array_for(tmp_path, 1, 4, 8, 8, 4)
    how = {"plane": (8, 8), "crop": [(0, 8), (0, 8)], "downsample": 2}
    # The array is at scale 2: as large as the map.
    path = array_for(tmp_path / "small", 1, 4, 4, 4, 4)
    take_slab([source], [(0, 255)], path, slab=(0, 4), shown=range(4), **how)
    assert np.array_equal(read_whole(path)[:, 0], values[[0, 0, 1, 1]])


def test_numbers_beyond_the_range_are_told(tmp_path):
    values = np.zeros((3, 4, 4), np.uint8)
    values[2] = 200
    source = source_of(tmp_path, values)
    path = array_for(tmp_path, 1, 3, 4, 4, 3)
    how = {"plane": (4, 4), "crop": [(0, 4), (0, 4)], "downsample": 1}
    with pytest.raises(
        UserError, match="slice 2 holds numbers from 200 to 200, beyond the range from 0 to 1"
    ):
        take_slab([source], [(0, 1)], path, slab=(0, 3), shown=range(3), **how)


def test_the_card_has_ranges_and_thresholds(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", np.full((2, 4, 4), 255, np.uint8), photometric="minisblack")
    source = MapSource("key", str(tmp_path / "m.tif"), (0,), None, None, (2, 4, 4), (1, 1, 1))
    card = maps_card({"channels": ["mito"]}, {"a": {"mito": source}}, ["mito"])
    (tmp_path / "card.json").write_text(json.dumps(card))
    assert card["thresholds"] == {"mito": 0.5}
    assert limits_of(str(tmp_path / "card.json"), "a", ["mito"]) == [(0, 255)]
