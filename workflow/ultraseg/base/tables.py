"""Tables without rows, and figures of tables as people read them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

DIGITS = 6  # that count in the figures of a table for people


def empty_table(types: Mapping[str, str]) -> pd.DataFrame:
    """A table without rows that has the columns and the types of a table with rows; types: column -> type."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its floats rounded to ``DIGITS`` digits that count; whole numbers, texts and ids stay as they are.

    All digits before the point stay: 1234567.8 becomes 1234568.
    """
    floats = table.select_dtypes(include="floating")
    return table.assign(**{name: _rounded(column) for name, column in floats.items()})


def _rounded(column: pd.Series) -> pd.Series:
    values = column.to_numpy(np.float64, na_value=np.nan).tolist()
    # The nearest decimal number of so many digits is written with these digits.
    found = [
        float(f"{value:.{DIGITS}g}") if not abs(value) >= 10**DIGITS else float(f"{value:.0f}")
        for value in values
    ]
    return pd.Series(found, index=column.index, dtype=np.float64)
