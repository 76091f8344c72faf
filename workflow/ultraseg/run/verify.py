"""Whether the results are what their jobs wrote: every slab is read, every file compared with its record."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ultraseg.base.checksums import FOLDER, checksum, read_records
from ultraseg.base.errors import UserError
from ultraseg.base.files import is_part, write_text
from ultraseg.grid.paths import RESULTS, metadata, shard_file
from ultraseg.grid.slabs import slab_count, slab_range
from ultraseg.jobs.layout import arrays_of
from ultraseg.plan.plan import Plan
from ultraseg.run.readable import read_through
from ultraseg.storage.arrays import describe, read_slice

INLINE = 20  # files that are named on the command line itself


Record = Mapping[str, Any]


class Slab(NamedTuple):
    """The slices start <= z < stop of an array, which lie in one file."""

    array: str
    start: int
    stop: int


@dataclass
class Verified:
    """What ``verify_results`` found.

    files, bytes: recorded; arrays: that are there; unmade: slabs that no job has made yet; wrong: file -> what is wrong
    with it; leftovers: files of jobs that were cut off.
    """

    files: int = 0
    bytes: int = 0
    arrays: int = 0
    unmade: int = 0
    wrong: dict[str, str] = field(default_factory=dict)
    leftovers: list[str] = field(default_factory=list)


def verify_results(plan: Plan, threads: int = 1) -> Verified:
    """Read all results of a plan in the working directory, some files at a time; nothing is changed."""
    found = Verified()
    recorded: dict[str, Record] = {}
    for record in read_records():
        if "damaged" in record:
            found.wrong[record["damaged"]] = "damaged record of checksums"
        elif _belongs(plan, record):
            recorded |= record["files"]
    slabs = dict(_slabs(plan, found))
    found.arrays = len({slab.array for slab in slabs.values()})
    unrecorded = [file for file in slabs if file not in recorded]
    for file in unrecorded:
        if Path(file).exists():
            found.wrong[file] = "no checksum recorded: the job that made it did not end"
        else:
            found.unmade += 1
    found.files = len(recorded)
    found.bytes = sum(about["bytes"] for about in recorded.values())
    with ThreadPoolExecutor(threads) as pool:
        results = pool.map(lambda item: _verify(item[0], item[1], slabs.get(item[0])), recorded.items())
        found.wrong |= {file: what for file, what in zip(recorded, results, strict=True) if what}
    found.leftovers = [str(f) for f in Path(RESULTS).rglob("*") if is_part(f.name)]
    return found


def _belongs(plan: Plan, record: Record) -> bool:
    """Whether a record is of a job of this plan; files of volumes and the like that the plan lacks are left alone."""
    wc, rule = record["wildcards"], record["rule"]
    if rule.startswith("phantom_"):
        return rule.removeprefix("phantom_") in plan.volumes
    for key, known in (
        ("volume", plan.volumes), ("network", plan.networks), ("structure", plan.structures)
    ):  # fmt: skip
        if key in wc and wc[key] not in known:
            return False
    if "gap" in wc:
        if not plan.has_cells(wc["volume"]):
            return False
        gaps = [*plan.gaps(wc["volume"]), *plan.left_out(wc["volume"]).values()]
        return wc["gap"] in {gap.name for gap in gaps}
    return "slab" not in wc or int(wc["slab"]) in plan.volumes[wc["volume"]].slabs


def _slabs(plan: Plan, found: Verified) -> Iterator[tuple[str, Slab]]:
    """Every slab file of those arrays of the plan that are there; what is wrong with an array is added to ``found``."""
    for v in plan.volumes.values():
        for path, spec in arrays_of(plan, v.name).items():
            if "shape" not in spec or not Path(metadata(path)).exists():
                continue
            try:
                shape, dtype, shard = describe(path)
            except UserError as error:
                found.wrong[metadata(path)] = error.problem.partition(": ")[2]
                continue
            wanted = (tuple(spec["shape"]), str(spec["dtype"]), tuple(spec["shard"]))
            if (shape, dtype, shard) != wanted:
                found.wrong[metadata(path)] = f"shape, type and slab {shape, dtype, shard}, not {wanted}"
                continue
            for number in range(slab_count(shape[0], shard[0])):
                slab = Slab(path, *slab_range(number, shape[0], shard[0]))
                yield shard_file(path, number, len(shape)), slab


def _verify(file: str, about: Record, slab: Slab | None) -> str | None:
    """What is wrong with a file, or None."""
    path = Path(file)
    if not path.exists():
        return "missing"
    if (size := path.stat().st_size) != about["bytes"]:
        return f"has {size} bytes, {about['bytes']} were written"
    try:
        if checksum(path) != about["crc32c"]:
            return "its content is not what was written (checksum)"
        if slab:
            for z in range(slab.start, slab.stop):
                read_slice(slab.array, z)
        else:
            read_through(path)
    except UserError as error:
        return error.problem.removeprefix(f"{file}: ")
    except Exception as error:  # readers raise errors of many kinds on damaged files
        return f"cannot be read ({type(error).__name__}: {error})"
    return None


def remake_command(command: str, wrong: Mapping[str, str], listing: str) -> str:
    """The command that makes the wrong files anew and all that follows from them; long lists go into ``listing``."""
    # A damaged record is no target, and does not tell its job: all jobs of its rule run again.
    prefix = f"{FOLDER}/"
    files = sorted({f.split("/")[2] if f.startswith(prefix) else f for f in wrong})
    if len(files) <= INLINE:
        return f"{command} --forcerun {shlex.join(files)}"
    write_text(listing, "\n".join(files) + "\n")
    return f"{command} --forcerun $(cat {shlex.quote(listing)})"


def damage(found: Verified, command: str) -> UserError:
    """The message about damaged files, with the command that makes them anew; command: what the user typed."""
    listed = "".join(f"\n  {file}: {what}" for file, what in sorted(found.wrong.items()))
    return UserError(
        f"{len(found.wrong)} file(s) are damaged, missing or in doubt:{listed}",
        f"make them anew, with all that follows from them:\n\n  "
        f"{remake_command(command, found.wrong, 'logs/verify_files.txt')}\n",
    )
