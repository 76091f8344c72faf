"""What every finished job recorded of its output files: size and checksum, one small JSON file per job.

The records are no outputs of rules, so they never make anything run again. ``verify`` compares the files with them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ultraseg.files import write_text

FOLDER = "results/checksums"


def checksum(file: str | os.PathLike) -> str:
    """BLAKE2b of a file's content, 128 bits, as hex."""
    with open(file, "rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


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
    found = {f: {"bytes": os.path.getsize(f), "blake2b": checksum(f)} for f in there}
    record = {"rule": rule, "wildcards": {k: str(v) for k, v in wildcards.items()}, "files": found}
    write_text(record_file(rule, wildcards, folder), json.dumps(record, indent=1))


def read_records(folder: str = FOLDER) -> Iterator[dict]:
    """All records: ``rule``, ``wildcards``, ``files`` (name -> bytes, blake2b). A damaged record has ``damaged``."""
    for file in sorted(Path(folder).rglob("*.json")):
        if file.name.startswith("."):
            continue
        try:
            record = json.loads(file.read_text())
            yield {key: record[key] for key in ("rule", "wildcards", "files")}
        except (ValueError, KeyError, TypeError):
            yield {"damaged": str(file)}
