"""Names of a network's channels: they are made and read here alone. Light to import.

A structure of kind ``cells`` has two channels, for the interior and the boundary of its cells. Channels of cuts follow
them where cells are made in three dimensions (``arrays.cuts``). Every other structure has one channel, which has the
name of the structure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

INTERIOR, BOUNDARY = "interior", "boundary"
AFFINITIES = "affinities"  # of another program, which cuts are made from; no channel of a network
CUT = "cut_"  # followed by the axis and the offset
CELLS = "cells"  # the kind of structure, whatever the name of the structure


def channels_of(structure: str, kind: str, cuts: Sequence[int] = ()) -> tuple[str, ...]:
    """The channels that a network predicts for a structure, in their order; ``cuts``: offsets, for cells alone."""
    if kind != CELLS:
        return (structure,)
    return (f"{structure}/{INTERIOR}", f"{structure}/{BOUNDARY}", *cut_channels(structure, cuts))


def cut_channels(structure: str, offsets: Sequence[int]) -> tuple[str, ...]:
    """The channels that predict the cuts of a structure: first along y, then along x, by offset."""
    return tuple(f"{structure}/{CUT}{axis}{offset}" for axis in "yx" for offset in offsets)


def cut_of(channel: str) -> tuple[int, int] | None:
    """Axis in the plane (0 = rows, 1 = columns) and offset of a channel of cuts; None for any other channel."""
    name = channel.rpartition("/")[2]
    if not ("/" in channel and name.startswith(CUT)):
        return None
    axis = name.removeprefix(CUT)
    return "yx".index(axis[0]), int(axis[1:])


def structure_of(channel: str) -> str:
    """The structure that a channel belongs to."""
    return channel.split("/")[0]


def is_of_cells(channel: str) -> bool:
    """Whether a channel belongs to a structure of kind ``cells``."""
    return "/" in channel


def cell_structures(channels: Iterable[str]) -> set[str]:
    """The structures of kind ``cells`` among those that the channels belong to."""
    return {structure_of(channel) for channel in channels if is_of_cells(channel)}
