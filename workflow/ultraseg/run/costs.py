"""What a run costs: time, memory and disk, from what each job says of itself (``ultraseg.jobs``)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from ultraseg.base.errors import UserError
from ultraseg.jobs.cells import cell_plane
from ultraseg.jobs.spec import Cost, Wildcards
from ultraseg.plan.plan import Plan
from ultraseg.run.rules import BY_RULE

SNAKEMAKE_S = 5  # of Snakemake itself around every job
# Counted by ``check``, in the order of execution; all other rules take seconds.
OF_NETWORKS = ("tiles", "train")
OF_VOLUMES = (
    *("window", "ingest", "quality_slab", "quality", "labels", "labels_planes", "labels_fit"),
    *("take_maps", "predict", "take_cuts", "cuts"),
    *(
        "objects_label",
        "objects_merge",
        "objects",
        "take_objects",
        "flow",
        "try_method",
        "propagate",
        "cells",
        "take_cells",
    ),
    *("link_edges", "link", "link_relabel", "measure_slab", "measure", "evaluate", "figures"),
)
# Bytes on disk per voxel: image and labels over all levels, the others per voxel and channel at their scale.
DISK = {
    "image": 0.97,
    "labels": 0.05,
    "probability": 0.3,
    "flow": 5.9,
    "pieces": 0.09,
    "propagated": 0.6,
    "cuts": 2.0,
}


class Step(NamedTuple):
    """All jobs of one rule for one volume or network; ``job`` is the largest of them."""

    rule: str
    jobs: int
    job: Cost
    seconds: float


def job_cost(plan: Plan, rule: str, wildcards: Wildcards) -> Cost:
    """Expected time and memory of one job."""
    return BY_RULE[rule].of(plan, wildcards).cost(plan)


def volume_steps(plan: Plan, volume: str) -> list[Step]:
    """Steps of one volume in the order of execution."""
    return _steps(plan, OF_VOLUMES, volume)


def network_steps(plan: Plan, network: str) -> list[Step]:
    """Steps that train one network."""
    return _steps(plan, OF_NETWORKS, network)


def all_steps(plan: Plan) -> list[Step]:
    """What trainings and volumes cost, step by step."""
    trainings = [step for network in plan.trained for step in network_steps(plan, network)]
    return trainings + [step for volume in plan.volumes for step in volume_steps(plan, volume)]


def _steps(plan: Plan, rules: Iterable[str], name: str) -> list[Step]:
    found = []
    for rule in rules:
        costs = [job_cost(plan, rule, wildcards) for wildcards in BY_RULE[rule].each(plan, name)]
        if costs:
            largest = Cost(max(cost.seconds for cost in costs), max(cost.mem_mb for cost in costs))
            found.append(Step(rule, len(costs), largest, sum(cost.seconds for cost in costs)))
    return found


def disk_bytes(plan: Plan, volume: str) -> dict[str, float]:
    """Expected bytes on disk of the results of one volume, by kind."""
    v = plan.volumes[volume]
    pyramid = sum(math.prod(level.shape) for level in v.levels)
    found = {
        "image": DISK["image"] * pyramid,
        "labels": DISK["labels"] * pyramid * len(plan.structures_in(volume)),
        "probability": 0.0,
    }
    for name in plan.networks_of(volume):
        net = plan.networks[name]
        pixels = v.n_slices * math.prod(v.plane(net.downsample))
        found["probability"] += DISK["probability"] * pixels * len(net.channels)
    if plan.has_cells(volume):
        pixels = v.n_slices * math.prod(cell_plane(plan, volume))
        kinds = ["pieces", "propagated"]
        kinds += ["flow"] if plan.has_flow(volume) else []
        kinds += ["cuts"] if plan.has_cuts(volume) else []
        found |= {key: DISK[key] * pixels for key in kinds}
    return found


def check_memory(plan: Plan) -> None:
    """Raise UserError where a job would need more memory than ``max_memory_gb``."""
    most = plan.config["max_memory_gb"]
    high = [s for s in all_steps(plan) if s.job.mem_mb > 1000 * most]
    if high:
        needs = ", ".join(f"{s.rule} {s.job.mem_mb / 1000:.0f} GB" for s in high)
        raise UserError(
            f"jobs would need more memory than max_memory_gb, {most} GB: {needs}",
            "Lower slab_depth; for propagate label more slices or raise downsample; for train lower batch or crop. "
            "Raise max_memory_gb only if your computers have that much.",
        )


def wall_hours(steps: Iterable[Step], at_once: int) -> float:
    """Hours of a run in which ``at_once`` jobs run at a time, step after step, with Snakemake's own time."""
    return sum(
        max(s.job.seconds + SNAKEMAKE_S, (s.seconds + SNAKEMAKE_S * s.jobs) / at_once) / 3600 for s in steps
    )
