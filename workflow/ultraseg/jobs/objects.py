"""Jobs that turn maps into objects of organelles and into masks, or take objects over from other programs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ultraseg.grid.along_z import deviation, reach
from ultraseg.grid.paths import NetworkFiles, metadata
from ultraseg.jobs.spec import Files, Rate, SlabJob, VolumeJob, Wildcards, slabs_with
from ultraseg.predict.map_source import MapSource

if TYPE_CHECKING:
    from ultraseg.plan.plan import Plan


@dataclass(frozen=True)
class ObjectsLabel(SlabJob):
    """Numbers the objects of one structure in one slab; keeps their sizes and the slab's outer faces.

    shape: of the volume; threshold: of the configuration, None where the network's card has it; deviation: of the
    weights of neighbouring slices whose maps are averaged, in slices; read: the first slice that is read for this, and
    the one after the last; shown: for each slice of the slab the good slice that it shows; good: whether each slice of
    those read is one.
    """

    structure: str
    shape: tuple[int, int, int]
    network: str
    channel: int
    downsample: int
    threshold: float | None
    max_hole_pixels: int
    deviation: float
    read: tuple[int, int]
    shown: list[int]
    good: list[bool]

    rate: ClassVar[Rate] = Rate(0.7, 0.024, 190, 6.8)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> ObjectsLabel:
        return cls(**cls._about(plan, wc))

    @staticmethod
    def _about(plan: Plan, wc: Wildcards) -> dict[str, Any]:
        v, settings = plan.volumes[wc.volume], plan.structures[wc.structure]
        net = plan.network_of(wc.structure)
        # Masks may be as thin as membranes, and maps of another program are taken as they are.
        smooth = settings["smooth_z"] if settings["kind"] == "organelle" and not net.maps else 0.0
        spread = deviation(v.voxel_size_nm, net.downsample, smooth)
        # Maps of bad slices are those of the good slices that they show: they must not count twice.
        shown = v.good_slices.stand_ins(*v.slab(wc.slab)) if spread else [*range(*v.slab(wc.slab))]
        first, stop = max(shown[0] - reach(spread), 0), min(shown[-1] + 1 + reach(spread), v.n_slices)
        first, stop = min(first, v.slab(wc.slab)[0]), max(stop, v.slab(wc.slab)[1])
        return {
            "volume": v.name,
            "slab": v.slab(wc.slab),
            "structure": wc.structure,
            "shape": v.shape,
            "network": net.name,
            "channel": net.channels_of(wc.structure)[0],
            "downsample": net.downsample,
            "threshold": settings.get("threshold"),
            "max_hole_pixels": settings["max_hole_pixels"] if settings["kind"] == "organelle" else 0,
            "deviation": spread,
            "read": (first, stop),
            "shown": shown,
            "good": [v.good_slices.stand_in(z) == z for z in range(first, stop)],
        }

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        return _slabs_of(plan, name, [s for s in plan.organelles_in(name) if s not in plan.ready])

    def inputs(self, plan: Plan) -> Files:
        v = plan.volumes[self.volume]
        return {
            "card": NetworkFiles(self.network).card,
            "maps": slabs_with(v, self.files.probability(self.network), range(*self.read), channels=True),
        }

    def pixels(self, plan: Plan) -> tuple[float, float]:
        plane = math.prod(self.shape[1:])
        # Slices beside the slab are read at the network's scale alone.
        return self.depth * plane, self.depth * plane


@dataclass(frozen=True)
class ObjectsMerge(VolumeJob):
    """Joins the objects of all slabs of one structure. n_slices: of the volume."""

    structure: str
    min_voxels: int
    min_slices: int
    n_slices: int

    rate: ClassVar[Rate] = Rate(0.5, 0.0004, 100, 8)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> ObjectsMerge:
        settings = plan.structures[wc.structure]
        n_slices = plan.volumes[wc.volume].n_slices
        return cls(wc.volume, wc.structure, settings["min_voxels"], settings["min_slices"], n_slices)

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        return [Wildcards(volume=name, structure=s) for s in plan.organelles_in(name) if s not in plan.ready]

    def inputs(self, plan: Plan) -> Files:
        slabs = plan.volumes[self.volume].slabs
        return {"slabs": [self.files.slab_objects(self.structure, slab) for slab in slabs]}

    def pixels(self, plan: Plan) -> tuple[float, float]:
        v = plan.volumes[self.volume]
        plane = math.prod(v.plane(1))
        return 2 * len(v.slabs) * plane, plane


@dataclass(frozen=True)
class Objects(ObjectsLabel):
    """Writes the final objects, or the mask, of one structure in one slab at all pyramid levels.

    number: of the slab; merged: whether there are objects whose final ids are known; factors: of the pyramid levels.
    """

    number: int
    merged: bool
    factors: list[tuple[int, int, int]]

    rate: ClassVar[Rate] = Rate(0.7, 0.035, 200, 7.5)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Objects:
        merged = plan.structures[wc.structure]["kind"] == "organelle"
        factors = plan.volumes[wc.volume].factors
        return cls(**cls._about(plan, wc), number=wc.slab, merged=merged, factors=factors)

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        made = [s for s in plan.structures_in(name) if s != plan.cells and s not in plan.ready]
        return _slabs_of(plan, name, made)

    def inputs(self, plan: Plan) -> Files:
        found: Files = {"labelled": [], "merged": []} | super().inputs(plan)
        if self.merged:
            # Organelles are numbered from the mask of their slab, so that no map is looked at twice.
            slab = self.files.slab_objects(self.structure, self.number)
            found = {"labelled": slab, "merged": self.files.objects(self.structure), "card": []}
        # One job writes the arrays of all levels.
        return found | {"array": metadata(self.files.labels_level(self.structure))}


@dataclass(frozen=True)
class TakeObjects(SlabJob):
    """Takes the objects, or the mask, of one slab over from another program, at all pyramid levels.

    shown: for each slice of the slab the slice of the whole stack that it shows; crop: the part of these slices that is
    used; factors: of the pyramid levels.
    """

    structure: str
    source: MapSource
    shown: list[int]
    crop: tuple[tuple[int, int], tuple[int, int]]
    is_mask: bool
    factors: list[tuple[int, int, int]]

    rate: ClassVar[Rate] = Rate(1.0, 0.03, 470, 9)  # a block of deep chunks is 270 MB at most

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> TakeObjects:
        v, source = plan.volumes[wc.volume], plan.ready[wc.structure][wc.volume]
        slab, first, is_mask = v.slab(wc.slab), v.roi[0][0], plan.structures[wc.structure]["kind"] == "mask"
        shown = [first + v.good_slices.stand_in(z) for z in range(*slab)]
        return cls(v.name, slab, wc.structure, source, shown, v.plane_crop, is_mask, v.factors)

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        return _slabs_of(plan, name, [s for s in plan.structures_in(name) if s in plan.ready])

    def inputs(self, plan: Plan) -> Files:
        return {
            "objects": self.source.files(self.source.rows(self.shown)),
            "array": metadata(self.files.labels_level(self.structure)),
        }

    def pixels(self, plan: Plan) -> tuple[float, float]:
        plane = math.prod(plan.volumes[self.volume].plane(1))
        return self.depth * plane, self.depth * plane


def _slabs_of(plan: Plan, name: str, structures: list[str]) -> list[Wildcards]:
    slabs = plan.volumes[name].slabs
    return [Wildcards(volume=name, structure=s, slab=slab) for s in structures for slab in slabs]
