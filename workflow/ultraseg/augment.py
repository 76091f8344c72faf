"""Random changes of training crops that leave an electron micrograph plausible."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ultraseg.tiles import MEAN


@dataclass(frozen=True)
class Augmentation:
    """What may change, each with its strength; zero or False switches it off.

    flips: mirror in x and in y. quarter_turns: turn by 0, 90, 180 or 270 degrees. rotation: degrees on top of that.
    scale: share, 0.2 = 80-125 %. elastic: displacement in pixels. contrast: share of the standard deviation.
    brightness: grey values. gamma: share. noise, blur: largest standard deviation, in grey values and pixels.
    """

    flips: bool = True
    quarter_turns: bool = True
    rotation: float = 20.0
    scale: float = 0.2
    elastic: float = 3.0
    contrast: float = 0.25
    brightness: float = 20.0
    gamma: float = 0.2
    noise: float = 12.0
    blur: float = 1.0


NONE = Augmentation(False, False, 0, 0, 0, 0, 0, 0, 0, 0)


def crop_and_augment(
    image: np.ndarray,
    truth: np.ndarray,
    crop: int,
    rng: np.random.Generator,
    settings: Augmentation = Augmentation(),  # noqa: B008 - frozen
    extent: tuple[int, int] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a random crop from a tile and change it.

    ``image`` (T, T, C) and ``truth`` (T, T, 2 K: targets, then weights) are uint8 and moved by the same map; what falls
    outside the tile is reflected in the image and has weight 0. ``extent`` is the tile's part that is no padding.
    """
    grid = _sampling_map(extent or image.shape[:2], crop, rng, settings)
    image = _sample(image, grid, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101)
    half = truth.shape[-1] // 2
    target = _sample(truth[..., :half], grid, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101)
    weight = _sample(truth[..., half:], grid, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT)
    return _intensity(image, rng, settings), np.concatenate([target, weight], axis=-1)


def _sample(array: np.ndarray, grid: tuple, interpolation: int, border: int) -> np.ndarray:
    parts = [  # cv2 takes at most four channels at once
        cv2.remap(np.ascontiguousarray(array[..., i : i + 4]), *grid, interpolation, borderMode=border)
        for i in range(0, array.shape[-1], 4)
    ]
    parts = [p[..., None] if p.ndim == 2 else p for p in parts]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)


def _sampling_map(extent, crop: int, rng: np.random.Generator, s: Augmentation) -> tuple:
    """Maps (x, y) float32 (crop, crop): where in the tile each pixel of the crop is taken from."""
    angle = np.deg2rad(rng.uniform(-s.rotation, s.rotation))
    if s.quarter_turns:
        angle += np.pi / 2 * rng.integers(4)
    scale = (1 + s.scale) ** rng.uniform(-1, 1)
    flip_y, flip_x = rng.choice([-1, 1], 2) if s.flips else (1, 1)
    centre_y, centre_x = (_centre(size, crop * scale, rng) for size in extent)
    step = np.arange(crop, dtype=np.float32) - (crop - 1) / 2
    y, x = step[:, None] * (scale * flip_y), step[None, :] * (scale * flip_x)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    map_x = (cos * x - sin * y + centre_x).astype(np.float32)
    map_y = (sin * x + cos * y + centre_y).astype(np.float32)
    if s.elastic:
        shift = rng.normal(0, 0.5 * s.elastic, (2, 6, 6)).astype(np.float32)
        map_x += cv2.resize(shift[0], (crop, crop), interpolation=cv2.INTER_CUBIC)
        map_y += cv2.resize(shift[1], (crop, crop), interpolation=cv2.INTER_CUBIC)
    return map_x, map_y


def _centre(size: int, crop: float, rng: np.random.Generator) -> float:
    """Centre of a crop that lies inside when it fits; whole pixels, so that an unturned crop is exact."""
    half = (crop - 1) / 2
    low, high = half, size - 1 - half
    return (size - 1) / 2 if high <= low else low + float(rng.integers(int(high - low) + 1))


def _intensity(image: np.ndarray, rng: np.random.Generator, s: Augmentation) -> np.ndarray:
    values = np.arange(256, dtype=np.float32)
    contrast = (1 + s.contrast) ** rng.uniform(-1, 1)
    table = MEAN + (values - MEAN) * contrast + rng.uniform(-s.brightness, s.brightness)
    gamma = (1 + s.gamma) ** rng.uniform(-1, 1)
    table = 255 * (np.clip(table, 0, 255) / 255) ** gamma
    image = cv2.LUT(image, np.rint(table).astype(np.uint8)).reshape(image.shape)
    if s.blur and rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1) * s.blur).reshape(image.shape)
    if s.noise and rng.random() < 0.5:
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(0, s.noise))
        image = np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)
    return image
