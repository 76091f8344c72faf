"""Records of what finished jobs wrote."""

import json

import pytest
from job_records import RecordsIn
from ultraseg.base import checksums
from ultraseg.base.checksums import checksum, difference, read_record

FOLDER = "sums"
WILDCARDS = {"volume": "a", "gap": "00000x-00004"}


RECORDS = RecordsIn(FOLDER)
write_record, drop_record, record_file = RECORDS.write, RECORDS.drop, RECORDS.file


def records():
    return [record for _, record in checksums.read_records(FOLDER)]


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
    propagate, report = records()
    assert propagate == {
        "rule": "propagate",
        "wildcards": WILDCARDS,
        "files": {"x": {"bytes": 4, "crc32c": checksum("x")}},
    }
    assert report["wildcards"] == {}
    drop_record("propagate", WILDCARDS)
    drop_record("propagate", WILDCARDS)
    assert [record["rule"] for record in records()] == ["report"]


def test_a_damaged_record_is_named_and_not_skipped():
    write_record("report", {}, [])
    file = record_file("report", {})
    for broken in ("{", json.dumps({"rule": "report"}), "[]"):
        file.write_text(broken)
        assert list(checksums.read_records(FOLDER)) == [(file, None)]


def test_jobs_have_records_of_their_own():
    files = {record_file(rule, wc) for rule in ("a", "b") for wc in ({}, {"v": "1"}, {"v": "1", "s": "2"})}
    assert len(files) == 6


def old_record(record):
    """A record as versions before its checksum of itself wrote it."""
    return json.dumps({key: record[key] for key in ("rule", "wildcards", "files")}, indent=1)


def test_a_record_without_a_checksum_of_itself_is_read(tmp_path):
    (tmp_path / "x").write_bytes(b"1234")
    write_record("propagate", WILDCARDS, ["x"])
    (record,) = records()
    record_file("propagate", WILDCARDS).write_text(old_record(record))
    assert records() == [record]


@pytest.mark.parametrize("old", [False, True])
def test_no_flipped_bit_of_a_record_is_missed(tmp_path, old):
    """Of old records flips in names and numbers give another record, which then says what is not so of its files."""
    (tmp_path / "x").write_bytes(b"1234")
    write_record("propagate", WILDCARDS, ["x"])
    file, (record,) = record_file("propagate", WILDCARDS), records()
    if old:
        file.write_text(old_record(record))
    content = file.read_bytes()
    for place in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            file.write_bytes(flipped)
            found = read_record(file, FOLDER)
            if old and found is not None:
                assert (found["rule"], list(found["wildcards"].values())) == (
                    "propagate", list(WILDCARDS.values())
                )  # fmt: skip
                assert found["wildcards"] != WILDCARDS or any(
                    difference(name, about) for name, about in found["files"].items()
                )
            else:
                assert found is None, flipped


@pytest.mark.parametrize("cut", [0, 1, 50])
def test_a_record_that_is_cut_off_or_lies_elsewhere_is_damaged(tmp_path, cut):
    (tmp_path / "x").write_bytes(b"1234")
    write_record("propagate", WILDCARDS, ["x"])
    file = record_file("propagate", WILDCARDS)
    content = file.read_bytes()
    other = record_file("propagate", WILDCARDS | {"gap": "00004-00008"})
    other.write_bytes(content)
    assert read_record(other, FOLDER) is None and read_record(file, FOLDER) is not None
    file.write_bytes(content[:cut])
    assert read_record(file, FOLDER) is None
    with pytest.raises(FileNotFoundError):
        read_record(record_file("report", {}), FOLDER)


def test_what_a_killed_job_left_of_a_record_goes_with_the_record():
    write_record("propagate", WILDCARDS, [])
    file = record_file("propagate", WILDCARDS)
    left = [file.with_name(f".part-01234567-{name}") for name in (file.name, "00004-00008.json")]
    for part in left:
        part.touch()
    drop_record("propagate", WILDCARDS)
    assert [part.exists() for part in left] == [False, True] and not file.exists()


def test_files_are_compared_with_what_was_recorded(tmp_path):
    (tmp_path / "x").write_bytes(b"1234")
    about = {"bytes": 4, "crc32c": checksum("x")}
    assert difference("x", about) is None
    (tmp_path / "x").write_bytes(b"1235")
    assert "checksum" in difference("x", about)
    (tmp_path / "x").write_bytes(b"123")
    assert difference("x", about) == "has 3 bytes, 4 were written"
    assert difference("y", about) == "missing"
