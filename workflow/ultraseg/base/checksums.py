"""Records of finished jobs: size and checksum of every output file, in one small JSON file per job.

The records are not outputs of rules, so a record never makes a job run again. ``run.verify`` compares all files with
the records, ``run.inputs`` the files that a job reads.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import google_crc32c

from ultraseg.base.files import AnyPath, remove_parts, write_text

PARTS = ("rule", "wildcards", "files")  # of a record
OWN = "crc32c"  # the record's checksum of itself; records of earlier versions have none


def checksum(file: AnyPath) -> str:
    """CRC-32C of a file's content, as hex: it finds the faults of disks and copies, at the speed of reading."""
    found = 0
    with open(file, "rb") as content:
        while block := content.read(2**20):
            found = google_crc32c.extend(found, block)
    return f"{found:08x}"


def difference(file: AnyPath, about: Mapping[str, Any]) -> str | None:
    """How a file differs from what its record says of it, in words; None for a file as its job wrote it."""
    path = Path(file)
    if not path.exists():
        return "missing"
    if (size := path.stat().st_size) != about["bytes"]:
        return f"has {size} bytes, {about['bytes']} were written"
    if checksum(path) != about["crc32c"]:
        return "its content is not what was written (checksum)"
    return None


def record_file(rule: str, wildcards: Mapping[str, str], folder: str) -> Path:
    """The file of a job's record: <folder>/<rule>/<value of each wildcard>.json."""
    # Snakemake's wildcards have items() but no values().
    *folders, name = [str(value) for _, value in wildcards.items()] or ["job"]
    return Path(folder, rule, *folders, f"{name}.json")


def drop_record(rule: str, wildcards: Mapping[str, str], folder: str) -> None:
    """Remove the record of a job that starts, as its files are in doubt until the job ends.

    Records that a killed try of the job left unfinished go as well.
    """
    file = record_file(rule, wildcards, folder)
    file.unlink(missing_ok=True)
    remove_parts(file)


def write_record(rule: str, wildcards: Mapping[str, str], files: Iterable[str], folder: str) -> None:
    """Record size and checksum of the files that a job wrote.

    Files that are not there are left out: Snakemake itself complains of a missing output.
    """
    there = [str(f) for f in files if os.path.isfile(f)]
    found = {f: {"bytes": os.path.getsize(f), "crc32c": checksum(f)} for f in there}
    record = {"rule": rule, "wildcards": {k: str(v) for k, v in wildcards.items()}, "files": found}
    write_text(record_file(rule, wildcards, folder), _text(record | {OWN: _own(record)}))


def read_record(file: AnyPath, folder: str) -> dict[str, Any] | None:
    """A record: ``rule``, ``wildcards`` and ``files`` (name -> bytes, crc32c); None for a damaged one.

    A record in a place that is not that of its job is damaged. Raises FileNotFoundError where there is no record.
    """
    try:
        content = Path(file).read_bytes().decode()
        record = json.loads(content)
        whole = {key: record[key] for key in PARTS}
        written = whole | {OWN: _own(whole)} if OWN in record else whole
        # No byte may differ from what ``write_record`` writes.
        if content != _text(written) or not _is_record(whole):
            return None
        return whole if Path(file) == record_file(whole["rule"], whole["wildcards"], folder) else None
    except FileNotFoundError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError):
        return None


def read_records(folder: str) -> Iterator[tuple[Path, dict[str, Any] | None]]:
    """The files of all records of a folder, each with its record, or with None where it is damaged."""
    for file in sorted(Path(folder).rglob("*.json")):
        if not file.name.startswith("."):
            yield file, read_record(file, folder)


def _text(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=1)


def _own(record: Mapping[str, Any]) -> str:
    return f"{google_crc32c.value(_text(record).encode()):08x}"


def _is_record(record: Mapping[str, Any]) -> bool:
    wildcards, files = record["wildcards"], record["files"]
    return (
        isinstance(record["rule"], str)
        and isinstance(wildcards, dict)
        and all(isinstance(value, str) for value in wildcards.values())
        and isinstance(files, dict)
        and all(
            set(about) == {"bytes", "crc32c"}
            and type(about["bytes"]) is int
            and re.fullmatch("[0-9a-f]{8}", about["crc32c"])
            for about in files.values()
        )
    )
