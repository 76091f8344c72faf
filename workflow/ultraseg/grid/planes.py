"""Labelled planes across the slices as pure numbers: which axes they have, and which rows of them a network sees.

An xz plane lies at a row y and has rows along z and columns along x; a yz plane lies at a column x and has rows along z
and columns along y. Light to import.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

AXES = {"xz": 1, "yz": 2}  # the axis of a volume (z, y, x) that the planes lie across
PLACES = {"xz": ("row", "y"), "yz": ("column", "x")}  # what their number counts


def turned(values: Sequence[T], plane: str) -> tuple[T, T, T]:
    """Values of z, y, x in the order of a plane: of the axis across it, of its rows and of its columns."""
    z, y, x = values
    return (y, z, x) if plane == "xz" else (x, z, y)


def plane_rows(zs: Sequence[int], n_slices: int, step: int, downsample: int) -> list[int]:
    """The rows of a labelled plane that stand for slices ``zs``: ``downsample`` rows for each slice, in order.

    step: slices from one slice that is used to the next. ``downsample`` rows then cover one step, as so many columns
    cover one pixel. At the ends of the stack its last rows repeat.
    """
    near = [(i - (downsample - 1) / 2) * step / downsample for i in range(downsample)]
    return [min(max(math.floor(z + by + 0.5), 0), n_slices - 1) for z in zs for by in near]


def plane_number(plane: str, at: int, shape: Sequence[int]) -> int:
    """The number of a plane among the slices that a network learns from: planes count on behind the last slice."""
    n_slices, rows, _ = shape
    return n_slices + at + (rows if plane == "yz" else 0)
