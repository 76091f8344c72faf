"""Whether the results are what their jobs wrote: every slab is read, every file compared with its record."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ultraseg.base.checksums import difference, read_records
from ultraseg.base.errors import UserError
from ultraseg.base.files import is_part, write_text
from ultraseg.grid.paths import CHECKSUMS, METADATA, RESULTS, metadata, shard_file
from ultraseg.grid.slabs import slab_count, slab_range
from ultraseg.jobs.layout import arrays_of
from ultraseg.jobs.spec import Wildcards
from ultraseg.plan.plan import Plan
from ultraseg.run.inputs import is_slab, outputs_of
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
    for file, record in read_records(CHECKSUMS):
        if record is None or not _is_known(record):
            found.wrong[str(file)] = "damaged record of checksums"
        elif _belongs(plan, record):
            recorded |= record["files"]
    # First of all the files that say what the arrays are: nothing is opened before it is compared.
    described = {file: about for file, about in recorded.items() if file.endswith(METADATA)}
    found.wrong |= {file: what for file, about in described.items() if (what := _compared(file, about))}
    slabs = dict(_slabs(plan, found))
    found.arrays = len({slab.array for slab in slabs.values()})
    unrecorded = [file for file in slabs if file not in recorded]
    for name in unrecorded:
        if Path(name).exists():
            found.wrong[name] = "no checksum recorded: the job that made it did not end"
        else:
            found.unmade += 1
    found.files = len(recorded)
    found.bytes = sum(about["bytes"] for about in recorded.values())
    with ThreadPoolExecutor(threads) as pool:
        results = pool.map(lambda item: _verify(item[0], item[1], slabs.get(item[0])), recorded.items())
        found.wrong |= {
            file: what
            for file, what in zip(recorded, results, strict=True)
            if what and file not in found.wrong
        }
    found.leftovers = [str(f) for f in Path(RESULTS).rglob("*") if is_part(f.name)]
    return found


def _is_known(record: Record) -> bool:
    """Whether a record is of a job that there may be: with wildcards of rules, and slabs and gaps of a volume."""
    wildcards = record["wildcards"]
    known = set(wildcards) <= set(Wildcards._fields) and wildcards.get("slab", "0").isdecimal()
    return known and ("volume" in wildcards or not {"slab", "gap"} & set(wildcards))


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
    """Every slab file of those arrays of the plan that are there; what is wrong with an array is added to ``found``.

    Slabs of an array whose zarr.json is wrong are left out: they are compared, and not decoded.
    """
    for v in plan.volumes.values():
        for path, spec in arrays_of(plan, v.name).items():
            file = metadata(path)
            if "shape" not in spec or not Path(file).exists() or file in found.wrong:
                continue
            try:
                shape, dtype, shard = describe(path)
            except UserError as error:
                found.wrong[file] = error.problem.partition(": ")[2]
                continue
            except Exception as error:  # Zarr raises errors of many kinds on damaged files
                found.wrong[file] = _unreadable(error)
                continue
            wanted = (tuple(spec["shape"]), str(spec["dtype"]), tuple(spec["shard"]))
            if (shape, dtype, shard) != wanted:
                found.wrong[file] = f"shape, type and slab {shape, dtype, shard}, not {wanted}"
                continue
            for number in range(slab_count(shape[0], shard[0])):
                slab = Slab(path, *slab_range(number, shape[0], shard[0]))
                yield shard_file(path, number, len(shape)), slab


def _compared(file: str, about: Record) -> str | None:
    """How a file differs from its record, or why it cannot be read; None for a whole file."""
    try:
        return difference(file, about)
    except OSError as error:
        return _unreadable(error)


def _verify(file: str, about: Record, slab: Slab | None) -> str | None:
    """What is wrong with a file, or None."""
    if what := _compared(file, about):
        return what
    try:
        if slab:
            for z in range(slab.start, slab.stop):
                read_slice(slab.array, z)
        elif not is_slab(file):
            read_through(Path(file))
    except UserError as error:
        return error.problem.removeprefix(f"{file}: ")
    except Exception as error:  # readers raise errors of many kinds on damaged files
        return _unreadable(error)
    return None


def _unreadable(error: Exception) -> str:
    return f"cannot be read ({type(error).__name__}: {error})"


def remake_command(command: str, wrong: Mapping[str, str], listing: str) -> str:
    """The command that makes the wrong files anew and all that follows from them; long lists go into ``listing``."""
    files = sorted({file for name in wrong for file in _targets(name)})
    if len(files) <= INLINE:
        return f"{command} --forcerun {shlex.join(files)}"
    write_text(listing, "\n".join(files) + "\n")
    return f"{command} --forcerun $(cat {shlex.quote(listing)})"


def _targets(name: str) -> list[str]:
    """What to make anew in place of a wrong file: a record is no target, so what its job made."""
    if not name.startswith(f"{CHECKSUMS}/"):
        return [name]
    # A record of an unknown job: all jobs of its rule run again.
    return [file for file in outputs_of(name) if Path(file).exists()] or [
        name.split("/")[2].removesuffix(".json")
    ]


def damage(found: Verified, command: str) -> UserError:
    """The message about damaged files, with the command that makes them anew; command: what the user typed."""
    listed = "".join(f"\n  {file}: {what}" for file, what in sorted(found.wrong.items()))
    return UserError(
        f"{len(found.wrong)} file(s) are damaged, missing or in doubt:{listed}",
        f"make them anew, with all that follows from them:\n\n  "
        f"{remake_command(command, found.wrong, 'logs/verify_files.txt')}\n",
    )
