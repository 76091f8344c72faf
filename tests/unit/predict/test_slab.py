"""A slab is predicted as its slices are, one after another."""

import numpy as np
import pytest
from ultraseg.predict.predictor import Predictor, predict_slices
from ultraseg.predict.slab import predict_slab
from ultraseg.storage.arrays import read_slices, write_slab
from ultraseg.storage.create import create_array
from ultraseg.storage.slice_stacks import image_stack

SETTINGS = dict(downsample=2, z_context=1, predict_tile=32, overlap=8, stride=16, views=1)


@pytest.fixture
def arrays(tmp_path):
    image, maps = str(tmp_path / "image"), str(tmp_path / "maps")
    axes = ["z", "y", "x"]
    create_array(image, shape=[8, 60, 44], chunk=[1, 64, 64], shard=[4, 64, 64], dtype="uint8", axes=axes)
    create_array(
        maps, shape=[8, 2, 30, 22], chunk=[1, 1, 32, 32], shard=[4, 2, 32, 32], dtype="uint8",
        axes=["z", "channel", *axes[1:]],
    )  # fmt: skip
    values = np.random.default_rng(0).integers(30, 220, (8, 60, 44), dtype=np.uint8)
    for start in (0, 4):
        write_slab(image, start, values[start : start + 4])
    return image, maps


def _network():
    def run(images):
        mixed = images.mean(-1) / 255
        return np.stack([mixed, 1 - images[..., 0] / 255], axis=-1)

    return Predictor(run, 1, 32, 3, 2)


@pytest.mark.parametrize(
    "read, shown",
    [([3, 4, 5, 6, 7, 7], [0, 1, 2, 3]), ([2, 3, 5, 7, 7], [0, 1, 1, 2]), ([3, 7, 7], [0, 0, 0, 0])],
)
def test_slices_show_the_predictions_that_the_window_says(arrays, read, shown):
    image, maps = arrays
    mean = predict_slab(_network(), image, maps, slab=(4, 8), window=(read, shown), **SETTINGS)
    whole = predict_slices(_network(), image_stack(image, read, 2), z_context=1, overlap=8)
    found = read_slices(maps, 4, 8)
    assert np.array_equal(found, whole[shown]) and found.std() > 5
    assert mean == pytest.approx(found.mean() / 255)


def test_a_failing_network_leaves_no_slab(arrays, tmp_path):
    image, maps = arrays

    def run(images):
        raise MemoryError("too large")

    with pytest.raises(MemoryError, match="too large"):
        predict_slab(
            Predictor(run, 1, 32, 3, 2), image, maps, slab=(4, 8), window=([3, 4, 5, 6, 7, 7], [0, 1, 2, 3]),
            **SETTINGS,
        )  # fmt: skip
    assert not [file for file in (tmp_path / "maps/c").rglob("*") if file.is_file()]
