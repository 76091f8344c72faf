"""Where the map of a structure lies that another program made, and how it fits the stack. Light to import."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ultraseg.base.errors import UserError
from ultraseg.ingest.any_volume import AnyVolume, open_volume_file

SAMPLED = 8  # slices in which the range of numbers is looked for


@dataclass(frozen=True)
class MapSource:
    """The map of one structure, or of the interior or the boundary of cells, in one volume.

    name: key of the configuration; channels: of the file, whose mean is the map; axes: of an array, where the user says
    them; limits: the numbers that mean a probability of 0 and of 1, None where they are to be found; shape: slices,
    rows, columns of the file; factor: voxels of the stack that one voxel of the file covers in z, y, x.
    """

    name: str
    path: str
    channels: tuple[int, ...]
    axes: str | None
    limits: tuple[float, float] | None
    shape: tuple[int, int, int]
    factor: tuple[int, int, int]

    def open(self) -> AnyVolume:
        """The file. Raises UserError where it cannot be read."""
        return _opened(self.path, self.axes)

    def rows(self, zs: Sequence[int]) -> list[int]:
        """The slices of the file that show the slices ``zs`` of the whole stack."""
        return [min(z // self.factor[0], self.shape[0] - 1) for z in zs]

    @property
    def sampled(self) -> list[int]:
        """Slices of the file in which the range of numbers is looked for, spread evenly."""
        count = min(SAMPLED, self.shape[0])
        return [(2 * i + 1) * self.shape[0] // (2 * count) for i in range(count)]

    def files(self, rows: Sequence[int]) -> list[str]:
        """The files that hold some slices of the file."""
        opened = self.open()
        return list(dict.fromkeys(file for channel in self.channels for file in opened.files(rows, channel)))


@lru_cache(1000)
def _opened(path: str, axes: str | None) -> AnyVolume:
    """The file, whose header is read once: every slab asks for it."""
    return open_volume_file(path, axes)


def fitting_factor(name: str, path: str, found: Sequence[int], stack: Sequence[int]) -> tuple[int, int, int]:
    """How many voxels of the stack one voxel of the map covers in z, y, x.

    found, stack: slices, rows, columns of both. Raises UserError where the map is no whole number of times smaller.
    """
    z, y, x = (_factor(small, large) for small, large in zip(found, stack, strict=True))
    if not (z and y and x):
        sizes = (" x ".join(map(str, shape)) for shape in (found, stack))
        raise UserError(
            f"{name}: {path} has {next(sizes)} voxels (z, y, x), the whole stack {next(sizes)}",
            "Export the map of the whole stack, at its size or a whole number of times smaller, with the axes z, y, x. "
            "If they are in another order, say so with axes.",
        )
    return z, y, x


def _factor(small: int, large: int) -> int:
    """The whole number that a size was divided by, rounded up or down; 0 where there is none."""
    factor = max(1, round(large / small))
    return factor if small in (large // factor, math.ceil(large / factor)) else 0
