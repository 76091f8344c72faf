"""Jobs that look for slices that look bad."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ultraseg.jobs.spec import Files, Rate, SlabJob, VolumeJob, Wildcards, slabs_with

if TYPE_CHECKING:
    from ultraseg.plan.plan import Plan


@dataclass(frozen=True)
class QualitySlab(SlabJob):
    """Measures the slices of one slab.

    references: slice -> the good slice before it, which it is compared with; without missing slices.
    """

    references: dict[int, int | None]

    rate: ClassVar[Rate] = Rate(1.5, 0.004, 180, 6)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> QualitySlab:
        v = plan.volumes[wc.volume]
        slab = v.slab(wc.slab)
        zs = [z for z in range(*slab) if z not in v.missing]
        return cls(v.name, slab, {z: v.good_slices.previous(z) for z in zs})

    @property
    def zs(self) -> list[int]:
        """The slices that are read."""
        before = (z for z in self.references.values() if z is not None)
        return sorted({*self.references, *before})

    def inputs(self, plan: Plan) -> Files:
        return {"images": slabs_with(plan.volumes[self.volume], self.files.image_level(), self.zs)}

    def pixels(self, plan: Plan) -> tuple[float, float]:
        plane = math.prod(plan.volumes[self.volume].plane(1))
        return self.depth * plane, plane


@dataclass(frozen=True)
class Quality(VolumeJob):
    """Compares every slice with those around it.

    slices: columns of the table of slices that are known without looking; first: number of the first slice of the
    region of interest in the whole stack.
    """

    settings: dict[str, Any]
    slices: dict[str, list[Any]]
    first: int

    rate: ClassVar[Rate] = Rate(1.2, 0.0, 160, 0)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Quality:
        v = plan.volumes[wc.volume]
        zs, files = range(v.n_slices), {ref.z: ref.file for ref in v.image.slices}
        slices: dict[str, list[Any]] = {
            "z": list(zs),
            "number": [v.image.first_number + z for z in zs],
            "file": [files.get(z, "") for z in zs],
            "bad": [z in v.declared_bad for z in zs],
            "missing": [z in v.missing for z in zs],
            "stand_in": v.good_slices.stand_ins(0, v.n_slices),
        }
        return cls(v.name, plan.config["quality"], slices, v.roi[0][0])

    def inputs(self, plan: Plan) -> Files:
        return {"slabs": [self.files.quality(slab) for slab in plan.volumes[self.volume].slabs]}
