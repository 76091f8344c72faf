"""Where things lie: slabs, gaps, pyramid levels and the files that hold them. Pure numbers and strings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

CHUNK = 512  # pixels in y and x: one view of a viewer touches few chunks, one slab file holds few hundreds


def slab_count(n_slices: int, slab_depth: int) -> int:
    """Number of slabs of a stack; the last one may be shallower."""
    return -(-n_slices // slab_depth)


def slab_range(slab: int, n_slices: int, slab_depth: int) -> tuple[int, int]:
    """First slice of a slab and the one after its last. Raises IndexError for a slab outside the stack."""
    start, stop = slab * slab_depth, min((slab + 1) * slab_depth, n_slices)
    if not 0 <= start < stop:
        raise IndexError(f"slab {slab} of a stack of {n_slices} slices at depth {slab_depth}")
    return start, stop


def slabs_of(start: int, stop: int, n_slices: int, slab_depth: int) -> list[int]:
    """Slabs that hold any of the slices start <= z < stop, as far as these lie in the stack."""
    start, stop = max(start, 0), min(stop, n_slices)
    return list(range(start // slab_depth, (stop - 1) // slab_depth + 1)) if start < stop else []


@dataclass(frozen=True)
class Gap:
    """Slices first .. last (both included) between two labelled slices, or out to an end of the stack.

    ``first_given`` and ``last_given``: whether the user labelled that slice.
    """

    first: int
    last: int
    first_given: bool
    last_given: bool

    @property
    def name(self) -> str:
        """Name of its file; an x marks an end that is not labelled, as held-out slices share ends with other gaps."""
        ends = ((self.first, self.first_given), (self.last, self.last_given))
        return "-".join(f"{z:05d}" + ("" if given else "x") for z, given in ends)


def gaps_between(labelled: Iterable[int], n_slices: int) -> list[Gap]:
    """Gaps that cover the whole stack; neighbours share their labelled slice. Empty where nothing is labelled."""
    zs = sorted(set(labelled))
    if not zs:
        return []
    gaps = [Gap(a, b, True, True) for a, b in zip(zs[:-1], zs[1:], strict=True)]
    if zs[0] > 0:
        gaps.insert(0, Gap(0, zs[0], False, True))
    if zs[-1] < n_slices - 1 or not gaps:
        gaps.append(Gap(zs[-1], n_slices - 1, True, False))
    return gaps


def gaps_of(gaps: Sequence[Gap], start: int, stop: int) -> list[Gap]:
    """The gaps needed for the slices start <= z < stop."""
    return [gap for gap in gaps if gap.first < stop and gap.last >= start]


def gap_without(labelled: Iterable[int], z: int, n_slices: int) -> Gap:
    """The gap around the labelled slice z if it were not labelled."""
    rest = [other for other in labelled if other != z]
    return next(gap for gap in gaps_between(rest, n_slices) if gap.first <= z <= gap.last)


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
        shape = tuple(-(-n // s) for n, s in zip(shape, step, strict=True))
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
    number_y, number_x = (-(-size // CHUNK) for size in (height, width))
    chunk_y, chunk_x = -(-height // number_y), -(-width // number_x)
    return (1, *(1 for _ in between), chunk_y, chunk_x), (
        depth,
        *between,
        number_y * chunk_y,
        number_x * chunk_x,
    )


def shard_file(array: str, slab: int, ndim: int = 3) -> str:
    """File of one slab in an array's folder."""
    return "/".join([array, "c", str(slab), *["0"] * (ndim - 1)])
