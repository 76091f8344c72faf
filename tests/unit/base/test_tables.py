"""A table without rows has the types of one with rows."""

import pandas as pd
from ultraseg.base.tables import empty_table

TYPES = {"structure": "str", "id": "int64", "share": "float64", "given": "bool"}


def test_an_empty_table_has_the_columns_and_types_asked_for():
    table = empty_table(TYPES)
    assert len(table) == 0
    assert list(table) == list(TYPES)
    assert table.dtypes.to_dict() == pd.DataFrame({}, columns=list(TYPES)).astype(TYPES).dtypes.to_dict()


def test_rows_added_to_an_empty_table_keep_their_types():
    rows = pd.DataFrame({"structure": ["cells"], "id": [3], "share": [0.5], "given": [True]})
    added = pd.concat([empty_table(TYPES), rows], ignore_index=True)
    pd.testing.assert_frame_equal(added, rows)
