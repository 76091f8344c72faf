"""A table without rows has the types of one with rows; figures for people have six digits."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from ultraseg.base.tables import empty_table, rounded

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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.26986086400000003, "0.269861"),
        (-0.26986086400000003, "-0.269861"),
        (1 / 3e7, "3.33333e-08"),
        (2 / 3 * 1e-300, "6.66667e-301"),
        (123.4567891, "123.457"),
        (999999.5, "1000000.0"),  # rounded to whole numbers at most
        (1234567.8, "1234568.0"),
        (2.0**40 + 0.5, "1099511627776.0"),
        (3.0, "3.0"),
        (0.0, "0.0"),
        (0.1 + 0.2, "0.3"),
        (math.nan, '""'),
        (math.inf, "inf"),
    ],
)
def test_figures_have_six_digits_that_count(value, text):
    for kind in ("float64", "Float64"):
        table = rounded(pd.DataFrame({"x": pd.Series([value], dtype=kind)}))
        assert table.to_csv(index=False).splitlines() == ["x", text]


def test_ids_counts_words_and_the_given_table_stay_as_they_are():
    table = pd.DataFrame({
        "id": np.array([2**62 + 1, 7], np.int64), "big": np.array([2**64 - 1, 1], np.uint64),
        "name": ["0.26986086400000003", "b"], "cut": [True, False],
        "share": np.array([0.1, 2 / 3], np.float32), "gap": [1.0, None],
    }, index=[5, 9])  # fmt: skip
    before = table.copy(deep=True)
    found = rounded(table)
    pd.testing.assert_frame_equal(table, before)
    for name in ("id", "big", "name", "cut", "gap"):
        pd.testing.assert_series_equal(found[name], table[name])
    assert found["share"].tolist() == [0.1, 0.666667] and list(found) == list(table)
    text = io.StringIO(found.to_csv(index=False))
    assert pd.read_csv(text)["share"].tolist() == [0.1, 0.666667]
    pd.testing.assert_frame_equal(rounded(table.iloc[:0]), table.iloc[:0].astype({"share": "float64"}))
