"""Random changes of training crops that leave an electron micrograph plausible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.normalise import MEAN

MOST_CHANNELS = 4  # that OpenCV moves at a time

# Maps x and y: where in the tile each pixel of the crop is taken from.
Maps = tuple[NDArray[np.float32], NDArray[np.float32]]
Moved = Callable[[Maps, NDArray[np.uint8], NDArray[np.uint8]], tuple[NDArray[np.uint8], NDArray[np.uint8]]]


@dataclass(frozen=True)
class Augmentation:
    """What may change, each with its strength; zero or False switches it off.

    flips: mirror in x and in y. quarter_turns: turn by 0, 90, 180 or 270 degrees. warped: share of the crops that
    are changed in rotation, scale and elastic. rotation: degrees on top of quarter turns. scale: share, 0.2 = 80-125 %.
    elastic: displacement in pixels. contrast: share of the standard deviation.
    brightness: grey values. gamma: share. noise, blur: largest standard deviation, in grey values and pixels.
    gradient: grey values from one side of the crop to the other. curtains: grey values of streaks along y or x, as ion
    milling leaves them. strip: width of a band without image in one of the slices, share of the crop's side.
    slice_shift: pixels by which neighbouring slices are off.
    """

    flips: bool = True
    quarter_turns: bool = True
    # A resampled crop is less sharp than the slices that the network sees later, so most crops are not.
    warped: float = 0.3
    rotation: float = 20.0
    scale: float = 0.2
    elastic: float = 3.0
    contrast: float = 0.25
    brightness: float = 20.0
    gamma: float = 0.2
    noise: float = 12.0
    blur: float = 1.0
    gradient: float = 20.0
    # Off, as they cost accuracy where a stack shows nothing of the kind.
    curtains: float = 0.0
    strip: float = 0.0
    slice_shift: float = 0.0


NONE = Augmentation(False, False, 1.0, *[0] * 12)


def crop_and_augment(
    image: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    crop: int,
    rng: np.random.Generator,
    settings: Augmentation = Augmentation(),  # noqa: B008 - frozen
    extent: tuple[int, int] | None = None,
    near: tuple[int, int] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Cut a random crop from a tile and change it.

    ``image`` (T, T, C) and ``truth`` (T, T, 2 K: targets, then weights) are uint8 and moved by the same map; what falls
    outside the tile is reflected in the image and has weight 0. ``extent`` is the tile's part that is no padding;
    ``near`` (y, x) draws the crop around this pixel, as far as the crop then lies inside the tile.
    """
    half = truth.shape[-1] // 2
    image, target, weight = augment_parts(
        image, truth[..., :half], truth[..., half:], crop, rng, settings, extent, near
    )
    return image, np.concatenate([target, weight], axis=-1)


def augment_parts(
    image: NDArray[np.uint8],
    target: NDArray[np.uint8],
    weight: NDArray[np.uint8],
    crop: int,
    rng: np.random.Generator,
    settings: Augmentation,
    extent: tuple[int, int] | None,
    near: tuple[int, int] | None,
    moved: Moved | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """``crop_and_augment`` on targets (T, T, K) and weights (T, T, K) that are apart: nothing is copied together.

    ``moved`` takes the map and the moved targets and weights; it returns them with what cannot be moved pixel by pixel.
    """
    grid = _sampling_map(extent or (image.shape[0], image.shape[1]), crop, rng, settings, near)
    image = _sample(image, grid, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101)
    target = _sample(target, grid, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101)
    weight = _sample(weight, grid, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT)
    if moved is not None:
        target, weight = moved(grid, target, weight)
    return _artefacts(_intensity(image, rng, settings), rng, settings), target, weight


def _sample(array: NDArray[np.uint8], grid: Maps, interpolation: int, border: int) -> NDArray[np.uint8]:
    """What lies at the places of a map, of an array (T, T, C); uint8 (crop, crop, C)."""
    crop, channels = grid[0].shape, array.shape[-1]
    parts = [
        cv2.remap(
            _channels([array], range(i, min(i + MOST_CHANNELS, channels))),
            *grid,
            interpolation,
            borderMode=border,
        )
        for i in range(0, channels, MOST_CHANNELS)
    ]
    if len(parts) == 1:
        return np.asarray(parts[0], np.uint8).reshape(*crop, channels)
    return _channels(parts, range(channels))


def _channels(arrays: Sequence[Any], chosen: Sequence[int]) -> NDArray[np.uint8]:
    """Some channels of arrays (Y, X, C), counted through all of them; NumPy takes five times as long for the copy."""
    if len(arrays) == 1 and len(chosen) == arrays[0].shape[-1]:
        return np.ascontiguousarray(arrays[0])
    found = np.empty((*arrays[0].shape[:2], len(chosen)), np.uint8)
    pairs = [number for pair in zip(chosen, range(len(chosen)), strict=True) for number in pair]
    cv2.mixChannels([np.ascontiguousarray(array) for array in arrays], [found], pairs)
    return found


def _sampling_map(
    extent: tuple[int, int],
    crop: int,
    rng: np.random.Generator,
    s: Augmentation,
    near: tuple[int, int] | None,
) -> Maps:
    """Maps (x, y) float32 (crop, crop): where in the tile each pixel of the crop is taken from."""
    warped = rng.random() < s.warped
    angle = np.deg2rad(rng.uniform(-s.rotation, s.rotation)) if warped else 0.0
    if s.quarter_turns:
        angle += np.pi / 2 * rng.integers(4)
    scale = (1 + s.scale) ** rng.uniform(-1, 1) if warped else 1.0
    flip_y, flip_x = rng.choice([-1, 1], 2) if s.flips else (1, 1)
    centre_y, centre_x = (
        _centre(n, crop * scale, rng, at) for n, at in zip(extent, near or (None, None), strict=True)
    )
    step = np.arange(crop, dtype=np.float32) - (crop - 1) / 2
    y, x = step[:, None] * (scale * flip_y), step[None, :] * (scale * flip_x)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    map_x = (cos * x - sin * y + centre_x).astype(np.float32)
    map_y = (sin * x + cos * y + centre_y).astype(np.float32)
    if s.elastic and warped:
        shift = rng.normal(0, 0.5 * s.elastic, (2, 6, 6)).astype(np.float32)
        map_x += cv2.resize(shift[0], (crop, crop), interpolation=cv2.INTER_CUBIC)
        map_y += cv2.resize(shift[1], (crop, crop), interpolation=cv2.INTER_CUBIC)
    return map_x, map_y


def _centre(size: int, crop: float, rng: np.random.Generator, near: int | None) -> float:
    """Centre of a crop that lies inside when it fits; whole pixels, so that an unturned crop is exact.

    The pixel ``near`` lies in the middle two thirds of the crop, or as near to these as the tile allows.
    """
    low = (crop - 1) / 2
    places = int(size - 1 - 2 * low)
    if places <= 0:
        return (size - 1) / 2
    if near is None:
        return low + float(rng.integers(places + 1))
    wanted = round(near - low + rng.uniform(-crop / 3, crop / 3))
    return low + float(np.clip(wanted, 0, places))


def _intensity(image: NDArray[np.uint8], rng: np.random.Generator, s: Augmentation) -> NDArray[np.uint8]:
    values = np.arange(256, dtype=np.float32)
    contrast = (1 + s.contrast) ** rng.uniform(-1, 1)
    table = MEAN + (values - MEAN) * contrast + rng.uniform(-s.brightness, s.brightness)
    gamma = (1 + s.gamma) ** rng.uniform(-1, 1)
    table = 255 * (np.clip(table, 0, 255) / 255) ** gamma
    image = np.asarray(cv2.LUT(image, np.rint(table).astype(np.uint8)), np.uint8).reshape(image.shape)
    if s.blur and rng.random() < 0.3:
        blurred = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1) * s.blur)
        image = np.asarray(blurred, np.uint8).reshape(image.shape)
    if s.noise and rng.random() < 0.5:
        changed = rng.standard_normal(image.shape, np.float32)
        changed *= np.float32(rng.uniform(0, s.noise))
        changed += image
        image = _grey(changed)
    return image


def _grey(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Values, which are overwritten, as grey values."""
    np.rint(values, out=values)
    return np.clip(values, 0, 255, out=values).astype(np.uint8)


def _artefacts(image: NDArray[np.uint8], rng: np.random.Generator, s: Augmentation) -> NDArray[np.uint8]:
    """What goes wrong in a microscope: uneven light, curtains, a missing band, slices off their place."""
    crop, channels = image.shape[0], image.shape[-1]
    added = np.zeros((crop, crop), np.float32)
    if s.gradient and rng.random() < 0.3:
        angle, step = rng.uniform(0, 2 * np.pi), np.linspace(-0.5, 0.5, crop, dtype=np.float32)
        plane = np.cos(angle) * step[:, None] + np.sin(angle) * step[None, :]
        added += plane * np.float32(rng.uniform(0, s.gradient))
    if s.curtains and rng.random() < 0.2:
        added += _curtains(crop, rng, s.curtains)
    if added.any():
        image = _grey(image + added[..., None])
    if s.slice_shift and channels > 1 and rng.random() < 0.3:
        image = _shift_neighbours(image, rng, s.slice_shift)
    if s.strip and rng.random() < 0.1:
        image = _without_strip(image, rng, max(1, round(s.strip * crop)))
    return image


def _curtains(crop: int, rng: np.random.Generator, strength: float) -> NDArray[np.float32]:
    """Streaks: the same grey values along one axis, of random width, fading along it."""
    profile: Any = rng.standard_normal((1, crop), np.float32)
    profile = cv2.GaussianBlur(profile, (0, 0), rng.uniform(0.7, 4))
    start, end = rng.uniform(0.3, 1, 2)
    fade = np.linspace(start, end, crop, dtype=np.float32)[:, None]
    streaks = fade * profile * np.float32(rng.uniform(0.3, 1) * strength / max(float(profile.std()), 1e-6))
    return streaks if rng.random() < 0.5 else streaks.T


def _shift_neighbours(image: NDArray[np.uint8], rng: np.random.Generator, most: float) -> NDArray[np.uint8]:
    """Move the slices on either side of the middle one, the farther ones along with the nearer ones."""
    image, middle = image.copy(), image.shape[-1] // 2
    for side in (range(middle - 1, -1, -1), range(middle + 1, image.shape[-1])):
        y = x = 0.0
        for c in side:
            y, x = y + rng.uniform(-most, most), x + rng.uniform(-most, most)
            move = np.array([[1, 0, x], [0, 1, y]], np.float32)
            image[..., c] = cv2.warpAffine(
                np.ascontiguousarray(image[..., c]),
                move,
                image.shape[1::-1],
                borderMode=cv2.BORDER_REFLECT_101,
            )
    return image


def _without_strip(image: NDArray[np.uint8], rng: np.random.Generator, most: int) -> NDArray[np.uint8]:
    """Replace a band along y or x of one slice by black, white or grey; what is there stays to be found."""
    image = image.copy()
    width, c = int(rng.integers(1, most + 1)), int(rng.integers(image.shape[-1]))
    start = int(rng.integers(image.shape[0] - width + 1))
    grey = (0, 255, int(MEAN))[int(rng.integers(3))]
    band = image[start : start + width] if rng.random() < 0.5 else image[:, start : start + width]
    band[..., c] = grey
    return image
