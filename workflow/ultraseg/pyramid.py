"""The pyramid of one slab: images by area mean, labels by the most frequent id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack

import cv2
import numpy as np

from ultraseg.modes import block_modes
from ultraseg.slabs import Level
from ultraseg.store import slab_writer
from ultraseg.tiles import downsample_image


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


def slab_pyramid(stack: np.ndarray, levels: Sequence[Level], reduce) -> list[np.ndarray]:
    """All levels of one slab, level 0 first; ``reduce`` is ``reduce_image`` or ``reduce_labels``."""
    pyramid = [stack]
    for finer, coarser in zip(levels[:-1], levels[1:], strict=True):
        pyramid.append(reduce(pyramid[-1], _step(finer, coarser)))
    return pyramid


def write_pyramid(
    group: str,
    start: int,
    stack: Iterable[np.ndarray],
    levels: Sequence[Level],
    reduce: Callable,
    count: int | None = None,
) -> None:
    """Write all levels of one slab (slices from ``start``) into the arrays 0, 1, ... of an OME-Zarr group.

    stack: slices (Y, X), taken one at a time, so that no more than two of each level are in memory; count: how
    many, for an iterator. No file appears before all slices are written.
    """
    count = len(stack) if count is None else count
    with ExitStack() as files:
        finest = None
        for number, level in reversed(list(enumerate(levels))):
            step = level.factor if number == 0 else _step(levels[number - 1], level)
            within = -(-count // level.factor[0])
            add = files.enter_context(slab_writer(f"{group}/{number}", start // level.factor[0], within))
            finest = _LevelWriter(add, step, finest, reduce)
        for one in stack:
            finest.take(one)
        finest.finish()


class _LevelWriter:
    """Writes one level and hands it on to the next, coarser one as soon as a block in z is full."""

    def __init__(self, add: Callable, step: Sequence[int], coarser: _LevelWriter | None, reduce: Callable):
        self.add, self.step, self.coarser, self.reduce = add, step, coarser, reduce
        self.waiting: list[np.ndarray] = []

    def take(self, one: np.ndarray) -> None:
        self.add(one)
        if self.coarser:
            self.waiting.append(one)
            if len(self.waiting) == self.coarser.step[0]:
                self._hand_on()

    def finish(self) -> None:
        if self.waiting:
            self._hand_on()
        if self.coarser:
            self.coarser.finish()

    def _hand_on(self) -> None:
        self.coarser.take(self.reduce(self.waiting, self.coarser.step)[0])
        self.waiting = []


def _step(finer: Level, coarser: Level) -> list[int]:
    return [c // f for c, f in zip(coarser.factor, finer.factor, strict=True)]


def levels_of(factors: Sequence[Sequence[int]]) -> list[Level]:
    """Levels that know their reduction only, which is all that a slab's pyramid takes."""
    return [Level((), tuple(factor), (), ()) for factor in factors]
