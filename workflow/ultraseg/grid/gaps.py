"""Gaps between labelled slices. Pure numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Gap:
    """Slices first .. last (both included) between two labelled slices, or out to an end of the stack.

    ``first_given`` and ``last_given``: whether the user labelled that slice.
    """

    first: int
    last: int
    first_given: bool
    last_given: bool

    @property
    def name(self) -> str:
        """Name of its file; an x marks an end that is not labelled, as held-out slices share ends with other gaps."""
        ends = ((self.first, self.first_given), (self.last, self.last_given))
        return "-".join(f"{z:05d}" + ("" if given else "x") for z, given in ends)


def gaps_between(labelled: Iterable[int], n_slices: int) -> list[Gap]:
    """Gaps that cover the whole stack; neighbours share their labelled slice. Empty where nothing is labelled."""
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
    """The gaps needed for the slices start <= z < stop."""
    return [gap for gap in gaps if gap.first < stop and gap.last >= start]


def gap_without(labelled: Iterable[int], z: int, n_slices: int) -> Gap:
    """The gap around the labelled slice z if it were not labelled."""
    rest = [other for other in labelled if other != z]
    return next(gap for gap in gaps_between(rest, n_slices) if gap.first <= z <= gap.last)
