"""Affinities of another program: which channel tells of which two voxels, and how they reach the cuts of a run.

An affinity is the chance that two voxels belong to one cell. A channel holds those of every voxel p and of the voxel
p + offset. Cuts (`ultraseg.grid.cut_maps`) are asked for at distances that the file may lack; such a distance is walked
in steps that the file has. Light to import.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ultraseg.grid.cut_maps import USED_OFFSETS
from ultraseg.predict.map_source import MapSource

Offset = tuple[int, int, int]  # z, y, x, in voxels of the file
DIRECT: tuple[Offset, ...] = (
    (-1, 0, 0),
    (0, -1, 0),
    (0, 0, -1),
)  # of three channels whose offsets nobody says
AXES = "zyx"


class Channel(NamedTuple):
    """The channel of one distance along an axis; the affinity of q and q + distance lies ``shift`` behind q."""

    number: int
    shift: int


@dataclass(frozen=True)
class AffinitySource(MapSource):
    """The affinities of one volume.

    offsets: of every channel, as the file counts them; shown_as: the map of cells that is made of them ("interior" or
    "boundary"), empty where they are the cuts.
    """

    offsets: tuple[Offset, ...] = ()
    shown_as: str = ""

    @property
    def key(self) -> str:
        """Its key in the configuration, which is the last part of its name, such as cells/affinities."""
        return self.name.rpartition(".")[2]

    def along(self, axis: int) -> dict[int, Channel]:
        """The distances along an axis (0 = z, 1 = y, 2 = x) whose affinities the file has, and where they lie."""
        found: dict[int, Channel] = {}
        for number, offset in zip(self.channels, self.offsets, strict=True):
            length = offset[axis]
            if length and not any(offset[:axis] + offset[axis + 1 :]):
                found.setdefault(abs(length), Channel(number, max(0, -length)))
        return found

    def scale(self, downsample: int) -> tuple[int, int]:
        """Rows and columns of the file that one pixel of the run covers."""
        return downsample // self.factor[1], downsample // self.factor[2]


def steps_of(distance: int, lengths: Collection[int]) -> list[tuple[int, int]]:
    """Start and length of the steps that lead over a distance, long ones first; 1 must be among the lengths."""
    at, steps = 0, []
    for length in sorted(lengths, reverse=True):
        while length <= distance - at:
            steps.append((at, length))
            at += length
    return steps


def used_channels(
    channels: Sequence[int], offsets: Sequence[Offset], distances: Sequence[int]
) -> list[tuple[int, Offset]]:
    """The channels that cuts are made from, with their offsets.

    distances: voxels of the file that the shortest cut spans along z, y and x. Offsets that are not along one axis, and
    long ones that no walk takes, are left out.
    """
    every = AffinitySource("", "", tuple(channels), None, None, (1, 1, 1), (1, 1, 1), tuple(offsets))
    taken = set()
    for axis, shortest in enumerate(distances):
        known = every.along(axis)
        for offset in USED_OFFSETS:
            taken |= {known[length].number for _, length in steps_of(offset * shortest, known) if known}
    return [(number, offset) for number, offset in zip(channels, offsets, strict=True) if number in taken]
