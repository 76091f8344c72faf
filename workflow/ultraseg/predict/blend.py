"""Overlapping tiles that cover a slice, and their blending into one map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ultraseg.networks.sizes import STRIDE, tiles_along

ROWS = 256  # finished at a time, so that no second map in floating point is held


@dataclass(frozen=True)
class Grid:
    """Where the tiles of a slice lie: padding (before, after) and starts per axis, in the padded slice."""

    tile: int
    pad_y: tuple[int, int]
    pad_x: tuple[int, int]
    starts_y: tuple[int, ...]
    starts_x: tuple[int, ...]
    ramp: NDArray[np.float32]

    @property
    def corners(self) -> list[tuple[int, int]]:
        return [(y, x) for y in self.starts_y for x in self.starts_x]


def tile_grid(shape: Sequence[int], tile: int, overlap: int, stride: int = STRIDE) -> Grid:
    """Tiles of ``tile`` x ``tile`` pixels for a slice of ``shape``; see ``tile_positions`` and ``blending_window``."""
    (pad_y, starts_y), (pad_x, starts_x) = (tile_positions(size, tile, overlap, stride) for size in shape)
    return Grid(tile, pad_y, pad_x, tuple(starts_y), tuple(starts_x), blending_window(tile, overlap))


def tile_positions(
    size: int, tile: int, overlap: int, stride: int = STRIDE
) -> tuple[tuple[int, int], list[int]]:
    """Padding (before, after) of one axis and the starts of its tiles in the padded axis.

    As few tiles as cover ``size`` with ``overlap``; what they cover beyond it becomes reflected margin (up to half
    the overlap on each side), then more overlap. Padding before and starts are multiples of ``stride``, so that a
    network that halves its input pools the same pixels in every tile as in the whole slice.
    """
    if tile % stride:
        raise ValueError(f"tiles of {tile} pixels are no multiple of {stride}")
    if size <= tile:
        before = (tile - size) // 2 // stride * stride
        return (before, tile - size - before), [0]
    step = (tile - overlap) // stride * stride
    if step < 1:
        raise ValueError(f"tiles of {tile} pixels that overlap by {overlap} do not advance by {stride}")
    n = tiles_along(size, tile, overlap, stride)
    spare = n * step + overlap - size
    before = min(overlap // 2, spare // 2) // stride * stride
    after = min(overlap // 2, spare - before)
    last = -(-(before + size + after - tile) // stride)  # in strides
    starts = [i * last // (n - 1) * stride for i in range(n)]
    return (before, starts[-1] + tile - before - size), starts


def blending_window(tile: int, overlap: int) -> NDArray[np.float32]:
    """Weights of a tile's pixels along one axis: a raised cosine over the overlap, never zero, 1 inside."""
    distance = np.minimum(np.arange(tile), np.arange(tile)[::-1]) + 0.5
    ramp = np.minimum(distance / max(overlap, 1), 1)
    return (0.01 + 0.99 * 0.5 * (1 - np.cos(np.pi * ramp))).astype(np.float32)


class Blend:
    """The maps of one slice, summed up from its tiles; in memory once, as float32."""

    def __init__(self, grid: Grid, shape: Sequence[int], channels: int):
        self._grid, self._shape = grid, tuple(shape)
        self._window = (grid.ramp[:, None] * grid.ramp[None, :])[..., None]
        padded = (grid.starts_y[-1] + grid.tile, grid.starts_x[-1] + grid.tile)
        self._total = np.zeros((*padded, channels), np.float32)

    def add(self, corner: tuple[int, int], probability: NDArray[np.float32]) -> None:
        """Add a tile (tile, tile, K), which is overwritten."""
        y, x = corner
        probability *= self._window
        self._total[y : y + self._grid.tile, x : x + self._grid.tile] += probability

    def finish(self) -> NDArray[np.uint8]:
        """The weighted mean of the tiles as uint8 (K, y, x), 255 = 1."""
        g, (height, width) = self._grid, self._shape
        weight_y, weight_x = (
            self._weights(starts, pad[0], size)
            for starts, pad, size in (
                (g.starts_y, g.pad_y, height),
                (g.starts_x, g.pad_x, width),
            )
        )
        result = np.empty((self._total.shape[-1], height, width), np.uint8)
        for y in range(0, height, ROWS):
            rows = slice(y, min(y + ROWS, height))
            top = g.pad_y[0] + y
            part = self._total[top : top + rows.stop - y, g.pad_x[0] : g.pad_x[0] + width]
            part = part * (np.float32(255) / (weight_y[rows, None] * weight_x))[..., None]
            np.rint(np.clip(part, 0, 255, out=part), out=part)
            result[:, rows] = part.transpose(2, 0, 1)
        return result

    def _weights(self, starts: Sequence[int], before: int, size: int) -> NDArray[np.float32]:
        """Summed weights along one axis; those of a pixel are the product of both axes."""
        weight = np.zeros(starts[-1] + self._grid.tile, np.float32)
        for start in starts:
            weight[start : start + self._grid.tile] += self._grid.ramp
        return weight[before : before + size]
