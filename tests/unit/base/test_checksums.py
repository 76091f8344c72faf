"""Records of what finished jobs wrote."""

import json

import pytest
from ultraseg.base.checksums import checksum, drop_record, read_records, record_file, write_record

WILDCARDS = {"volume": "a", "gap": "00000x-00004"}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_checksum_is_crc32c_of_the_content(tmp_path):
    (tmp_path / "x").write_bytes(b"123456789")
    assert checksum("x") == "e3069283"  # the check value that RFC 3720 and others give for CRC-32C


def test_checksum_of_a_large_file_sees_every_byte(tmp_path):
    content = bytearray(b"abc" * 1_000_000)
    (tmp_path / "x").write_bytes(content)
    first = checksum("x")
    content[-1] ^= 1
    (tmp_path / "x").write_bytes(content)
    assert checksum("x") != first


def test_records_come_back_and_go(tmp_path):
    (tmp_path / "x").write_bytes(b"1234")
    write_record("propagate", WILDCARDS, ["x", "not there"])
    write_record("report", {}, ["x"])
    propagate, report = read_records()
    assert propagate == {
        "rule": "propagate",
        "wildcards": WILDCARDS,
        "files": {"x": {"bytes": 4, "crc32c": checksum("x")}},
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
