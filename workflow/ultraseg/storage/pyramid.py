"""The pyramid of one slab: images by the mean of a block of voxels, labels by its most frequent id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import ExitStack
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.modes import block_modes
from ultraseg.arrays.scale import downsample_image
from ultraseg.grid.pyramid_levels import Triple
from ultraseg.grid.slabs import ceil_div
from ultraseg.storage.arrays import slab_writer

# Makes slices of the next level from slices (Y, X) of a level; step: voxels of a block in z, y and x.
Reduce = Callable[[Sequence[NDArray[Any]], Sequence[int]], NDArray[Any]]
NumberedSlice = tuple[int, NDArray[Any]]  # a level, and one of its slices


class Reduced(Protocol):
    """What a slab's pyramid needs of a level: how many voxels of level 0 a voxel of the level covers (z, y, x)."""

    @property
    def factor(self) -> Triple: ...


class Reduction(NamedTuple):
    """A level of which the factor alone is known."""

    factor: Triple


def reduce_image(stack: Sequence[NDArray[Any]], step: Sequence[int]) -> NDArray[Any]:
    """Average blocks of ``step`` (z, y, x) voxels of image slices (Y, X); step[0] is 1 or 2.

    A partial block at a far end counts the voxels that exist.
    """
    reduced: list[NDArray[Any]] = []
    for z in range(0, len(stack), step[0]):
        one = downsample_image(stack[z], step[1])
        if step[0] == 2 and z + 1 < len(stack):
            one = np.asarray(cv2.addWeighted(one, 0.5, downsample_image(stack[z + 1], step[1]), 0.5, 0))
        reduced.append(one)
    return reduced[0][None] if len(reduced) == 1 else np.stack(reduced)


def reduce_labels(stack: Sequence[NDArray[Any]], step: Sequence[int]) -> NDArray[Any]:
    """Most frequent label of blocks of ``step`` (z, y, x) voxels; of equally frequent labels the smallest."""
    # A few slices at a time keep the temporary arrays small.
    starts = range(0, len(stack), step[0])
    return np.concatenate([block_modes(np.asarray(stack[z : z + step[0]]), step) for z in starts])


def pyramid_slices(
    stack: Iterable[NDArray[Any]], levels: Sequence[Reduced], reduce: Reduce
) -> Iterator[NumberedSlice]:
    """All levels of one slab as (level, slice (Y, X)), each slice as soon as the slices below it were given.

    stack: slices of level 0, taken one at a time; reduce: ``reduce_image`` or ``reduce_labels``.
    """
    stream: Iterator[NumberedSlice] = ((0, one) for one in stack)
    for level, (finer, coarser) in enumerate(zip(levels[:-1], levels[1:], strict=True)):
        stream = _with_next_level(stream, level, _step(finer, coarser), reduce)
    return stream


def _with_next_level(
    stream: Iterator[NumberedSlice], level: int, step: Sequence[int], reduce: Reduce
) -> Iterator[NumberedSlice]:
    """The stream with slices of the level above ``level``, each right after the step[0] slices that it is made of."""
    waiting: list[NDArray[Any]] = []
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
    stack: Iterable[NDArray[Any]],
    levels: Sequence[Reduced],
    reduce: Reduce,
    count: int | None = None,
) -> None:
    """Write all levels of one slab (slices from ``start``) into the arrays 0, 1, ... of an OME-Zarr group.

    stack: slices (Y, X), taken one at a time; count: how many slices, needed where ``stack`` is an iterator. No file
    appears before all slices are written.
    """
    if count is None:
        if not isinstance(stack, Sized):
            raise TypeError("an iterator of slices does not tell how many there are: give count")
        count = len(stack)
    with ExitStack() as files:
        add = []
        for number, level in enumerate(levels):
            first, within = start // level.factor[0], ceil_div(count, level.factor[0])
            add.append(files.enter_context(slab_writer(f"{group}/{number}", first, within)))
        for number, one in pyramid_slices(stack, levels, reduce):
            add[number](one)


def _step(finer: Reduced, coarser: Reduced) -> list[int]:
    """How many voxels of the finer level a voxel of the coarser one covers (z, y, x)."""
    return [c // f for c, f in zip(coarser.factor, finer.factor, strict=True)]


def levels_of(factors: Iterable[Sequence[int]]) -> list[Reduction]:
    """The levels of a pyramid from their factors (z, y, x), as parameters of a rule give them."""
    return [Reduction((z, y, x)) for z, y, x in factors]
