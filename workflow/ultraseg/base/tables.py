"""Tables without rows, and figures of tables as people read them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ultraseg.base.csv_table import six_digits


def empty_table(types: Mapping[str, str]) -> pd.DataFrame:
    """A table without rows that has the columns and the types of a table with rows; types: column -> type."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its floats rounded (``csv_table.six_digits``); whole numbers, texts and ids stay as they are."""
    floats = table.select_dtypes(include="floating")
    return table.assign(**{name: _rounded(column) for name, column in floats.items()})


def _rounded(column: pd.Series) -> pd.Series:
    values = column.to_numpy(np.float64, na_value=np.nan).tolist()
    return pd.Series([six_digits(value) for value in values], index=column.index, dtype=np.float64)
