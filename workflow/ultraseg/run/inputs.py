"""What is looked at before a job reads its files: their dates, and whether they are what other jobs wrote."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ultraseg.base.checksums import difference, drop_record, read_record, record_file
from ultraseg.base.errors import Problems, UserError
from ultraseg.grid.paths import CHECKSUMS, REPORT, RUN_PAGE, NetworkFiles, VolumeFiles, metadata, shard_file
from ultraseg.jobs.measure import TABLES
from ultraseg.jobs.report import OF_ALL, OF_CELLS

V, N = VolumeFiles.of("{volume}"), NetworkFiles("{network}")
FIGURES = (
    *("raw.jpg", "overlay.jpg", "rendering.png", "volumes.png"),
    *("links.png", "labelled_slices.png", "metrics.png", "distance.png"),
)
# The outputs of every rule, in the words of the rule files; a test compares them with Snakemake's own list. Pyramid
# levels are no wildcards of rules.
MADE: dict[str, list[str]] = {
    "image_layout": [metadata(V.image_level("{level}"))],
    "image_group": [metadata(V.image)],
    "label_groups_{volume}": [metadata(V.label_images), metadata(V.labels("{structure}"))],
    "structure_layout": [metadata(V.labels_level("{structure}", "{level}"))],
    "network_layout": [metadata(V.probability("{network}"))],
    "cell_layout": [metadata(V.flow), metadata(V.pieces)],
    "cut_layout": [metadata(V.cuts)],
    "window": [V.window],
    "ingest": [shard_file(V.image_level("{level}"), "{slab}")],
    "quality_slab": [V.quality("{slab}")],
    "quality": [V.table("slices", "csv"), V.table("slices"), V.figure("slices.png")],
    "labels": [V.checked_labels("{structure}"), V.coverage("{structure}")],
    "labels_corrected": [V.checked_labels("{structure}", True), V.coverage("{structure}", True)],
    "labels_planes": [V.checked_planes("{structure}", "{plane}")],
    "labels_fit": [V.label_fit("{structure}")],
    "tiles": [N.tiles],
    "train": [N.model(), N.model("tflite"), N.history, N.card],
    "adopt": [N.model(), N.model("tflite"), N.card],
    "quantise": [N.model("int8.tflite"), N.proof],
    "augmentation": [N.figure("augmentation")],
    "predict": [shard_file(V.probability("{network}"), "{slab}", 4), V.device("{network}", "{slab}")],
    "maps_card": [N.card],
    "take_maps": [shard_file(V.probability("{network}"), "{slab}", 4)],
    "take_cuts": [shard_file(V.cuts, "{brick}", 4)],
    "cuts": [shard_file(V.cuts, "{brick}", 4)],
    "objects_label": [V.slab_objects("{structure}", "{slab}")],
    "objects_merge": [V.objects("{structure}")],
    "objects": [shard_file(V.labels_level("{structure}", "{level}"), "{slab}")],
    "take_objects": [shard_file(V.labels_level("{structure}", "{level}"), "{slab}")],
    "flow": [shard_file(V.flow, "{slab}", 4)],
    "propagate": [V.propagated("{gap}")],
    "try_method": [V.tried("{method}", "{gap}")],
    "choose_method": [V.method],
    "propagate_ends": [V.carried("{gap}", "{direction}")],
    "cells": [shard_file(V.pieces, "{slab}"), V.piece_table("{slab}")],
    "take_cells": [shard_file(V.pieces, "{slab}"), V.piece_table("{slab}")],
    "link_edges": [V.edges("{slab}")],
    "link": [
        *(V.link(name) for name in ("nodes", "protrusions", "ids")),
        *(V.table(name, kind) for name in ("links", "meetings") for kind in ("parquet", "csv")),
    ],
    "link_relabel": [shard_file(V.labels_level("{structure}", "{level}"), "{slab}")],
    "label_next": [V.table("label_next", "csv"), V.table("label_next"), V.figure("label_next.png")],
    "measure_slab": [V.measures("{slab}", kind) for kind in ("labels", "contacts", "joint")],
    "measure": [V.table(name, kind) for name in TABLES for kind in ("csv", "parquet")],
    "evaluate": [V.metrics, V.summary],
    "figures": [V.figure(name) for name in FIGURES],
    "figure_cell": [V.figure("cell.png")],
    "figure_links": [V.figure("link_examples.jpg"), V.figure("link_examples_3d.png")],
    "learning_curves": [N.figure("learning_curves")],
    "report_tables": [V.page(table) for table in (*OF_ALL, *OF_CELLS, "accuracy")],
    "report_run": [RUN_PAGE],
    "report": [REPORT],
}
VALUES = {
    "slab": r"\d+",
    "brick": r"\d+",
    "level": r"\d+",
    "gap": r"\d+x?-\d+x?",
    "direction": "up|down",
    "method": "flow|volume",
    "plane": "xz|yz",
}
NAME = r"[A-Za-z0-9_-]+"  # of a volume, a structure or a network
SLAB = re.compile(r"/c/\d+(/0)+$")
PARTLY_READ = (".h5", ".parquet")  # chunks and pages of these carry checksums, which every read compares
LARGE = 100_000_000  # bytes; from there on files that many jobs read in part are not read as a whole
AGAIN_AFTER = 5  # seconds
NAMED_FOLDERS = 5
CLOCKS_DIFFER = 600.0  # seconds at most, between the computers and the disks of one network


class Maker(NamedTuple):
    """A job that may have made a file."""

    rule: str
    wildcards: dict[str, str]

    @property
    def record(self) -> Path:
        """The file of the job's record."""
        return record_file(self.rule, self.wildcards, CHECKSUMS)


def makers(file: str) -> Iterator[Maker]:
    """The jobs that may have made a file; none for the user's own files."""
    for rule, pattern in _patterns():
        if found := pattern.fullmatch(file):
            wildcards = {key: value for key, value in found.groupdict().items() if key != "level"}
            name = rule.format(**wildcards)
            # A rule that is named after a volume has no wildcards.
            yield Maker(name, wildcards if name == rule else {})


def outputs_of(record: str) -> list[str]:
    """The files that the job of a record makes, at pyramid level 0; ``record``: the record's file. Empty if unknown."""
    rule, *values = Path(record).relative_to(CHECKSUMS).with_suffix("").parts
    names = list(dict.fromkeys(re.findall(r"\{(\w+)\}", " ".join(MADE.get(rule, [])))))
    names = [name for name in names if name != "level"]
    if not names or len(names) != len(values):
        return []
    wildcards = dict(zip(names, values, strict=True)) | {"level": "0"}
    return [pattern.format(**wildcards) for pattern in MADE[rule]]


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    def pattern(text: str) -> re.Pattern[str]:
        parts = re.split(r"\{(\w+)\}", text)
        found = ""
        for i, part in enumerate(parts):
            known = f"(?P<{part}>" in found
            value = f"(?P={part})" if known else f"(?P<{part}>{VALUES.get(part, NAME)})"
            found += value if i % 2 else re.escape(part)
        return re.compile(found)

    return [(rule, pattern(text)) for rule, texts in MADE.items() for text in texts]


def is_slab(file: str) -> bool:
    """Whether a file is a slab of an array, whose chunks carry checksums."""
    return SLAB.search(file) is not None


def compare_inputs(files: Iterable[str]) -> int:
    """Compare the files that a job reads with what their jobs recorded; returns the number of bytes compared.

    Not compared are slabs, and files of tables and label slices beyond ``LARGE``, as they carry checksums themselves,
    and files without a record, such as the user's own. Raises UserError that names the files, their jobs and the cure.
    """
    problems, compared, records = Problems(), 0, _Records()
    for file in sorted({str(file) for file in files}):
        if is_slab(file) or not Path(file).is_file():
            continue
        size = Path(file).stat().st_size
        if size > LARGE and file.endswith(PARTLY_READ) and f"/{Path(V.work).name}/" in file:
            continue
        with problems.caught():
            compared += size * _compare(file, records)
    problems.raise_all()
    return compared


class _Records:
    """The records of jobs, each of which is read once."""

    def __init__(self) -> None:
        self._known: dict[Path, dict[str, Any] | None] = {}

    def of(self, maker: Maker) -> dict[str, Any] | None:
        """The record of a job; None for a damaged one. Raises FileNotFoundError where there is none."""
        if maker.record not in self._known:
            self._known[maker.record] = read_record(maker.record, CHECKSUMS)
        return self._known[maker.record]


def _compare(file: str, records: _Records) -> bool:
    """Whether a file has a record; raises UserError where no record of the file says what the file holds."""
    found = _wrong(file, records)
    if found and all(found.values()):
        # On the disks of a cluster, another computer may see a new file some seconds before its new record.
        time.sleep(AGAIN_AFTER)
        found = _wrong(file, _Records())
    if found and all(found.values()):
        maker, what = next(iter(found.items()))
        raise UserError(
            f"{file}: this file is not what its job wrote ({what})",
            f"Delete {file} and run snakemake again: {maker} makes it anew.",
        )
    return bool(found)


def _wrong(file: str, records: _Records) -> dict[str, str | None]:
    """What is wrong with a file by the record of each job that may have made it; None for nothing."""
    found: dict[str, str | None] = {}
    for maker in makers(file):
        try:
            record = records.of(maker)
        except FileNotFoundError:
            continue
        if record is None:
            found[maker.rule] = f"the record of its checksum, {maker.record}, is damaged"
        elif file in record["files"]:
            found[maker.rule] = difference(file, record["files"][file])
    return found


def drop_other_records(files: Iterable[str], rule: str) -> None:
    """Remove the records of other rules that made the same files, before the configuration was changed."""
    for file in files:
        for maker in makers(str(file)):
            if maker.rule != rule:
                drop_record(maker.rule, maker.wildcards, CHECKSUMS)


# ---- dates
def check_dates(files: Iterable[str], now: float | None = None) -> None:
    """Raise UserError for files that are dated in the future, by more than clocks of one network differ.

    Snakemake would delete what a job made of such a file: it seems older than the file. now: seconds, by default those
    of this computer's clock.
    """
    now = time.time() if now is None else now
    late = {one: date for one in sorted(set(files)) if (date := _date(one)) > now + CLOCKS_DIFFER}
    if not late:
        return
    file, *others = late
    rest = f", and {len(others)} more files" if others else ""
    folders = sorted({os.path.dirname(one) or "." for one in late})
    depth = "-maxdepth 1 "
    if len(folders) > NAMED_FOLDERS:
        folders, depth = [os.path.commonpath([*late]) or "."], ""
    many = f"find {shlex.join(folders)} {depth}-newermt now -exec touch -h {{}} +"
    raise UserError(
        f"{file}{rest}: dated in the future ({_told(late[file])}, and now it is {_told(now)})",
        "Snakemake compares the dates of files. Correct the clock of this computer if it is wrong; else give the "
        f"files the date of now: {many if others else f'touch -h {shlex.quote(file)}'}",
    )


def wait_for_dates(files: Iterable[str], outputs: Iterable[str]) -> float:
    """Wait until what a job wrote is no older than what it read; returns the seconds.

    They are few: ``check_dates`` refuses files from further in the future.
    """
    now = max([time.time(), *(_date(str(file)) for file in outputs)])
    ahead = min(max([0.0, *(_date(str(file)) - now for file in files)]), CLOCKS_DIFFER)
    if ahead:
        time.sleep(ahead)
    return ahead


def _date(file: str) -> float:
    """When a file was changed last, in seconds, as Snakemake sees it: of a link itself; 0 for no file."""
    try:
        return os.lstat(file).st_mtime
    except OSError:
        return 0.0


def _told(date: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(date))
