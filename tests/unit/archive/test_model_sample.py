"""The image that tests a network elsewhere: normalised by the declared steps as by the workflow."""

import numpy as np
import pytest
from ultraseg.archive.model_sample import LEAST, SIDE, declared_normalisation, take_sample
from ultraseg.arrays.normalise import normalise_slice
from ultraseg.base.errors import UserError
from written_volume import write_stack


def tissue(shape: tuple[int, ...], low: int = 1, high: int = 255) -> np.ndarray:
    return np.random.default_rng(2).integers(low, high, shape).astype(np.uint8)


def threes(images: np.ndarray) -> np.ndarray:
    """In place of a network: the mean of the slices, 0 to 1, as two maps."""
    return np.repeat(images.mean(axis=-1, keepdims=True) / 255, 2, axis=-1)


def test_the_declared_steps_are_the_normalisation_of_the_workflow():
    for low, high in ((1, 255), (90, 110), (100, 200)):
        image = tissue((40, 50), low, high)
        np.testing.assert_array_equal(declared_normalisation(image), normalise_slice(image))


def test_they_differ_where_there_is_padding():
    image = tissue((40, 50))
    image[:, :20] = 0
    assert (declared_normalisation(image) != normalise_slice(image)).mean() > 0.5


def test_the_image_is_the_middle_of_a_slice_with_its_neighbours(tmp_path):
    stack = tissue((3, 300, 420))
    write_stack(tmp_path / "0", stack, 3)
    sample = take_sample(str(tmp_path / "0"), threes, z_context=1, downsample=1, stride=8)
    assert sample.image.shape == (1, SIDE, SIDE, 3) and sample.maps.shape == (1, SIDE, SIDE, 2)
    middle = stack[:, 22 : 22 + SIDE, 82 : 82 + SIDE]
    np.testing.assert_array_equal(sample.image[0, :, :, 1], middle[1])
    normal = np.stack([normalise_slice(s) for s in middle], -1)
    np.testing.assert_allclose(sample.maps[0, :, :, 0], normal.mean(axis=-1) / 255, rtol=1e-6)
    assert sample.shift == 0


def test_black_and_white_are_taken_away_and_their_effect_is_told(tmp_path):
    stack = tissue((1, 256, 256))
    stack[:, :, :60], stack[:, :, 60:70] = 0, 255
    write_stack(tmp_path / "0", stack, 1)
    sample = take_sample(str(tmp_path / "0"), threes, z_context=0, downsample=1, stride=16)
    assert (sample.image.min(), sample.image.max()) == (1, 254) and sample.shift > 0.02


def test_small_slices_are_mirrored_and_reduced_to_the_scale_of_the_network(tmp_path):
    stack = np.full((1, 80, 600), 50, np.uint8)
    stack[:, ::2] = 150
    write_stack(tmp_path / "0", stack, 1)
    sample = take_sample(str(tmp_path / "0"), threes, z_context=0, downsample=2, stride=16)
    assert sample.image.shape == (1, LEAST, SIDE, 1) and (sample.image == 100).all()


def test_the_slice_with_most_tissue_is_taken(tmp_path):
    stack = np.zeros((10, 256, 256), np.uint8)
    stack[6] = 100
    write_stack(tmp_path / "0", stack, 10)
    assert (take_sample(str(tmp_path / "0"), threes, 0, 1, 16).image == 100).all()
    write_stack(tmp_path / "1", np.zeros((2, 256, 256), np.uint8), 2)
    with pytest.raises(UserError, match="black or white everywhere"):
        take_sample(str(tmp_path / "1"), threes, 0, 1, 16)
