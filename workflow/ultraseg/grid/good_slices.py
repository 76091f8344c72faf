"""The good slices of a stack: which one stands in for a bad slice, and which good slices are neighbours.

All functions take and return slice numbers z. The module is light to import, as the Snakefile needs it when it is
parsed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class GoodSlices:
    """The slices 0 .. n_slices - 1 of a stack; every step passes over the slices in ``bad``.

    At least one slice must be good: ``plan.open_volume`` refuses a volume without one.
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

    def previous(self, z: int) -> int | None:
        """The nearest good slice before z; None where no good slice lies before z."""
        place = bisect_left(self.good, z) - 1
        return self.good[place] if place >= 0 else None

    def stand_in(self, z: int) -> int:
        """The good slice whose results slice z shows: z itself where z is good, else the nearest good slice.

        Of two good slices at the same distance it is the lower one.
        """
        after = bisect_left(self.good, z)
        return min(self.good[max(after - 1, 0) : after + 1], key=lambda g: (abs(g - z), g))

    def stand_ins(self, start: int, stop: int) -> list[int]:
        """``stand_in`` of every slice with start <= z < stop."""
        own = self.good_in(start, stop)
        # Every slab asks, and nearly all slices are good.
        return own if len(own) == stop - start else [self.stand_in(z) for z in range(start, stop)]

    @property
    def replaced(self) -> dict[int, int]:
        """The stand-in of every bad slice: bad slice -> good slice."""
        return {z: self.stand_in(z) for z in sorted(self.bad)}

    def context(self, z: int, z_context: int) -> list[int]:
        """The slices that a network sees for the good slice z: z, and ``z_context`` good slices on either side.

        Beyond an end of the stack the last good slice repeats. Length 2 z_context + 1.
        """
        place, last = bisect_left(self.good, z), len(self.good) - 1
        return [self.good[min(max(i, 0), last)] for i in range(place - z_context, place + z_context + 1)]

    def window(self, start: int, stop: int, z_context: int) -> tuple[list[int], list[int]]:
        """The slices that a network reads for start <= z < stop, and which of its predictions each slice shows.

        The first list holds consecutive good slices, with ``z_context`` more at either end. The second list holds,
        for each slice from start on, the place of its own prediction or of its stand-in's, counted from the first
        prediction.
        """
        stand_ins = self.stand_ins(start, stop)
        run = sorted(set(stand_ins))
        first, last = self.context(run[0], z_context), self.context(run[-1], z_context)
        return first[:z_context] + run + last[z_context + 1 :], [run.index(z) for z in stand_ins]

    def around(self, first: int, last: int, beyond: int) -> list[int]:
        """The good slices from the good slice ``first`` to ``last``, and up to ``beyond`` more on either side."""
        low, high = bisect_left(self.good, first), bisect_left(self.good, last)
        return self.good[max(low - beyond, 0) : high + 1 + beyond]

    def walk(self, start: int, stop: int, beyond: int) -> list[int]:
        """The good slices with start <= z < stop, and up to ``beyond`` good slices after those.

        Empty where no slice with start <= z < stop is good.
        """
        inside = self.good_in(start, stop)
        last = bisect_left(self.good, stop)
        return inside + self.good[last : last + beyond] if inside else []


def bridge_weights(missing: Iterable[int], good: Sequence[int]) -> dict[int, list[tuple[int, float]]]:
    """For every missing slice the nearest good slice on either side, with its weight: z -> [(slice, weight), ...].

    A weight falls with the distance in z, and the weights of a missing slice add up to 1. Before the first good slice
    and after the last one the only neighbour has weight 1.
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
