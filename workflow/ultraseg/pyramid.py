"""The pyramid of one slab: images by area mean, labels by the most frequent id."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from ultraseg.modes import block_modes
from ultraseg.slabs import Level
from ultraseg.store import write_slab
from ultraseg.tiles import downsample_image


def reduce_image(stack: np.ndarray, step: Sequence[int]) -> np.ndarray:
    """Average blocks of step (z, y, x) voxels of an image stack; partial blocks at the far end count what is there."""
    flat = np.stack([downsample_image(one, step[1]) for one in stack])
    if step[0] == 1:
        return flat
    pairs = zip(flat[::2], np.concatenate([flat[1::2], flat[-1:]]), strict=False)
    return np.stack([cv2.addWeighted(a, 0.5, b, 0.5, 0) for a, b in pairs])


def reduce_labels(stack: np.ndarray, step: Sequence[int]) -> np.ndarray:
    """Most frequent label of blocks of step (z, y, x) voxels; of equally frequent ones the smallest."""
    # A few slices at a time: the temporary arrays would be as large as the slab.
    starts = range(0, len(stack), step[0])
    return np.concatenate([block_modes(stack[z : z + step[0]], step) for z in starts])


def slab_pyramid(stack: np.ndarray, levels: Sequence[Level], reduce) -> list[np.ndarray]:
    """All levels of one slab, level 0 first; ``reduce`` is ``reduce_image`` or ``reduce_labels``."""
    pyramid = [stack]
    for finer, coarser in zip(levels[:-1], levels[1:], strict=True):
        step = [c // f for c, f in zip(coarser.factor, finer.factor, strict=True)]
        pyramid.append(reduce(pyramid[-1], step))
    return pyramid


def write_pyramid(
    group: str, start: int, stack: np.ndarray, levels: Sequence[Level], reduce: Callable
) -> None:
    """Write all levels of one slab (slices from ``start``) into the arrays 0, 1, ... of an OME-Zarr group."""
    for number, (level, part) in enumerate(zip(levels, slab_pyramid(stack, levels, reduce), strict=True)):
        write_slab(f"{group}/{number}", start // level.factor[0], part)


def levels_of(factors: Sequence[Sequence[int]]) -> list[Level]:
    """Levels that know their reduction only, which is all that a slab's pyramid takes."""
    return [Level((), tuple(factor), (), ()) for factor in factors]
