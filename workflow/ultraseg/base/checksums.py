"""What every finished job recorded of its output files: size and checksum, one small JSON file per job.

The records are no outputs of rules, so they never make anything run again. ``verify`` compares the files with them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import google_crc32c

from ultraseg.base.files import write_text

FOLDER = "results/checksums"


def checksum(file: str | os.PathLike) -> str:
    """CRC-32C of a file's content, as hex: it finds what disks and copies do wrong, at the speed of reading."""
    found = 0
    with open(file, "rb") as content:
        while block := content.read(2**20):
            found = google_crc32c.extend(found, block)
    return f"{found:08x}"


def record_file(rule: str, wildcards: Mapping[str, str], folder: str = FOLDER) -> Path:
    """Where the record of a job lies: <folder>/<rule>/<value of each wildcard>.json."""
    # Snakemake's wildcards have items() but no values().
    *folders, name = [str(value) for _, value in wildcards.items()] or ["job"]
    return Path(folder, rule, *folders, f"{name}.json")


def drop_record(rule: str, wildcards: Mapping[str, str], folder: str = FOLDER) -> None:
    """Forget the record of a job that starts: until it ends, its files are in doubt."""
    record_file(rule, wildcards, folder).unlink(missing_ok=True)


def write_record(rule: str, wildcards: Mapping[str, str], files: Iterable[str], folder: str = FOLDER) -> None:
    """Record size and checksum of the files that a job wrote; Snakemake itself complains of one that is not there."""
    there = [str(f) for f in files if os.path.isfile(f)]
    found = {f: {"bytes": os.path.getsize(f), "crc32c": checksum(f)} for f in there}
    record = {"rule": rule, "wildcards": {k: str(v) for k, v in wildcards.items()}, "files": found}
    write_text(record_file(rule, wildcards, folder), json.dumps(record, indent=1))


def read_records(folder: str = FOLDER) -> Iterator[dict]:
    """All records: ``rule``, ``wildcards``, ``files`` (name -> bytes, crc32c). A damaged record has ``damaged``."""
    for file in sorted(Path(folder).rglob("*.json")):
        if file.name.startswith("."):
            continue
        try:
            record = json.loads(file.read_text())
            yield {key: record[key] for key in ("rule", "wildcards", "files")}
        except (ValueError, KeyError, TypeError):
            yield {"damaged": str(file)}
