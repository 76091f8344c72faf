"""Jobs that measure the final labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ultraseg.jobs.spec import (
    Files,
    OfShownVolumes,
    Rate,
    SlabJob,
    VolumeJob,
    Wildcards,
    every_slab,
    slabs_with,
)

if TYPE_CHECKING:
    from ultraseg.plan.plan import Plan

MEASURES = ("labels", "contacts", "joint")  # tables of one slab
TABLES = ("cells", "contacts", "organelles", "protrusions", "courses")


@dataclass(frozen=True)
class MeasureSlab(OfShownVolumes, SlabJob):
    """Measures the final labels of one slab.

    containers: structures whose overlap with all other structures is counted; touching: structures whose contacts are
    measured.
    """

    structures: list[str]
    containers: list[str]
    touching: list[str]
    n_slices: int

    rate: ClassVar[Rate] = Rate(1.8, 0.0265, 200, 12)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> MeasureSlab:
        v, shown = plan.volumes[wc.volume], plan.structures_in(wc.volume)
        return cls(
            v.name,
            v.slab(wc.slab),
            structures=shown,
            containers=[s for s in plan.containers_in(v.name).values() if s],
            touching=[s for s in shown if s == plan.cells],
            n_slices=v.n_slices,
        )

    def inputs(self, plan: Plan) -> Files:
        v, (start, stop) = plan.volumes[self.volume], self.slab
        zs = range(start, min(stop + 1, v.n_slices))
        labels = [f for s in self.structures for f in slabs_with(v, self.files.labels_level(s), zs)]
        return {"labels": labels}

    def pixels(self, plan: Plan) -> tuple[float, float]:
        plane = math.prod(plan.volumes[self.volume].plane(1)) * len(self.structures)
        return (self.depth + 1) * plane, plane


@dataclass(frozen=True)
class Measure(OfShownVolumes, VolumeJob):
    """Adds the measures of all slabs up to tables.

    cells, nuclei: the structures that contain others, None where the volume lacks them; replaced: bad slice -> the
    good slice that it shows; level, factor: the pyramid level that distances are measured on.
    """

    organelles: list[str]
    masks: list[str]
    cells: str | None
    nuclei: str | None
    shape: tuple[int, int, int]
    replaced: dict[int, int]
    voxel_size_nm: tuple[float, float, float]
    cell_downsample: int
    level: int
    factor: tuple[int, int, int]

    rate: ClassVar[Rate] = Rate(6.0, 0.01, 560, 0.03)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Measure:
        v, containers = plan.volumes[wc.volume], plan.containers_in(wc.volume)
        return cls(
            v.name,
            organelles=plan.organelles_in(v.name),
            masks=plan.masks_in(v.name),
            cells=containers["cell"],
            nuclei=containers["nucleus"],
            shape=v.shape,
            replaced=v.good_slices.replaced,
            voxel_size_nm=v.voxel_size_nm,
            cell_downsample=plan.cell_downsample,
            level=v.measure_level,
            factor=v.levels[v.measure_level].factor,
        )

    def inputs(self, plan: Plan) -> Files:
        v, files = plan.volumes[self.volume], self.files
        found: Files = {}
        if self.cells:
            found |= {name: files.link(name) for name in ("nodes", "protrusions")}
            found["pieces"] = every_slab(v, files.pieces)
        for role, structure in (("coarse_cell", self.cells), ("coarse_nucleus", self.nuclei)):
            if structure:
                found[role] = every_slab(v, files.labels_level(structure, self.level))
        return found | {kind: [files.measures(slab, kind) for slab in v.slabs] for kind in MEASURES}

    def pixels(self, plan: Plan) -> tuple[float, float]:
        pixels = math.prod(self.shape)
        return pixels, pixels
