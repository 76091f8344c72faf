"""The number of a slice in the name of its file: the last one, or the one that a pattern picks. Light to import."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence

USUAL = 0.9  # share of the names from which the others are odd, where only another number differs


def slice_number(file: str, pattern: str | None = None) -> int | None:
    """Number of a file's slice from its name without folder and suffix; None where there is none.

    The last number, or what the one group of ``pattern`` (a regular expression, searched in the name with its suffix)
    matches.
    """
    place = _place(os.path.basename(file), pattern)
    return None if place is None else int(os.path.basename(file)[slice(*place)])


def with_number(file: str, number: int, pattern: str | None = None) -> str | None:
    """The name of another slice's file, built like ``file``, without its folder; None where ``file`` has no number.

    As many digits as before, more where the number needs them.
    """
    name = os.path.basename(file)
    place = _place(name, pattern)
    if place is None:
        return None
    start, stop = place
    return f"{name[:start]}{number:0{stop - start}d}{name[stop:]}"


def _place(name: str, pattern: str | None) -> tuple[int, int] | None:
    """Where the number of the slice begins and ends in a name without folder."""
    if pattern is None:
        numbers = list(re.finditer(r"\d+", os.path.splitext(name)[0]))
        return numbers[-1].span() if numbers else None
    found = re.search(pattern, name)
    return found.span(1) if found and found[1] and found[1].isdecimal() else None


def fault_of_pattern(pattern: str) -> str | None:
    """What is wrong with a pattern; None where nothing is."""
    try:
        groups = re.compile(pattern).groups
    except (re.error, OverflowError, RecursionError) as error:
        return f"is no regular expression ({error})"
    return None if groups == 1 else f"has {groups} groups in parentheses, not one"


def better_pattern(files: Sequence[str], consecutive: bool = True) -> str | None:
    """A pattern for another number than the last one that numbers all files; None where there is no such number.

    ``consecutive``: without gaps, as those of an image; else it is enough that they differ.
    """
    names = [os.path.splitext(os.path.basename(file))[0] for file in files]
    parts = [re.split(r"(\d+)", name) for name in names]
    if len(files) < 2 or len({len(part) for part in parts}) != 1:
        # Names with a varying count of numbers still begin alike: "Section 7", "Section 7 (2)".
        parts = [part[:3] for part in parts] if len(files) > 1 else []
        if not parts or min(map(len, parts)) < 3:
            return None
    for place in range(1, len(parts[0]), 2):
        numbers = sorted({int(part[place]) for part in parts})
        before = {part[place - 1] for part in parts}
        whole = len(numbers) == len(files) and (
            not consecutive or numbers[-1] - numbers[0] == len(numbers) - 1
        )
        if whole and len(before) == 1:
            pattern = ("^" if place == 1 else "") + re.escape(before.pop()).replace(r"\ ", " ") + r"(\d+)"
            if [slice_number(file, pattern) for file in files] == [int(part[place]) for part in parts]:
                return pattern
    return None


def changing_numbers(files: Sequence[str]) -> int:
    """How many of the numbers in the names differ from file to file, where all names are built alike; else 0."""
    parts = [re.split(r"(\d+)", os.path.splitext(os.path.basename(file))[0]) for file in files]
    if len({tuple(part[::2]) for part in parts}) != 1:
        return 0
    return sum(len({part[place] for part in parts}) > 1 for place in range(1, len(parts[0]), 2))


def odd_names(files: Sequence[str], pattern: str | None = None) -> tuple[str, list[str]] | None:
    """A usual name and the names that are built in another way, where names differ in more than their numbers.

    Upper and lower case and the suffix do not count. Numbers beside that of the slice count where nearly all names have
    the same ones: a stack may well come from several runs. None where nothing is odd. Names are without folder.
    """
    names = sorted(os.path.basename(file) for file in files)
    rests = {name: _rest(name, pattern) for name in names}
    built = Counter(re.sub(r"\d+", "0", rest) for rest in rests.values())
    if len(built) > 1:
        usual = built.most_common(1)[0][0]
        odd = [name for name, rest in rests.items() if re.sub(r"\d+", "0", rest) != usual]
    else:
        alike = Counter(rests.values())
        most, count = alike.most_common(1)[0]
        odd = [name for name, rest in rests.items() if rest != most] if count >= USUAL * len(names) else []
    return (next(name for name in names if name not in odd), odd) if odd else None


def _rest(name: str, pattern: str | None) -> str:
    """A name without the number of its slice and without suffix."""
    start, stop = _place(name, pattern) or (0, 0)
    stem = len(os.path.splitext(name)[0])
    return f"{name[:start]}?{name[stop : max(stem, stop)]}".lower()
