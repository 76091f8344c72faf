"""Whether the numbers of slices make a stack: gaps, duplicates, and labels before its first slice. Light to import."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

from ultraseg.base.errors import UserError
from ultraseg.base.text import format_numbers, format_ranges
from ultraseg.ingest.name_numbers import better_pattern, odd_names, slice_number

log = logging.getLogger(__name__)

SHOWN = 5  # names in a warning


def pattern_example(files: Sequence[str], consecutive: bool = True) -> str:
    """How to write a pattern for these files, where another number than the last one would number them all."""
    pattern = better_pattern(files, consecutive)
    return f": '{pattern}'" if pattern else ""


def check_gaps(path: str, numbered: list[tuple[int, str]], missing_slices: str) -> None:
    """Raise UserError for slices that are missing, unless ``missing_slices`` is "bridge" and most are there."""
    numbers = [number for number, _ in numbered]
    first, last = numbers[0], numbers[-1]
    count = last - first + 1 - len(numbers)
    if not count:
        return
    gaps = format_ranges(
        [(a + 1, b - 1) for a, b in zip(numbers[:-1], numbers[1:], strict=True) if b > a + 1]
    )
    other = pattern_example([file for _, file in numbered])
    by_last = f"by the last number in the names ({os.path.basename(numbered[0][1])})" if other else ""
    if missing_slices != "bridge" and other:
        raise UserError(
            f"{path}: {count} slice(s) missing between {first} and {last} {by_last}: {gaps}",
            f"If another number is that of the slice, say which: slice_number_pattern{other}. Else add the missing "
            "files.",
        )
    if missing_slices != "bridge":
        raise UserError(
            f"{path}: {count} slice(s) missing between {first} and {last}: {gaps}",
            "Add the missing files. Where a slice was lost for good, set missing_slices: bridge for this volume: "
            "its place stays, and results there are interpolated.",
        )
    if count > len(numbers):
        raise UserError(
            f"{path}: more slices are missing ({count}) than there are ({len(numbers)}): {gaps}",
            "A gap of this size is not bridged. Check that the slice number is the last one in every file name, or "
            f"say which number it is: slice_number_pattern{other}; a stack with a large hole is two volumes.",
        )
    if other:
        log.warning(
            "%s: %d slice(s) are missing %s; if another number is that of the slice, set slice_number_pattern%s",
            path, count, by_last, other,
        )  # fmt: skip


def point_out_odd_names(path: str, files: Sequence[str], pattern: str | None = None) -> None:
    """Warn of files whose names differ from the others in more than the number: they may be no slices at all."""
    found = odd_names(files, pattern)
    if found is None:
        return
    usual, odd = found
    named = [f"{name} (slice number {slice_number(name, pattern)})" for name in odd[:SHOWN]]
    more = f" and {len(odd) - SHOWN} more" if len(odd) > SHOWN else ""
    log.warning(
        "%s: %d of %d file names differ from the others, such as %s, in more than the slice number: %s%s; each of them "
        "is taken as a slice. Move files away that are none, or use a path with * that leaves them out",
        path, len(odd), len(files), usual, ", ".join(named), more,
    )  # fmt: skip


def check_duplicates(path: str, numbered: list[tuple[int, str]]) -> None:
    """Raise UserError where two files, or pages, have one number."""
    names: dict[int, list[str]] = {}
    for number, file in numbered:
        names.setdefault(number, []).append(os.path.basename(file))
    duplicates = {number: found for number, found in names.items() if len(found) > 1}
    if duplicates:
        number, found = next(iter(duplicates.items()))
        # The pages of one file have no names of their own.
        example = f" (number {number}: {', '.join(found[:3])})" if len(set(found)) > 1 else ""
        raise UserError(
            f"{path}: more than one file or page for slice number(s) {format_numbers(list(duplicates))}{example}",
            "Each slice may occur once, and its number must be the last one in the file name: move copies away, use a "
            "path with * that matches one set, or say which number is that of the slice: slice_number_pattern"
            f"{pattern_example([file for _, file in numbered], consecutive=False)}.",
        )


def check_label_numbers(path: str, numbered: list[tuple[int, str]], first_slice_number: int) -> None:
    """Raise UserError for labels with one number, and for numbers before that of the first slice of the image."""
    check_duplicates(path, numbered)
    early = [number for number, _ in numbered if number < first_slice_number]
    if early:
        raise UserError(
            f"{path}: slice number(s) {format_numbers(early)} lie before the first one, {first_slice_number}",
            "Set 'first_slice_number' to the number of the first image slice, or rename the label files.",
        )
