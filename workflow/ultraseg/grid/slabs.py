"""Slabs: which slices a slab holds, and which slabs hold a slice. Pure numbers."""

from __future__ import annotations


def ceil_div(a: int, b: int) -> int:
    """a / b, rounded up to a whole number; b > 0."""
    return -(-a // b)


def slab_count(n_slices: int, slab_depth: int) -> int:
    """Number of slabs of a stack; the last slab may be shallower than the others."""
    return ceil_div(n_slices, slab_depth)


def slab_range(slab: int, n_slices: int, slab_depth: int) -> tuple[int, int]:
    """The slices start <= z < stop of a slab, as (start, stop). Raises IndexError for a slab outside the stack."""
    start, stop = slab * slab_depth, min((slab + 1) * slab_depth, n_slices)
    if not 0 <= start < stop:
        raise IndexError(f"slab {slab} of a stack of {n_slices} slices at depth {slab_depth}")
    return start, stop


def slabs_of(start: int, stop: int, n_slices: int, slab_depth: int) -> list[int]:
    """The slabs that hold any of the slices start <= z < stop; slices outside the stack do not count."""
    start, stop = max(start, 0), min(stop, n_slices)
    return list(range(start // slab_depth, (stop - 1) // slab_depth + 1)) if start < stop else []


def evenly_spaced(n_slices: int, count: int) -> list[int]:
    """Up to ``count`` slices of a stack, from the first to the last one, about equally far from each other."""
    steps = max(count - 1, 1)
    return sorted({round(i * (n_slices - 1) / steps) for i in range(count)})
