"""Bricks of cut maps do not depend on how the stack is divided into slabs."""

import numpy as np
import pytest
from ultraseg.cells.cuts import read_cuts
from ultraseg.grid.cut_maps import OFFSETS, brick_window, bricks
from ultraseg.networks.channels import cut_channels, cut_of
from ultraseg.predict.brick import predict_brick
from ultraseg.predict.predictor import Predictor
from ultraseg.storage.arrays import write_slab
from ultraseg.storage.create import create_array

CHANNELS = ["cells/interior", *cut_channels("cells", OFFSETS)]
N, Y, X = 24, 32, 48


@pytest.fixture(autouse=True)
def small_bricks(monkeypatch):
    monkeypatch.setattr("ultraseg.grid.cut_maps.BRICK", 8)
    monkeypatch.setattr("ultraseg.grid.cut_maps.HALO", 4)


def smooth_network(planes):
    """Predicts from a small neighbourhood: the mean of three rows, and its differences."""
    grey = planes.mean(-1) / 255
    grey = (grey + np.roll(grey, 1, 1) + np.roll(grey, -1, 1)) / 3
    parts = [grey]
    for name in CHANNELS[1:]:
        axis, offset = cut_of(name)
        parts.append(np.abs(grey - np.roll(grey, -offset, axis + 1)))
    return np.stack(parts, -1).astype(np.float32)


def array(path, shape, depth, extra=()):
    create_array(
        str(path), shape=[N, *extra, *shape], chunk=[1, *[1] * len(extra), *shape], shard=[depth, *extra, *shape],
        dtype="uint8", axes=["z", *["channel"] * len(extra), "y", "x"],
    )  # fmt: skip
    return str(path)


def run(folder, image, maps, depth, read=lambda z: z):
    """All bricks of a stack whose other arrays have slabs of ``depth`` slices."""
    paths = [
        array(folder / "image", (Y, X), depth), array(folder / "maps", (Y, X), depth, (len(CHANNELS),)),
        array(folder / "cuts", (Y, X), 8, (6,)),
    ]  # fmt: skip
    for path, values in zip(paths, (image, maps), strict=False):
        for start in range(0, N, depth):
            write_slab(path, start, values[start : start + depth])
    predictor = Predictor(smooth_network, 1, None, 3, len(CHANNELS))
    for start, stop in bricks(N):
        low, high = brick_window(start, stop, N)
        predict_brick(
            predictor, *paths, brick=(start, stop), read=[read(z) for z in range(low, high)],
            rows=slice(start - low, stop - low), downsample=1, z_context=1, channels=CHANNELS, views=2,
        )  # fmt: skip
    return read_cuts(paths[2], range(N))


@pytest.fixture
def stack():
    random = np.random.default_rng(0)
    image = random.integers(20, 230, (N, Y, X)).astype(np.uint8)
    return image, random.integers(0, 255, (N, len(CHANNELS), Y, X)).astype(np.uint8)


def test_cut_maps_do_not_depend_on_the_depth_of_slabs(tmp_path, stack):
    found = [run(tmp_path / str(depth), *stack, depth) for depth in (1, 7, 16)]
    assert found[0].shape == (3, 2, N, Y, X) and found[0].std() > 5
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])


def test_a_bad_slice_is_read_as_its_stand_in(tmp_path, stack):
    image, maps = stack
    found = run(tmp_path / "bad", image, maps, 8, lambda z: 4 if z == 5 else z)
    image, maps = image.copy(), maps.copy()
    image[5], maps[5] = image[4], maps[4]
    assert np.array_equal(found, run(tmp_path / "copied", image, maps, 8))


def test_a_network_of_one_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="size of their own"):
        predict_brick(
            Predictor(smooth_network, 1, 32, 3, 7), "", "", "", brick=(0, 1), read=[0], rows=slice(0, 1),
            downsample=1, z_context=1, channels=CHANNELS, views=1,
        )  # fmt: skip
