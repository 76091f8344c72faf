"""The ids that cells may have, from label file to table: one range for all of them."""

from __future__ import annotations

from typing import Any

from ultraseg.base.errors import UserError

LARGEST_ID = 2**31 - 1  # two ids are counted as one number of 62 bits

NUMBER_BITS = 32  # of the number of a cell within a gap


def number_in_volume(number: Any, gap: int) -> Any:
    """One number for a cell that is number 1, 2, .. within the gap that begins at slice ``gap``; 0 stays 0.

    number: an integer or an array of int64.
    """
    return number + (number > 0) * ((gap + 1) << NUMBER_BITS)


def gap_of_number(number: Any) -> Any:
    """The first slice of the gap of what `number_in_volume` returns; -1 for 0."""
    return (number >> NUMBER_BITS) - 1


def check_id(number: int, where: str) -> None:
    """Raise UserError for an id beyond the range; ``where``: the file and what in it has the id."""
    if number > LARGEST_ID:
        raise UserError(
            f"{where} has id {number}, which is too large",
            f"Use ids from 1 to {LARGEST_ID}. Where they are so large because a background of -1 was saved without "
            "sign, name it as background.",
        )


def check_new_ids(largest: int) -> None:
    """Raise UserError where new cells got ids beyond the range, which come after the largest id that was given."""
    if largest > LARGEST_ID:
        raise UserError(
            f"new cells get ids up to {largest}, beyond {LARGEST_ID}",
            "New cells are numbered from the largest id of the labels and the edits on: give these smaller numbers.",
        )
