"""Where the slices of a stack are: files, pages and numbers."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import NamedTuple

PLANE = 1 << 24  # page numbers from here on are planes of a file's only page, see SliceRef


class SliceRef(NamedTuple):
    """Where slice ``z`` of the stack lies; ``page`` is None where the file must hold one slice only.

    ``PLANE`` + k is plane k (red is 0) of the only page: programs save stacks of three or four slices as colours.
    """

    z: int
    file: str
    page: int | None


@dataclass(frozen=True)
class SliceSource:
    """The slices found, ordered by z; ``first_number`` is the user's number of z = 0.

    Of an image with bridged gaps the missing z are not among the slices; all others keep their place.
    """

    slices: tuple[SliceRef, ...]
    first_number: int = 0

    def __len__(self) -> int:
        return len(self.slices)

    @property
    def n_slices(self) -> int:
        """Slices of the stack, missing ones included."""
        return self.slices[-1].z + 1

    @property
    def missing(self) -> list[int]:
        """Slices of the stack that no file shows."""
        return sorted(set(range(self.n_slices)) - set(self.zs))

    @property
    def files(self) -> list[str]:
        """The files, each once, in the order of z."""
        return list(dict.fromkeys(ref.file for ref in self.slices))

    @property
    def zs(self) -> list[int]:
        return [ref.z for ref in self.slices]

    def range(self, start: int, stop: int) -> list[SliceRef]:
        """The slices with start <= z < stop."""
        # Every slab asks: none must look through all slices.
        return list(self.slices[bisect_left(self.slices, (start,)) : bisect_left(self.slices, (stop,))])
