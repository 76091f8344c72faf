import numpy as np
import pytest
from ultraseg.sweep import columns as module
from ultraseg.sweep.columns import Columns, Spool


@pytest.fixture
def columns(tmp_path):
    columns = Columns(tmp_path / "columns")
    columns.add("id", "int64")
    columns.append("id", np.arange(5))
    columns.append("id", np.arange(5, 10, dtype=np.uint8))
    columns.add("sure", "bool", 10)
    return columns


def test_rows_are_read_and_replaced(columns):
    columns.write("sure", 2, np.ones(3))
    columns.put("id", np.array([9, 0]), [90, 1])
    columns.increase("id", np.array([1, 9]), np.array([10, 1]))
    assert columns.read("sure", 1, 6).tolist() == [False, True, True, True, False]
    assert columns.read("id", 0, 10).tolist() == [1, 11, 2, 3, 4, 5, 6, 7, 8, 91]
    assert columns.at("id", np.array([9, 3, 3])).tolist() == [91, 3, 3]
    assert columns.at("id", np.zeros(0, int)).dtype == np.int64 and not len(columns.read("id", 4, 4))


def test_no_row_is_made_up(columns):
    with pytest.raises(EOFError, match=r"id\.column: 2 of 4 rows from row 8"):
        columns.read("id", 8, 12)
    with pytest.raises(EOFError, match="no rows beyond 10"):
        columns.write("sure", 8, np.ones(3))
    with pytest.raises(KeyError):
        columns.read("other", 0, 1)


def test_columns_of_its_own_hide_those_below(columns, tmp_path):
    above = Columns(tmp_path / "above", columns)
    above.add("sure", "bool", 10)
    above.write("sure", 0, np.ones(10))
    assert above.read("sure", 0, 10).all() and not columns.read("sure", 0, 10).any()
    assert above.names() == ["id", "sure"] and "id" in above and "other" not in above
    assert above.read("id", 3, 4).tolist() == [3] and above.count("id") == 10


def test_chunks_cover_all_rows(columns, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 4)
    assert list(columns.chunks(10)) == [(0, 4), (4, 8), (8, 10)] and list(columns.chunks(0)) == []


def test_a_spool_gives_each_heap_in_the_order_of_putting(tmp_path):
    spool = Spool(tmp_path / "spool", "int64")
    spool.add(np.array([7, 2, 7]), np.array([1, 2, 3]))
    spool.add(np.zeros(0, int), np.zeros(0, int))
    spool.add(np.array([2, 7]), np.array([4, 5]))
    assert spool.numbers() == [2, 7]
    assert spool.heap(7).tolist() == [1, 3, 5] and spool.heap(2).tolist() == [2, 4]
    assert spool.numbers() == [] and not len(spool.heap(7))
