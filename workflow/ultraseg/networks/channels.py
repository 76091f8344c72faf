"""Names of a network's channels: they are made and read here alone. Light to import.

A structure of kind ``cells`` has two channels, for the interior and the boundary of its cells. Every other structure
has one channel, which has the name of the structure.
"""

from __future__ import annotations

from collections.abc import Iterable

INTERIOR, BOUNDARY = "interior", "boundary"
CELLS = "cells"  # the kind of structure, whatever the name of the structure


def channels_of(structure: str, kind: str) -> tuple[str, ...]:
    """The channels that a network predicts for a structure, in their order."""
    return (f"{structure}/{INTERIOR}", f"{structure}/{BOUNDARY}") if kind == CELLS else (structure,)


def structure_of(channel: str) -> str:
    """The structure that a channel belongs to."""
    return channel.split("/")[0]


def is_of_cells(channel: str) -> bool:
    """Whether a channel belongs to a structure of kind ``cells``."""
    return "/" in channel


def cell_structures(channels: Iterable[str]) -> set[str]:
    """The structures of kind ``cells`` among those that the channels belong to."""
    return {structure_of(channel) for channel in channels if is_of_cells(channel)}
