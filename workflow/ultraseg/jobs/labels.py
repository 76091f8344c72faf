"""Jobs that check the user's labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ultraseg.grid.planes import turned
from ultraseg.grid.slabs import ceil_div
from ultraseg.ingest.crop import Roi
from ultraseg.jobs.spec import Cost, Files, Rate, VolumeJob, Wildcards, slabs_with
from ultraseg.labels.source import LabelSource

if TYPE_CHECKING:
    from ultraseg.plan.plan import Plan
    from ultraseg.plan.volume import Volume

MOST_FITTED = 12  # labelled slices of a structure whose numbering is checked against the image


@dataclass(frozen=True)
class Labels(VolumeJob):
    """Checks the label files of one structure.

    Without corrections that networks must not learn from. plane, crop: the slices of the files, and the part of them
    that is used; uses: what each labelled slice serves for.
    """

    structure: str
    source: LabelSource
    kind: str
    ids_consistent: bool
    shape: tuple[int, int, int]
    plane: tuple[int, int]
    crop: tuple[tuple[int, int], tuple[int, int]]
    uses: dict[int, str]

    rate: ClassVar[Rate] = Rate(0.7, 0.045, 120, 18)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Labels:
        v = plan.volumes[wc.volume]
        source, uses = cls.source_of(v, wc.structure), plan.uses(wc.structure, wc.volume)
        settings = plan.structures[wc.structure]
        return cls(
            v.name,
            wc.structure,
            source,
            kind=settings["kind"],
            ids_consistent=settings["ids_consistent"],
            shape=v.shape,
            plane=v.full_shape[1:],
            crop=v.plane_crop,
            uses={z: uses[z] for z in source.zs},
        )

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        return [Wildcards(volume=name, structure=s) for s in plan.volumes[name].labels]

    @staticmethod
    def source_of(v: Volume, structure: str) -> LabelSource:
        return v.labels_for_training.get(structure, v.labels[structure])

    def inputs(self, plan: Plan) -> Files:
        return {"labels": self.source.files}

    def pixels(self, plan: Plan) -> tuple[float, float]:
        plane = math.prod(plan.volumes[self.volume].plane(1))
        return len(plan.volumes[self.volume].labelled(self.structure)) * plane, plane

    def cost(self, plan: Plan) -> Cost:
        base = super().cost(plan)
        return base._replace(mem_mb=base.mem_mb + self.source.held / 1e6)


@dataclass(frozen=True)
class CorrectedLabels(Labels):
    """Checks labels and corrections together: results are made from these, networks do not learn from them."""

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        return []  # they cost as much as the jobs of the first labels, which are counted

    @staticmethod
    def source_of(v: Volume, structure: str) -> LabelSource:
        return v.labels[structure]


@dataclass(frozen=True)
class LabelPlanes(VolumeJob):
    """Checks the labelled planes of one structure across the slices: all of them that lie alike (``plane``: xz, yz).

    full_shape, roi: the whole stack that the files show planes of, and the part of it that is used. zs: the labelled
    slices, whose ids the planes are compared with.
    """

    structure: str
    plane: str
    source: LabelSource
    kind: str
    full_shape: tuple[int, int, int]
    roi: Roi
    zs: list[int]

    rate: ClassVar[Rate] = Rate(0.7, 0.045, 120, 18)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> LabelPlanes:
        v = plan.volumes[wc.volume]
        return cls(
            v.name,
            wc.structure,
            wc.plane,
            source=v.planes[wc.structure][wc.plane],
            kind=plan.structures[wc.structure]["kind"],
            full_shape=v.full_shape,
            roi=v.roi,
            zs=v.labelled(wc.structure),
        )

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        planes = plan.volumes[name].planes
        return [Wildcards(volume=name, structure=s, plane=plane) for s in planes for plane in planes[s]]

    def inputs(self, plan: Plan) -> Files:
        return {"planes": self.source.files, "labels": plan.volumes[self.volume].label_file(self.structure)}

    def pixels(self, plan: Plan) -> tuple[float, float]:
        _, rows, columns = turned(plan.volumes[self.volume].full_shape, self.plane)
        slices = len(self.zs) * math.prod(plan.volumes[self.volume].plane(1))
        return len(self.source) * rows * columns + slices, max(
            rows * columns, math.prod(plan.volumes[self.volume].plane(1))
        )


@dataclass(frozen=True)
class LabelFit(VolumeJob):
    """Compares some labelled slices of one structure, spread evenly, with the image of them and of their neighbours."""

    structure: str
    zs: list[int]
    n_slices: int
    first_slice_number: int

    rate: ClassVar[Rate] = Rate(0.8, 0.3, 130, 36)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> LabelFit:
        v = plan.volumes[wc.volume]
        labelled = Labels.source_of(v, wc.structure).zs
        zs = labelled[:: max(1, ceil_div(len(labelled), MOST_FITTED))]
        return cls(v.name, wc.structure, zs, v.n_slices, v.first_label_number(wc.structure))

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        return Labels.each(plan, name)

    def inputs(self, plan: Plan) -> Files:
        v = plan.volumes[self.volume]
        around = [z for near in self.zs for z in range(max(near - 1, 0), min(near + 2, v.n_slices))]
        return {
            "labels": self.files.checked_labels(self.structure),
            "images": slabs_with(v, self.files.image_level(), around),
        }

    def pixels(self, plan: Plan) -> tuple[float, float]:
        plane = math.prod(plan.volumes[self.volume].plane(1))
        return len(plan.volumes[self.volume].labelled(self.structure)) * plane, plane
