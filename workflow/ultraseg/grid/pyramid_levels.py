"""Pyramid levels: shapes, chunks and shards. Pure numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ultraseg.grid.slabs import ceil_div

# Most pixels of a chunk in y and x: one view of a viewer touches few chunks, and one slab file holds a few hundred.
CHUNK = 512
Triple = tuple[int, int, int]  # z, y, x


@dataclass(frozen=True)
class Level:
    """One pyramid level, all in voxels (z, y, x): its shape, factor, chunk and shard.

    factor: voxels of level 0 that one voxel of the level covers; shard: one slab of the level.
    """

    shape: Triple
    factor: Triple
    chunk: Triple
    shard: Triple


def pyramid_levels(
    shape: Sequence[int], voxel_size_nm: Sequence[float], slab_depth: int, count: int
) -> list[Level]:
    """The ``count`` levels of a pyramid: the volume itself first, each next level half as large in y and x.

    z is halved too while the depth of a slab is even and a voxel is less than 1.5 times as long in z as in y. So level
    l of slab s is made from slab s alone.
    """
    size, factor, depth = _triple(int(n) for n in shape), (1, 1, 1), slab_depth
    levels = [_level(size, factor, depth)]
    for _ in range(count - 1):
        spacing = [size * f for size, f in zip(voxel_size_nm, factor, strict=True)]
        halve_z = depth % 2 == 0 and spacing[0] < 1.5 * spacing[1]
        step = (2 if halve_z else 1, 2, 2)
        depth //= step[0]
        size = _triple(ceil_div(n, s) for n, s in zip(size, step, strict=True))
        factor = _triple(f * s for f, s in zip(factor, step, strict=True))
        levels.append(_level(size, factor, depth))
    return levels


def _level(shape: Triple, factor: Triple, depth: int) -> Level:
    chunk, shard = chunk_and_shard(shape[1:], depth)
    return Level(shape, factor, _triple(chunk), _triple(shard))


def _triple(numbers: Iterable[int]) -> Triple:
    z, y, x = numbers
    return z, y, x


def chunk_and_shard(plane: Sequence[int], depth: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Chunk and shard of an array (z, ..., y, x) whose slabs are ``depth`` slices deep; a shard spans whole slices.

    plane: the size of a slice (..., y, x).
    """
    *between, height, width = plane
    # Chunks are of equal size: a chunk that a slice fills in part takes five times as long to compress, for the zeros
    # in every row.
    number_y, number_x = (ceil_div(size, CHUNK) for size in (height, width))
    chunk_y, chunk_x = ceil_div(height, number_y), ceil_div(width, number_x)
    chunk = (1, *(1 for _ in between), chunk_y, chunk_x)
    return chunk, (depth, *between, number_y * chunk_y, number_x * chunk_x)
