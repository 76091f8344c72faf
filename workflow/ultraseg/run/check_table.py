"""The table that ``check`` prints of each volume: what is there, how it is split, and what the run will cost."""

from __future__ import annotations

import math
import os

from ultraseg.base.errors import UserError
from ultraseg.base.text import amount, format_numbers, short
from ultraseg.plan.plan import Plan
from ultraseg.plan.roles import NUCLEI, with_role
from ultraseg.plan.volume import Volume
from ultraseg.run.checked import Checked
from ultraseg.run.costs import Step, disk_bytes, network_steps, volume_steps, wall_hours

AT_ONCE = (1, 8, 64)


def format_tables(checked: Checked) -> str:
    """One table per volume, then the networks and the run as a whole."""
    parts = [_volume_table(checked, volume) for volume in checked.volumes.values()]
    if checked.plan:
        parts.append(_run_table(checked.plan))
    return "\n\n".join(parts)


def _volume_table(checked: Checked, v: Volume) -> str:
    plan, z, y, x = checked.plan, *v.shape
    voxels = z * y * x
    size_um = " x ".join(f"{n * s / 1000:.4g}" for n, s in zip(v.shape, v.voxel_size_nm, strict=True))
    rows = [
        ("slices", f"{z}, in {len(v.slabs)} slabs of {v.slab_depth}{_bad(v)}"),
        ("size", f"{y} x {x} pixels (height x width), {short(voxels / 1e9)} billion voxels"),
        ("type", str(v.dtype)),
        ("voxel size", f"{' x '.join(f'{s:g}' for s in v.voxel_size_nm)} nm (z, y, x), {size_um} um in all"),
        *[(f"labels: {s}", _labels(checked, v, s)) for s in v.labels],
    ]
    if plan:
        rows += [(f"split: {n}", _split(plan, n, v.name)) for n in plan.networks if _uses(plan, n, v.name)]
        disk, steps = disk_bytes(plan, v.name), volume_steps(plan, v.name)
        kinds = ", ".join(f"{kind} {amount(n)}" for kind, n in disk.items() if n)
        rows.append(("disk", f"{amount(sum(disk.values()))} ({kinds})"))
        rows += _cost_rows(steps)
    title = f"Volume {v.name}{'  (made by the workflow)' * bool(v.phantom)}{'  (planned)' * v.planned}"
    return "\n".join([title, *_aligned(rows)])


def _bad(v: Volume) -> str:
    missing, bad = len(v.missing), len(v.declared_bad)
    return (f"; {missing} missing, to be bridged" if missing else "") + (
        f"; {bad} declared bad" if bad else ""
    )


def _labels(checked: Checked, v: Volume, structure: str) -> str:
    zs = v.labelled(structure)
    text = f"{len(zs)} slices: {format_numbers(zs)}"
    for plane, source in v.planes.get(structure, {}).items():
        text += f", and {plane} planes {format_numbers(source.zs)}"
    table = checked.coverage.get(v.name)
    if table is None or table.empty or not (table["structure"] == structure).any():
        return text
    found = table[table["structure"] == structure]
    share, counts = found["foreground_fraction"], found["n_instances"]
    return (
        f"{text}; {100 * share.mean():.3g} % covered ({100 * share.min():.3g} to {100 * share.max():.3g}), "
        f"{counts.min()} to {counts.max()} instances per slice"
    )


def _uses(plan: Plan, network: str, volume: str) -> bool:
    return bool(plan.split(network, volume))


def _split(plan: Plan, network: str, volume: str) -> str:
    uses: dict[str, list[int]] = {}
    for z, use in plan.split(network, volume).items():
        uses.setdefault(use, []).append(z)
    return "; ".join(f"{use} {format_numbers(zs)}" for use, zs in uses.items())


def _cost_rows(steps: list[Step]) -> list[tuple[str, str]]:
    largest = max(steps, key=lambda s: s.job.mem_mb)
    total = sum(s.seconds for s in steps) / 3600
    rows = [
        ("jobs", str(sum(s.jobs for s in steps))),
        ("memory per job", f"up to {short(largest.job.mem_mb / 1000)} GB ({largest.rule})"),
        ("hours of work", short(total)),
        ("", f"{'step':14} {'jobs':>7} {'GB per job':>11} {'minutes per job':>16} {'hours':>8}"),
    ]
    for s in steps:
        job = f"{s.job.mem_mb / 1000:11.2f} {s.job.seconds / 60:16.2f} {s.seconds / 3600:8.2f}"
        rows.append(("", f"{s.rule:14} {s.jobs:7} {job}"))
    return rows


def _run_table(plan: Plan) -> str:
    rows, steps = [], []
    for network in plan.trained:
        own = network_steps(plan, network)
        steps += own
        train = own[-1]
        rows.append(
            (
                f"network {network}",
                f"trains {', '.join(plan.networks[network].structures)} on {plan.config['device']}: "
                f"{train.seconds / 3600:.2g} hours, {train.job.mem_mb / 1000:.2g} GB",
            )
        )
    training = list(steps)
    if note := _without_nuclei(plan):
        rows.append(("nuclei", note))
    lines = [f"{'':16} {'GB':>8} {'jobs':>8} {'GB per job':>11} {'disk':>9} {'hours':>9}"]
    lines[0] += "".join(f"{f'{n} at a time':>14}" for n in AT_ONCE)
    for volume, v in plan.volumes.items():
        own = volume_steps(plan, volume)
        steps += own
        gigabytes = short(math.prod(v.shape) * v.bit_depth / 8e9)
        lines.append(_cost_line(volume, gigabytes, amount(sum(disk_bytes(plan, volume).values())), own))
    if training:  # networks may all come from elsewhere
        lines.append(_cost_line("training", "", "", training))
    lines.append(_cost_line("all", "", "", steps))
    rows += [("", line) for line in lines]
    return "\n".join(["The whole run", *_aligned(rows)])


def _without_nuclei(plan: Plan) -> str | None:
    """What to know where a run has cells and no nuclei: columns of the tables stay empty."""
    if plan.cells is None or with_role(plan.structures, NUCLEI):
        return None
    organelles = [name for name, settings in plan.structures.items() if settings["kind"] == "organelle"]
    cure = f"; if one of {', '.join(organelles)} is the nuclei, give it role: nuclei" if organelles else ""
    return f"none among the structures, so the columns of the tables that concern nuclei stay empty{cure}"


def _cost_line(name: str, gigabytes: str, disk: str, steps: list[Step]) -> str:
    memory, hours = max(s.job.mem_mb for s in steps) / 1000, sum(s.seconds for s in steps) / 3600
    walls = "".join(f"{short(wall_hours(steps, n)):>14}" for n in AT_ONCE)
    jobs = sum(s.jobs for s in steps)
    return f"{name:16} {gigabytes:>8} {jobs:8} {short(memory):>11} {disk:>9} {short(hours):>9}{walls}"


def _aligned(rows: list[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in rows)
    return [f"  {name:{width}}  {value}".rstrip() for name, value in rows]


def print_findings(checked: Checked, tables: bool = True) -> None:
    """Print tables and problems."""

    text = f"{format_tables(checked)}\n\n" if tables else ""
    text += f"Checked {checked.files} files in {checked.seconds:.1f} s: "
    text += format_problems(checked.problems) if checked.problems else "no problem found."
    print(f"\n{text}\n", flush=True)


def format_problems(problems: list[UserError], shown: int = 5) -> str:
    """All problems, each kind with its cure once; of files with the same problem only ``shown`` are named."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for error in problems:
        file, _, rest = error.problem.partition(": ")
        known = bool(rest) and os.path.sep in file and "\n" not in file
        kinds.setdefault((rest if known else error.problem, error.cure), []).append(file if known else "")
    lines = [f"{len(problems)} problem{'s' if len(problems) > 1 else ''}:"]
    for number, ((problem, cure), files) in enumerate(kinds.items(), 1):
        named = "".join(f"{file}: " for file in files[:1] if file)
        lines.append(f"{number:3}. {named}{problem}")
        lines += [f"     {file}: the same problem" for file in files[1:shown]]
        lines += [f"     and {len(files) - shown} more files"] if len(files) > shown else []
        lines.append(f"     Cure: {cure}")
    return "\n".join(lines)
