"""Tables for people, written without pandas: to import it takes longer than the work of many jobs."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ultraseg.base.files import AnyPath, whole_file

DIGITS = 6  # that count in the figures of a table for people


def write_csv(path: AnyPath, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write a table of plain values as ``files.write_table`` writes one of pandas, byte for byte.

    columns: name -> values, all of equal length; a column holds whole numbers, floats or texts. NaN is an empty field.
    """
    with whole_file(path) as part, open(part, "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerows(
            zip(*([_field(value) for value in column] for column in columns.values()), strict=True)
        )


def six_digits(value: float) -> float:
    """A number with ``DIGITS`` digits that count; all digits before the point stay: 1234567.8 becomes 1234568."""
    # The nearest decimal number of so many digits is written with these digits.
    return float(f"{value:.{DIGITS}g}") if not abs(value) >= 10**DIGITS else float(f"{value:.0f}")


def _field(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return "" if math.isnan(value) else six_digits(value)
