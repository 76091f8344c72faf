"""An image for the test of a network in other programs, and what the workflow predicts for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.normalise import MEAN, SPREAD, normalise_slice
from ultraseg.base.errors import UserError
from ultraseg.storage.arrays import shape_of
from ultraseg.storage.slice_stacks import image_stack

SIDE, LEAST = 256, 128  # pixels of the image, at the network's scale
LOOKED_AT = 5  # slices, of which the one with the fewest black and white pixels is taken
HALF = 0.5  # what is added before numbers are cut to whole ones, so that they are rounded
TOP = 255.99  # the largest number that is cut to 255

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class Sample(NamedTuple):
    """image: uint8 (1, y, x, C) without black (0) and white (255); maps: float32 (1, y, x, K).

    shift: mean difference of the maps where black and white pixels of the image count in its normalisation.
    """

    image: NDArray[np.uint8]
    maps: NDArray[np.float32]
    shift: float


def take_sample(image: str, run: Run, z_context: int, downsample: int, stride: int) -> Sample:
    """A part of the middle of some slice of an image array, and its maps as the workflow computes them.

    run: the network, float32 (1, y, x, C) in, (1, y, x, K) out; stride: sizes are multiples of this number of pixels.
    Raises UserError where the image is black or white everywhere.
    """
    part = _part(image, z_context, downsample, stride)
    if not ((part > 0) & (part < 255)).any():
        raise UserError(
            f"{image}: the middle of the slices is black or white everywhere, so it tests no network",
            "Choose another volume with --volume.",
        )
    grey = np.clip(part, 1, 254)
    maps, seen = run(_batch(grey, normalise_slice)), run(_batch(part, normalise_slice))
    counted = run(_batch(part, declared_normalisation))
    return Sample(np.moveaxis(grey, 0, -1)[None], maps, float(np.abs(seen - counted).mean()))


def declared_normalisation(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What the steps of preprocessing that a package declares make of a slice (y, x).

    They are those of the workflow (``normalise_slice``), but black and white pixels count.
    """
    scaled = (image - image.mean()) / (image.std() + 1e-6) * SPREAD + (MEAN + HALF)
    return np.clip(scaled, 0, TOP).astype(np.uint8)


def _batch(
    image: NDArray[np.uint8], normalise: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
) -> NDArray[np.float32]:
    """Slices (C, y, x) as a network takes them: (1, y, x, C)."""
    return np.stack([normalise(s) for s in image], -1)[None].astype(np.float32)


def _part(image: str, z_context: int, downsample: int, stride: int) -> NDArray[np.uint8]:
    """The middle of a slice with its neighbours: uint8 (C, y, x). Small slices are mirrored at their edges."""
    depth = shape_of(image)[0]
    best, most = None, -1
    looked_at = {round((i + 0.5) * depth / LOOKED_AT - 0.5) for i in range(LOOKED_AT)}
    for z in sorted(
        looked_at, key=lambda z: abs(2 * z - depth + 1)
    ):  # of equal slices the one nearest to the middle
        around = np.clip(np.arange(z - z_context, z + z_context + 1), 0, depth - 1)
        part = _middle(image_stack(image, around.tolist(), downsample), stride)
        count = int(((part > 0) & (part < 255)).sum())
        if count > most:
            best, most = part, count
    assert best is not None  # an array has a slice
    return best


def _middle(stack: NDArray[np.uint8], stride: int) -> NDArray[np.uint8]:
    sides = [max(min(SIDE, n) // stride, -(-LEAST // stride)) * stride for n in stack.shape[1:]]
    lacking = [max(0, side - n) for side, n in zip(sides, stack.shape[1:], strict=True)]
    stack = np.pad(stack, [(0, 0), *((n // 2, n - n // 2) for n in lacking)], mode="symmetric")
    y, x = ((n - side) // 2 for n, side in zip(stack.shape[1:], sides, strict=True))
    return stack[:, y : y + sides[0], x : x + sides[1]]
