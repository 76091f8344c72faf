"""Records of what finished jobs wrote."""

import hashlib
import json

import pytest
from ultraseg.checksums import checksum, drop_record, read_records, record_file, write_record

WILDCARDS = {"volume": "a", "gap": "00000x-00004"}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_checksum_is_blake2b_of_the_content(tmp_path):
    (tmp_path / "x").write_bytes(b"abc" * 1_000_000)
    assert checksum("x") == hashlib.blake2b(b"abc" * 1_000_000, digest_size=16).hexdigest()


def test_records_come_back_and_go(tmp_path):
    (tmp_path / "x").write_bytes(b"1234")
    write_record("propagate", WILDCARDS, ["x", "not there"])
    write_record("report", {}, ["x"])
    propagate, report = read_records()
    assert propagate == {
        "rule": "propagate",
        "wildcards": WILDCARDS,
        "files": {"x": {"bytes": 4, "blake2b": checksum("x")}},
    }
    assert report["wildcards"] == {}
    drop_record("propagate", WILDCARDS)
    drop_record("propagate", WILDCARDS)
    assert [record["rule"] for record in read_records()] == ["report"]


def test_a_damaged_record_is_named_and_not_skipped():
    write_record("report", {}, [])
    file = record_file("report", {})
    for broken in ("{", json.dumps({"rule": "report"}), "[]"):
        file.write_text(broken)
        assert list(read_records()) == [{"damaged": str(file)}]


def test_jobs_have_records_of_their_own():
    files = {record_file(rule, wc) for rule in ("a", "b") for wc in ({}, {"v": "1"}, {"v": "1", "s": "2"})}
    assert len(files) == 6
