"""The pyramid of one slab: images by area mean, labels by the most frequent id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack

import cv2
import numpy as np

from ultraseg.arrays.modes import block_modes
from ultraseg.arrays.scale import downsample_image
from ultraseg.grid.pyramid_levels import Level
from ultraseg.grid.slabs import ceil_div
from ultraseg.storage.arrays import slab_writer


def reduce_image(stack: Sequence[np.ndarray], step: Sequence[int]) -> np.ndarray:
    """Average blocks of step (z, y, x) voxels of image slices, z 1 or 2; partial blocks count what is there."""
    reduced = []
    for z in range(0, len(stack), step[0]):
        one = downsample_image(stack[z], step[1])
        if step[0] == 2 and z + 1 < len(stack):
            one = cv2.addWeighted(one, 0.5, downsample_image(stack[z + 1], step[1]), 0.5, 0)
        reduced.append(one)
    return reduced[0][None] if len(reduced) == 1 else np.stack(reduced)


def reduce_labels(stack: Sequence[np.ndarray], step: Sequence[int]) -> np.ndarray:
    """Most frequent label of blocks of step (z, y, x) voxels; of equally frequent ones the smallest."""
    # A few slices at a time: the temporary arrays would be as large as the slab.
    starts = range(0, len(stack), step[0])
    return np.concatenate([block_modes(np.asarray(stack[z : z + step[0]]), step) for z in starts])


def pyramid_slices(
    stack: Iterable[np.ndarray], levels: Sequence[Level], reduce: Callable
) -> Iterator[tuple[int, np.ndarray]]:
    """All levels of one slab as (level, slice (Y, X)), each slice as soon as those that it is made of have been given.

    stack: slices of level 0, taken one at a time; reduce: ``reduce_image`` or ``reduce_labels``.
    """
    stream = ((0, one) for one in stack)
    for level, (finer, coarser) in enumerate(zip(levels[:-1], levels[1:], strict=True)):
        stream = _with_next_level(stream, level, _step(finer, coarser), reduce)
    return stream


def _with_next_level(
    stream: Iterator[tuple[int, np.ndarray]], level: int, step: Sequence[int], reduce: Callable
) -> Iterator[tuple[int, np.ndarray]]:
    """The stream, and in it each slice of the level above ``level`` after the step[0] slices below it."""
    waiting = []
    for number, one in stream:
        yield number, one
        if number == level:
            waiting.append(one)
            if len(waiting) == step[0]:
                yield level + 1, reduce(waiting, step)[0]
                waiting = []
    if waiting:
        yield level + 1, reduce(waiting, step)[0]


def write_pyramid(
    group: str,
    start: int,
    stack: Iterable[np.ndarray],
    levels: Sequence[Level],
    reduce: Callable,
    count: int | None = None,
) -> None:
    """Write all levels of one slab (slices from ``start``) into the arrays 0, 1, ... of an OME-Zarr group.

    stack: slices (Y, X), taken one at a time; count: how many, for an iterator. No file appears before all slices
    are written.
    """
    count = len(stack) if count is None else count
    with ExitStack() as files:
        add = []
        for number, level in enumerate(levels):
            first, within = start // level.factor[0], ceil_div(count, level.factor[0])
            add.append(files.enter_context(slab_writer(f"{group}/{number}", first, within)))
        for number, one in pyramid_slices(stack, levels, reduce):
            add[number](one)


def _step(finer: Level, coarser: Level) -> list[int]:
    return [c // f for c, f in zip(coarser.factor, finer.factor, strict=True)]


def levels_of(factors: Sequence[Sequence[int]]) -> list[Level]:
    """Levels that know their reduction only, which is all that a slab's pyramid takes."""
    return [Level((), tuple(factor), (), ()) for factor in factors]
