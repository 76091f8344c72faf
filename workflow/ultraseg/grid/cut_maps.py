"""Maps of cuts as pure numbers: at which distances cuts are learned, and on which slices they are predicted.

Cuts are predicted on every n-th slice, so that a step along z is about as long as a pixel at the network's scale. A
brick is BRICK of these slices, whatever the depth of slabs, so that no map depends on that depth. The planes that cross
a brick reach HALO of these slices further on both sides. Light to import.
"""

from __future__ import annotations

from collections.abc import Sequence

USED_OFFSETS = (1, 3)  # that maps hold and cells are made from
OFFSETS = (*USED_OFFSETS, 8)  # that networks learn; the longest one only helps them to learn
BRICK, HALO = 64, 16
PIXELS = 1 << 18  # of planes across that go through a network together
ALIKE = (
    1.5  # a step that is longer or shorter than this by a pixel looks different in planes across the slices
)


def depth_step(voxel_size_nm: Sequence[float], downsample: int) -> int:
    """Slices from one slice with cuts to the next, for voxels (z, y, x) and a network's scale."""
    depth, *plane = voxel_size_nm
    return max(1, round(min(plane) * downsample / depth))


def looks_alike(voxel_size_nm: Sequence[float], downsample: int) -> bool:
    """Whether planes across the slices look like slices: steps along z and pixels are about equally long."""
    depth, *plane = voxel_size_nm
    step = depth * depth_step(voxel_size_nm, downsample)
    return all(1 / ALIKE <= step / (size * downsample) <= ALIKE for size in plane)


def gap_steps(first: int, last: int, step: int) -> list[int]:
    """The slices of a gap that get cells from cuts: its ends, and the ``step``-th slices not too near to them."""
    inside = [z for z in range(-(-first // step) * step, last, step) if min(z - first, last - z) * 2 > step]
    return sorted({first, *inside, last})


def nearest(zs: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """For each wanted slice the place in ``zs`` (in order) of the nearest one, of two equally near ones the lower."""
    return [min(range(len(zs)), key=lambda i: (abs(zs[i] - z), i)) for z in wanted]


def bricks(count: int) -> list[tuple[int, int]]:
    """Start and stop of the bricks of so many slices with cuts."""
    return [(start, min(start + BRICK, count)) for start in range(0, count, BRICK)]


def bricks_with(first: int, last: int) -> range:
    """The bricks that hold the slices with cuts number first to last."""
    return range(first // BRICK, last // BRICK + 1)


def brick_window(start: int, stop: int, count: int) -> tuple[int, int]:
    """The slices with cuts that the planes across a brick show, of so many in all."""
    return max(0, start - HALO), min(count, stop + HALO)
