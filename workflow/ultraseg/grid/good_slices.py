"""Stepping over bad slices: which good slice stands in for a bad one, and which good slices are neighbours.

Light to import: the Snakefile needs it when parsed. All functions take and return slice numbers z.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Stepping:
    """The slices 0 .. n_slices - 1 of a stack, of which those in ``bad`` are stepped over.

    At least one slice must be good; ``volumes`` sees to that.
    """

    n_slices: int
    bad: tuple[int, ...] = ()

    @cached_property
    def good(self) -> list[int]:
        """All good slices in order."""
        bad = set(self.bad)
        return [z for z in range(self.n_slices) if z not in bad]

    def good_in(self, start: int, stop: int) -> list[int]:
        """The good slices with start <= z < stop."""
        return self.good[bisect_left(self.good, start) : bisect_left(self.good, stop)]

    def bad_in(self, start: int, stop: int) -> list[int]:
        """The bad slices with start <= z < stop."""
        return [z for z in sorted(self.bad) if start <= z < stop]

    def next(self, z: int, steps: int = 1) -> int | None:
        """The good slice so many steps after z, which may be bad itself; None beyond the last one."""
        place = bisect_right(self.good, z) + steps - 1
        return self.good[place] if place < len(self.good) else None

    def previous(self, z: int) -> int | None:
        """The nearest good slice before z; None before the first one."""
        place = bisect_left(self.good, z) - 1
        return self.good[place] if place >= 0 else None

    def stand_in(self, z: int) -> int:
        """The good slice whose results z shows: z itself, or the nearest good one, the lower of two as near."""
        after = bisect_left(self.good, z)
        return min(self.good[max(after - 1, 0) : after + 1], key=lambda g: (abs(g - z), g))

    def stand_ins(self, start: int, stop: int) -> list[int]:
        """``stand_in`` of every slice with start <= z < stop."""
        return [self.stand_in(z) for z in range(start, stop)]

    @property
    def replaced(self) -> dict[int, int]:
        """``stand_in`` of every bad slice."""
        return {z: self.stand_in(z) for z in sorted(self.bad)}

    def context(self, z: int, z_context: int) -> list[int]:
        """What a network sees for the good slice z: 2 z_context + 1 good slices, the end ones repeated."""
        place, last = bisect_left(self.good, z), len(self.good) - 1
        return [self.good[min(max(i, 0), last)] for i in range(place - z_context, place + z_context + 1)]

    def window(self, start: int, stop: int, z_context: int) -> tuple[list[int], list[int]]:
        """What a network reads for the slices start <= z < stop, and which of its predictions each of them shows.

        The first list are consecutive good slices with ``z_context`` more at either end; the second has one position
        per slice, counted from the first prediction: that of the slice itself or of its stand-in.
        """
        stand_ins = self.stand_ins(start, stop)
        run = sorted(set(stand_ins))
        first, last = self.context(run[0], z_context), self.context(run[-1], z_context)
        return first[:z_context] + run + last[z_context + 1 :], [run.index(z) for z in stand_ins]

    def walk(self, start: int, stop: int, beyond: int) -> list[int]:
        """The good slices with start <= z < stop and up to ``beyond`` more after them; empty where there are none."""
        inside = self.good_in(start, stop)
        last = bisect_left(self.good, stop)
        return inside + self.good[last : last + beyond] if inside else []


def bridge_weights(missing: Iterable[int], good: Sequence[int]) -> dict[int, list[tuple[int, float]]]:
    """For every missing slice the nearest good slices on either side and their weights.

    The weight falls with the distance in z; beyond the first or last good slice the only neighbour counts whole.
    """
    weights = {}
    for z in missing:
        place = bisect_left(good, z)
        low, high = good[:place][-1:], good[place:][:1]
        if low and high:
            share = (z - low[0]) / (high[0] - low[0])
            weights[z] = [(low[0], 1 - share), (high[0], share)]
        else:
            weights[z] = [(other, 1.0) for other in (*low, *high)]
    return weights
