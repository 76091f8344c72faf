from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
from ultraseg.train.augment import NONE, Augmentation, _sample, _sampling_map, crop_and_augment

ALL = Augmentation(curtains=12, strip=0.06, slice_shift=2)


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
    moves = replace(
        NONE,
        **{k: getattr(Augmentation(), k) for k in ("flips", "quarter_turns", "rotation", "scale", "elastic")},
    )
    for seed in range(5):
        crop, cut = crop_and_augment(image, truth, 48, np.random.default_rng(seed), moves)
        assert crop.shape == (48, 48, channels) and cut.shape == (48, 48, 2)
        assert np.array_equal(crop[..., 0], cut[..., 0])


@pytest.mark.parametrize("warped", [0.0, 0.3, 1.0])
def test_a_share_of_the_crops_is_warped_and_the_others_are_as_sharp_as_the_slices(warped):
    image, truth = _tile(40)
    moves = replace(NONE, warped=warped, rotation=20, scale=0.2, elastic=3)
    plain = {image[y : y + 32, x : x + 32].tobytes() for y in range(9) for x in range(9)}
    crops = [crop_and_augment(image, truth, 32, np.random.default_rng(i), moves)[0] for i in range(400)]
    found = np.mean([crop.tobytes() not in plain for crop in crops])
    assert abs(found - warped) < 0.08 and (found > 0) == (warped > 0)


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


@pytest.mark.parametrize(
    "name",
    ["contrast", "brightness", "gamma", "noise", "blur", "gradient", "curtains", "strip", "slice_shift"],
)
def test_each_intensity_change_alters_the_image_only(name):
    image, truth = _tile()
    image = (image // 2) + 64
    one = Augmentation(**{**NONE.__dict__, name: getattr(ALL, name)})
    changed = []
    for seed in range(20):
        plain, cut_plain = crop_and_augment(image, truth, 64, np.random.default_rng(seed), NONE)
        crop, cut = crop_and_augment(image, truth, 64, np.random.default_rng(seed), one)
        assert np.array_equal(cut, cut_plain)
        changed.append(not np.array_equal(crop, plain))
    assert any(changed)


def _always(name, strength, image, seeds=60):
    """Crops on which one change has shown, next to the plain crop."""
    truth = np.concatenate([image[..., :1], np.full_like(image[..., :1], 255)], axis=-1)
    one = replace(NONE, **{name: strength})
    for seed in range(seeds):
        plain, _ = crop_and_augment(image, truth, 64, np.random.default_rng(seed), NONE)
        crop, _ = crop_and_augment(image, truth, 64, np.random.default_rng(seed), one)
        if not np.array_equal(crop, plain):
            yield plain.astype(int), crop.astype(int)


def test_a_gradient_is_a_plane_of_at_most_its_strength():
    image = np.full((96, 96, 3), 128, np.uint8)
    found = list(_always("gradient", 30.0, image))
    assert len(found) > 5
    for plain, crop in found:
        change = (crop - plain)[..., 0]
        assert 0 < change.max() - change.min() <= 1.5 * 30
        assert np.abs(np.diff(change, 2, axis=0)).max() <= 2 and np.array_equal(crop[..., 0], crop[..., 2])


def test_curtains_run_along_one_axis():
    for plain, crop in _always("curtains", 20.0, np.full((96, 96, 1), 128, np.uint8)):
        change = (crop - plain)[..., 0].astype(float)
        along = [np.abs(np.diff(change, axis=axis)).mean() for axis in (0, 1)]
        assert min(along) < 0.5 * max(along) and np.abs(change).max() < 100


def test_a_strip_hides_a_band_of_one_slice():
    image = np.random.default_rng(0).integers(1, 100, (96, 96, 3), dtype=np.uint8)
    found = list(_always("strip", 0.1, image))
    assert found
    for plain, crop in found:
        changed = (crop != plain).any((0, 1))
        hidden = (crop != plain)[..., changed][..., 0]
        lines = max(hidden.all(axis).sum() for axis in (0, 1))
        assert changed.sum() == 1 and 1 <= lines <= 6 and hidden.sum() == 64 * lines


def test_only_neighbouring_slices_are_shifted():
    image, _ = _tile(channels=5)
    found = list(_always("slice_shift", 3.0, image))
    assert found
    for plain, crop in found:
        assert np.array_equal(crop[..., 2], plain[..., 2])
        assert not np.array_equal(crop[..., 0], plain[..., 0])
    assert not list(_always("slice_shift", 3.0, image[..., :1]))


def test_a_crop_near_a_pixel_shows_it():
    image, truth = _tile(96)
    truth[..., :2] = 0
    truth[70, 12, 0] = 255
    for seed in range(10):
        _, cut = crop_and_augment(image, truth, 40, np.random.default_rng(seed), NONE, near=(70, 12))
        assert (cut[..., 0] == 255).sum() == 1 and (cut[..., 2:] == 255).all()


def test_every_change_can_be_configured_with_the_same_default():
    from ultraseg.plan.schema import schema

    known = schema()["properties"]["networks"]["additionalProperties"]["properties"]["augmentation"][
        "properties"
    ]
    assert {f.name: f.default for f in fields(Augmentation)} == {k: v["default"] for k, v in known.items()}


@pytest.mark.parametrize("channels", [1, 3, 4, 5, 9, 13])
def test_many_channels_move_as_each_alone(channels):
    rng = np.random.default_rng(0)
    array = rng.integers(0, 256, (70, 90, channels), np.uint8)
    grid = _sampling_map((70, 90), 48, rng, Augmentation(), None)
    for how in ((cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101), (cv2.INTER_NEAREST, cv2.BORDER_CONSTANT)):
        alone = [cv2.remap(array[..., k].copy(), *grid, how[0], borderMode=how[1]) for k in range(channels)]
        assert np.array_equal(_sample(array, grid, *how), np.stack(alone, axis=-1))
