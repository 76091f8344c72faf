"""Jobs that tell how good the results are, and which slices to label next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ultraseg.grid.gaps import AUTO, FLOW, VOLUME, Gap
from ultraseg.grid.paths import NetworkFiles
from ultraseg.jobs.link import Link
from ultraseg.jobs.spec import Cost, Files, OfShownVolumes, Rate, VolumeJob, Wildcards, every_slab
from ultraseg.labels.source import LabelSource

if TYPE_CHECKING:
    from ultraseg.plan.plan import Plan


@dataclass(frozen=True)
class ChooseMethod(VolumeJob):
    """Compares the methods that carry ids, on labelled slices that are left out.

    tried: for each method, labelled slice -> the file with what the method makes of it.
    """

    tried: dict[str, dict[int, str]]

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> ChooseMethod:
        v, tries = plan.volumes[wc.volume], plan.tries(wc.volume)
        tried = {m: {z: v.files.tried(m, gap.name) for z, gap in tries.items()} for m in (FLOW, VOLUME)}
        return cls(v.name, tried)

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        return super().each(plan, name) if plan.has_cells(name) and plan.method(name) == AUTO else []

    def inputs(self, plan: Plan) -> Files:
        return {"tried": [file for files in self.tried.values() for file in files.values()]}

    def pixels(self, plan: Plan) -> tuple[float, float]:
        plane = plan.tried_pixels(self.volume)
        return sum(len(files) for files in self.tried.values()) * plane, plane


@dataclass(frozen=True)
class LabelNext(VolumeJob):
    """Ranks the slices of a volume by how much labels there should help."""

    labelled: list[int]
    voxel_size_nm: tuple[float, float, float]
    downsample: int

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> LabelNext:
        v = plan.volumes[wc.volume]
        return cls(v.name, v.labelled(plan.cells_name), v.voxel_size_nm, plan.cell_downsample)

    def inputs(self, plan: Plan) -> Files:
        files = self.files
        return {
            "nodes": files.link("nodes"),
            "propagated": [files.propagated(gap.name) for gap in plan.gaps(self.volume)],
            "slices": files.table("slices"),
        }

    def cost(self, plan: Plan) -> Cost:
        # Holds a few columns of the table that linking holds.
        return Link.of(plan, Wildcards(volume=self.volume)).cost(plan)


@dataclass(frozen=True)
class Evaluate(OfShownVolumes, VolumeJob):
    """Scores the final labels of a volume slice by slice.

    kinds, labelled, uses, label_files: per structure its kind, its labelled slices, what each labelled slice serves
    for, and the file with the checked labels; left_out: labelled slice that is left out in turn -> the gap around it;
    truth: dense truth; cells: the structure of kind cells; plane, crop: size of the slices of the truth, and the part
    of them that is used; first: number of the first slice of the region of interest; cards: the network's card of every
    structure with validation slices; min_object_voxels: of the organelles.
    """

    kinds: dict[str, str]
    labelled: dict[str, list[int]]
    uses: dict[str, dict[int, str]]
    label_files: dict[str, str]
    left_out: dict[int, Gap]
    truth: dict[str, LabelSource]
    cells: str | None
    downsample: int
    shape: tuple[int, int, int]
    pixel_nm: tuple[float, float]
    plane: tuple[int, int]
    crop: tuple[tuple[int, int], tuple[int, int]]
    bad: tuple[int, ...]
    first: int
    settings: dict[str, Any]
    cards: dict[str, str]
    min_object_voxels: dict[str, int]

    rate: ClassVar[Rate] = Rate(1.6, 0.05, 200, 36)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Evaluate:
        v, shown = plan.volumes[wc.volume], plan.structures_in(wc.volume)
        uses = {s: plan.uses(s, v.name) for s in shown}
        return cls(
            v.name,
            kinds=plan.kinds_in(v.name),
            labelled={s: v.labelled(s) for s in shown},
            uses=uses,
            label_files={s: v.label_file(s) for s in shown},
            left_out=plan.left_out(v.name) if plan.has_cells(v.name) else {},
            truth=v.truth,
            cells=plan.cells,
            downsample=plan.cell_downsample,
            shape=v.shape,
            pixel_nm=v.voxel_size_nm[1:],
            plane=v.full_shape[1:],
            crop=v.plane_crop,
            bad=v.bad,
            first=v.roi[0][0],
            settings=plan.config["evaluate"],
            cards={
                s: NetworkFiles(plan.network_of(s).name).card
                for s, use in uses.items()
                if s != plan.cells and "validation" in use.values()
            },
            min_object_voxels={s: plan.structures[s]["min_voxels"] for s in plan.organelles_in(v.name)},
        )

    def inputs(self, plan: Plan) -> Files:
        v, files = plan.volumes[self.volume], self.files
        known = {*self.kinds, "protrusions"}
        return {
            "final": [f for s in self.kinds for f in every_slab(v, files.labels_level(s))],
            "labels": [file for s, file in self.label_files.items() if s in v.labels],
            "truth": [file for s, source in self.truth.items() if s in known for file in source.files],
            "left_out": [files.propagated(gap.name) for gap in self.left_out.values()],
            "slices": files.table("slices"),
            "cards": list(dict.fromkeys(self.cards.values())),
            "meetings": [files.table("meetings")] if plan.has_cells(self.volume) else [],
            "advice": [files.table("label_next")] if plan.has_cells(self.volume) else [],
            "chosen": [files.method] if ChooseMethod.each(plan, self.volume) else [],
        }

    def pixels(self, plan: Plan) -> tuple[float, float]:
        plane = math.prod(plan.volumes[self.volume].plane(1))
        truth = sum(len(source) for source in self.truth.values())
        # Around each slice that is left out, some are compared to foretell what more labels gain (evaluate.gain).
        around = 6 * len(self.left_out)
        return (truth + around + sum(len(zs) for zs in self.labelled.values())) * plane, plane

    def cost(self, plan: Plan) -> Cost:
        base = super().cost(plan)
        return base._replace(
            mem_mb=base.mem_mb + max((source.held for source in self.truth.values()), default=0) / 1e6
        )
