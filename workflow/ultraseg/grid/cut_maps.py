"""Maps of cuts as pure numbers: at which distances cuts are learned, and in which bricks of slices they are predicted.

A brick is BRICK slices, whatever the depth of slabs, so that no map depends on that depth. The planes that cross a
brick reach HALO slices further on both sides. Light to import.
"""

from __future__ import annotations

from collections.abc import Sequence

USED_OFFSETS = (1, 3)  # that maps hold and cells are made from
OFFSETS = (*USED_OFFSETS, 8)  # that networks learn; the longest one only helps them to learn
BRICK, HALO = 64, 16
PIXELS = 1 << 18  # of planes across that go through a network together
ALIKE = 1.5  # a voxel that is longer than this along one axis looks different in planes across the slices


def bricks(n_slices: int) -> list[tuple[int, int]]:
    """Start and stop of the bricks of a stack."""
    return [(start, min(start + BRICK, n_slices)) for start in range(0, n_slices, BRICK)]


def bricks_with(first: int, last: int) -> range:
    """The bricks that hold the slices first <= z <= last."""
    return range(first // BRICK, last // BRICK + 1)


def brick_window(start: int, stop: int, n_slices: int) -> tuple[int, int]:
    """The slices that the planes across a brick show."""
    return max(0, start - HALO), min(n_slices, stop + HALO)


def looks_alike(voxel_size_nm: Sequence[float], downsample: int) -> bool:
    """Whether planes across the slices look like slices at a network's scale: voxels (z, y, x) are near-isotropic."""
    depth, *plane = voxel_size_nm
    return all(1 / ALIKE <= depth / (size * downsample) <= ALIKE for size in plane)
