import numpy as np
import pytest
from ultraseg.augment import NONE, Augmentation, crop_and_augment


def _tile(size=96, channels=3):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (size, size, channels), dtype=np.uint8)
    truth = np.concatenate([image[..., :2], np.full((size, size, 2), 255, np.uint8)], axis=-1)
    return image, truth


def test_switched_off_it_is_a_plain_crop():
    image, truth = _tile()
    crop, cut = crop_and_augment(image, truth, 64, np.random.default_rng(1), NONE)
    corners = [(y, x) for y in range(33) for x in range(33)]
    assert any(np.array_equal(crop, image[y : y + 64, x : x + 64]) for y, x in corners)
    assert np.array_equal(crop[..., :2], cut[..., :2]) and (cut[..., 2:] == 255).all()


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_image_and_truth_move_together(channels):
    image, _ = _tile(channels=channels)
    truth = np.concatenate([image[..., :1], np.full((96, 96, 1), 255, np.uint8)], axis=-1)
    moves = Augmentation(contrast=0, brightness=0, gamma=0, noise=0, blur=0)
    for seed in range(5):
        crop, cut = crop_and_augment(image, truth, 48, np.random.default_rng(seed), moves)
        assert crop.shape == (48, 48, channels) and cut.shape == (48, 48, 2)
        assert np.array_equal(crop[..., 0], cut[..., 0])


def test_same_seed_same_crop():
    image, truth = _tile()
    a, b = (crop_and_augment(image, truth, 64, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1])


def test_outside_of_the_tile_has_no_weight():
    image, truth = _tile(32)
    _, cut = crop_and_augment(image, truth, 64, np.random.default_rng(1), NONE)
    assert (cut[..., 2] > 0).sum() == 32 * 32


def test_crop_stays_in_the_extent_when_it_fits():
    image, truth = _tile(96)
    truth[50:, :, 2:] = 0
    for seed in range(10):
        _, cut = crop_and_augment(image, truth, 40, np.random.default_rng(seed), NONE, extent=(50, 96))
        assert (cut[..., 2:] == 255).all()


@pytest.mark.parametrize("name", ["contrast", "brightness", "gamma", "noise", "blur"])
def test_each_intensity_change_alters_the_image_only(name):
    image, truth = _tile()
    image = (image // 2) + 64
    one = Augmentation(**{**NONE.__dict__, name: getattr(Augmentation(), name)})
    changed = []
    for seed in range(8):
        plain, cut_plain = crop_and_augment(image, truth, 64, np.random.default_rng(seed), NONE)
        crop, cut = crop_and_augment(image, truth, 64, np.random.default_rng(seed), one)
        assert np.array_equal(cut, cut_plain)
        changed.append(not np.array_equal(crop, plain))
    assert any(changed)
