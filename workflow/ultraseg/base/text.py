"""Numbers and lists as people write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def format_numbers(numbers: Iterable[int], limit: int = 12) -> str:
    """Write numbers as ranges: ``3, 7-9, 12``. The numbers after ``limit`` ranges are counted only."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return format_ranges(runs, limit)


def format_ranges(runs: Sequence[Sequence[int]], limit: int = 12) -> str:
    """Write ranges (first, last, both included) as ``format_numbers`` does."""
    shown = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs[:limit])
    rest = sum(b - a + 1 for a, b in runs[limit:])
    return f"{shown} and {rest} more" if rest else shown


def short(x: float) -> str:
    """A number with three digits, or as a whole number from 100 on."""
    return f"{x:.0f}" if x >= 100 else f"{x:.3g}"


def amount(n: float) -> str:
    """A number of bytes for people: 2 kB, 3.21 MB, 4 GB, 1.5 TB."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n / 1e3:.3g} kB"


def duration(seconds: float) -> str:
    """Seconds for people: 45 s, 12 min, 3 h 05 min, 2 d 4 h."""
    minutes = round(seconds / 60)
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"
