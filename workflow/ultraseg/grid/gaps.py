"""Gaps: the slices between two labelled slices, both included. Pure numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

AUTO, FLOW, VOLUME = "auto", "flow", "volume"  # how ids of cells get from slice to slice


@dataclass(frozen=True)
class Gap:
    """The slices first .. last, both included, from one labelled slice to the next or to an end of the stack.

    first_given, last_given: whether the user labelled the slice ``first`` or ``last``.
    """

    first: int
    last: int
    first_given: bool
    last_given: bool

    @property
    def name(self) -> str:
        """The name of the gap, and of its files.

        An x marks an end that is not labelled: a gap around a held-out slice may end where another gap ends.
        """
        ends = ((self.first, self.first_given), (self.last, self.last_given))
        return "-".join(f"{z:05d}" + ("" if given else "x") for z, given in ends)


def gaps_between(labelled: Iterable[int], n_slices: int) -> list[Gap]:
    """The gaps that cover a whole stack; neighbouring gaps share a labelled slice. Empty where no slice is labelled."""
    zs = sorted(set(labelled))
    if not zs:
        return []
    gaps = [Gap(a, b, True, True) for a, b in zip(zs[:-1], zs[1:], strict=True)]
    if zs[0] > 0:
        gaps.insert(0, Gap(0, zs[0], False, True))
    if zs[-1] < n_slices - 1 or not gaps:
        gaps.append(Gap(zs[-1], n_slices - 1, True, False))
    return gaps


def gaps_of(gaps: Sequence[Gap], start: int, stop: int) -> list[Gap]:
    """The gaps that hold any of the slices start <= z < stop."""
    return [gap for gap in gaps if gap.first < stop and gap.last >= start]


def gap_without(labelled: Iterable[int], z: int, n_slices: int) -> Gap:
    """The gap that would hold the labelled slice z if z were not labelled."""
    rest = [other for other in labelled if other != z]
    return next(gap for gap in gaps_between(rest, n_slices) if gap.first <= z <= gap.last)
