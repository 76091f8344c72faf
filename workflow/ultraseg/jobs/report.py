"""Jobs that write the pages of the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ultraseg.grid.paths import NetworkFiles, VolumeFiles
from ultraseg.jobs.measure import TABLES
from ultraseg.jobs.spec import Files, JobSpec, VolumeJob, Wildcards

if TYPE_CHECKING:
    from ultraseg.plan.plan import Plan

# Tables that every volume has and that people read row by row.
OF_ALL = (*(name for name in TABLES if name != "courses"), "slices")
OF_CELLS = ("links", "meetings", "label_next")  # and those that only a volume with cells has


@dataclass(frozen=True)
class ReportTables(VolumeJob):
    """Writes the tables and scores of a volume as pages."""

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> ReportTables:
        return cls(wc.volume)

    def inputs(self, plan: Plan) -> Files:
        names = [*OF_ALL, *(OF_CELLS if plan.has_cells(self.volume) else ())]
        return {"tables": [self.files.table(name) for name in names], "metrics": self.files.metrics}


@dataclass(frozen=True)
class ReportRun(JobSpec):
    """Writes the page with facts about the run; volumes: size and labels of each in words; n_slabs: slabs of each."""

    config: dict[str, Any]
    volumes: dict[str, str]
    n_slabs: dict[str, int]

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> ReportRun:
        volumes = {name: v.description for name, v in plan.volumes.items()}
        return cls(plan.config, volumes, {name: len(v.slabs) for name, v in plan.volumes.items()})

    def inputs(self, plan: Plan) -> Files:
        devices = [
            VolumeFiles.of(name).device(network, slab)
            for name in plan.applied
            for network in plan.predicting(name)
            for slab in plan.volumes[name].slabs
        ]
        return {"cards": [NetworkFiles(name).card for name in plan.networks], "devices": devices}
