"""Pyramid levels: shapes, chunks and shards. Pure numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ultraseg.grid.slabs import ceil_div

CHUNK = 512  # pixels in y and x: one view of a viewer touches few chunks, one slab file holds few hundreds


@dataclass(frozen=True)
class Level:
    """One pyramid level: shape, reduction from level 0 (z, y, x), chunk and shard; a shard is one slab."""

    shape: tuple[int, int, int]
    factor: tuple[int, int, int]
    chunk: tuple[int, int, int]
    shard: tuple[int, int, int]


def pyramid_levels(
    shape: Sequence[int], voxel_size_nm: Sequence[float], slab_depth: int, count: int
) -> list[Level]:
    """The ``count`` levels of a pyramid, the volume itself first, each next one half as large in y and x.

    z is halved too as long as a voxel is not already longer in z than in y and the slab's depth is even, so
    that level l of slab s is made from slab s alone.
    """
    shape, factor, depth = tuple(int(n) for n in shape), (1, 1, 1), slab_depth
    levels = [_level(shape, factor, depth)]
    for _ in range(count - 1):
        spacing = [size * f for size, f in zip(voxel_size_nm, factor, strict=True)]
        halve_z = depth % 2 == 0 and spacing[0] < 1.5 * spacing[1]
        step = (2 if halve_z else 1, 2, 2)
        depth //= step[0]
        shape = tuple(ceil_div(n, s) for n, s in zip(shape, step, strict=True))
        factor = tuple(f * s for f, s in zip(factor, step, strict=True))
        levels.append(_level(shape, factor, depth))
    return levels


def _level(shape: tuple[int, ...], factor: tuple[int, ...], depth: int) -> Level:
    chunk, shard = chunk_and_shard(shape[1:], depth)
    return Level(shape, factor, chunk, shard)


def chunk_and_shard(plane: Sequence[int], depth: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Chunk and shard of an array (z, ..., y, x) whose slabs are ``depth`` deep; a shard spans whole slices."""
    *between, height, width = plane
    # Of equal size: chunks that a slice fills in part take five times as long to compress, for the zeros in every row.
    number_y, number_x = (ceil_div(size, CHUNK) for size in (height, width))
    chunk_y, chunk_x = ceil_div(height, number_y), ceil_div(width, number_x)
    return (1, *(1 for _ in between), chunk_y, chunk_x), (
        depth,
        *between,
        number_y * chunk_y,
        number_x * chunk_x,
    )
