"""Jobs that write the pages of the report, and phantoms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ultraseg.jobs.spec import Files, JobSpec, VolumeJob, Wildcards
from ultraseg.jobs.train import NetworkJob

if TYPE_CHECKING:
    from ultraseg.plan.plan import Plan

OF_ALL = ("cells", "contacts", "organelles", "protrusions", "slices")  # tables that every volume has
OF_CELLS = ("links", "label_next")  # and those that only a volume with cells has


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
    """Writes the page with facts about the run; volumes: size and labels of each in a line; n_slabs: of each."""

    config: dict[str, Any]
    volumes: dict[str, str]
    n_slabs: dict[str, int]

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> ReportRun:
        volumes = {name: v.description for name, v in plan.volumes.items()}
        return cls(plan.config, volumes, {name: len(v.slabs) for name, v in plan.volumes.items()})

    def inputs(self, plan: Plan) -> Files:
        devices = [
            VolumeJob(name).files.device(network, slab)
            for name in plan.applied
            for network in plan.networks_of(name)
            for slab in plan.volumes[name].slabs
        ]
        return {"cards": [NetworkJob(name).files.card for name in plan.networks], "devices": devices}


@dataclass(frozen=True)
class Phantom(VolumeJob):
    """Writes a phantom: slices, sparse labels and dense truth."""

    settings: dict[str, Any]
    voxel_size_nm: tuple[float, float, float]

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Phantom:
        v = plan.volumes[wc.volume]
        settings = {key: value for key, value in (v.phantom or {}).items() if key != "files"}
        return cls(v.name, settings, v.voxel_size_nm)
