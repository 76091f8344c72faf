"""Tables without rows."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd


def empty_table(types: Mapping[str, str]) -> pd.DataFrame:
    """A table without rows that has the columns and the types of a table with rows; types: column -> type."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})
