"""Records of finished jobs: size and checksum of every output file, in one small JSON file per job.

The records are not outputs of rules, so a record never makes a job run again. ``run.verify`` compares the files with
the records.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import google_crc32c

from ultraseg.base.files import AnyPath, write_text

# The same folder as grid.paths.CHECKSUMS, which this package may not import.
FOLDER = "results/checksums"


def checksum(file: AnyPath) -> str:
    """CRC-32C of a file's content, as hex: it finds the faults of disks and copies, at the speed of reading."""
    found = 0
    with open(file, "rb") as content:
        while block := content.read(2**20):
            found = google_crc32c.extend(found, block)
    return f"{found:08x}"


def record_file(rule: str, wildcards: Mapping[str, str], folder: str = FOLDER) -> Path:
    """The file of a job's record: <folder>/<rule>/<value of each wildcard>.json."""
    # Snakemake's wildcards have items() but no values().
    *folders, name = [str(value) for _, value in wildcards.items()] or ["job"]
    return Path(folder, rule, *folders, f"{name}.json")


def drop_record(rule: str, wildcards: Mapping[str, str], folder: str = FOLDER) -> None:
    """Remove the record of a job that starts: its files are in doubt until the job ends."""
    record_file(rule, wildcards, folder).unlink(missing_ok=True)


def write_record(rule: str, wildcards: Mapping[str, str], files: Iterable[str], folder: str = FOLDER) -> None:
    """Record size and checksum of the files that a job wrote.

    Files that are not there are left out: Snakemake itself complains of a missing output.
    """
    there = [str(f) for f in files if os.path.isfile(f)]
    found = {f: {"bytes": os.path.getsize(f), "crc32c": checksum(f)} for f in there}
    record = {"rule": rule, "wildcards": {k: str(v) for k, v in wildcards.items()}, "files": found}
    write_text(record_file(rule, wildcards, folder), json.dumps(record, indent=1))


def read_records(folder: str = FOLDER) -> Iterator[dict[str, Any]]:
    """All records of a folder: ``rule``, ``wildcards`` and ``files`` (name -> bytes, crc32c).

    In place of a damaged record comes its name, under ``damaged``.
    """
    for file in sorted(Path(folder).rglob("*.json")):
        if file.name.startswith("."):
            continue
        try:
            record = json.loads(file.read_text())
            yield {key: record[key] for key in ("rule", "wildcards", "files")}
        except (ValueError, KeyError, TypeError):
            yield {"damaged": str(file)}
