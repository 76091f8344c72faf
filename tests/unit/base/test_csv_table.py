"""A table that is written without pandas is that of pandas, byte for byte."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ultraseg.base.csv_table import six_digits, write_csv
from ultraseg.base.files import write_table

WORDS = st.text(st.sampled_from("abü\"',; \n0.5"), max_size=6)
COLUMNS = st.tuples(
    st.lists(st.tuples(st.integers(-(2**62), 2**62), st.floats(width=64), WORDS), max_size=5),
    st.just(("number", 'share, "known"', "word")),
)


@given(COLUMNS)
def test_the_file_is_the_one_that_pandas_writes(tmp_path_factory, given):
    rows, names = given
    folder = tmp_path_factory.getbasetemp()
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    write_csv(folder / "a.csv", columns)
    kinds = dict(zip(names, ("int64", "float64", "str"), strict=True))
    write_table(folder / "b.csv", pd.DataFrame(columns).astype(kinds))
    assert (folder / "a.csv").read_bytes() == (folder / "b.csv").read_bytes()


def test_columns_of_different_length_are_no_table(tmp_path):
    with pytest.raises(ValueError):
        write_csv(tmp_path / "a.csv", {"a": [1, 2], "b": [1]})
    assert not list(tmp_path.iterdir())


def test_six_digits_count():
    assert [six_digits(v) for v in (1 / 3, 123.45678, 1234567.8)] == [0.333333, 123.457, 1234568.0]
    assert math.isnan(six_digits(math.nan))
