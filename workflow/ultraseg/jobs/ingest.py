"""Jobs that bring images in: phantoms, the window of grey values, the slabs."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ultraseg.formats.slice_source import SliceRef
from ultraseg.grid.paths import metadata
from ultraseg.ingest.image_source import file_kind, image_files
from ultraseg.jobs.spec import Files, Rate, SlabJob, VolumeJob, Wildcards

if TYPE_CHECKING:
    from ultraseg.plan.plan import Plan
    from ultraseg.plan.volume import Volume

SOURCE_SLICES = 4  # in work while a slab is ingested


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


@dataclass(frozen=True)
class Window(VolumeJob):
    """Chooses the grey values that become 0 and 255, from some slices of the whole stack.

    plane, crop: the slices of the source, and the part of them that is used.
    """

    slices: list[SliceRef]
    plane: tuple[int, int]
    crop: tuple[tuple[int, int], tuple[int, int]]
    dtype: str
    percentiles: tuple[float, float]

    rate: ClassVar[Rate] = Rate(0.5, 0.02, 110, 24)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Window:
        v = plan.volumes[wc.volume]
        return cls(
            v.name,
            v.sampled,
            plane=v.full_shape[1:],
            crop=v.plane_crop,
            dtype=v.dtype,
            percentiles=v.percentiles,
        )

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        return [Wildcards(volume=name)] if plan.volumes[name].sampled else []

    def inputs(self, plan: Plan) -> Files:
        return {"slices": image_files(self.slices, self.crop)}

    def pixels(self, plan: Plan) -> tuple[float, float]:
        return len(self.slices) * math.prod(self.plane), math.prod(self.plane)


@dataclass(frozen=True)
class Ingest(SlabJob):
    """Writes the image slices of one slab at all pyramid levels.

    slices: where they are read from, and those that bridge missing ones; bridges: for each missing slice the slices
    that it is mixed from, with weights; plane, crop: the slices of the source, and the part of them that is used;
    factors: of the pyramid levels.
    """

    slices: list[SliceRef]
    bridges: dict[int, list[tuple[int, float]]]
    plane: tuple[int, int]
    crop: tuple[tuple[int, int], tuple[int, int]]
    dtype: str
    window: tuple[float, float] | None
    bit_depth: int
    factors: list[tuple[int, int, int]]

    rate: ClassVar[Rate] = Rate(0.4, 0.005, 110, 2.0)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Ingest:
        v = plan.volumes[wc.volume]
        slab = v.slab(wc.slab)
        return cls(
            v.name,
            slab,
            slices=v.recorded(*slab),
            bridges=v.bridges(*slab),
            plane=v.full_shape[1:],
            crop=v.plane_crop,
            dtype=v.dtype,
            window=v.window,
            bit_depth=v.bit_depth,
            factors=v.factors,
        )

    def inputs(self, plan: Plan) -> Files:
        return {
            "slices": image_files(self.slices, self.crop),
            # An 8-bit image needs no window: its slabs must not wait for other slices.
            "window": window_files(plan.volumes[self.volume]),
            "array": metadata(self.files.image_level()),  # one job writes those of all levels
        }

    def pixels(self, plan: Plan) -> tuple[float, float]:
        source, plane = math.prod(self.plane), math.prod(plan.volumes[self.volume].plane(1))
        # Of a Zarr a row of chunks is decoded at a time, which may be as deep as the slab.
        zarr = file_kind(self.slices[0].file) == "zarr" if self.slices else False
        deep = int(re.sub(r"\D", "", self.dtype)) / 8 if zarr else 0
        return self.depth * source, self.depth * plane * (self.bit_depth / 8 + deep) + SOURCE_SLICES * source


def window_files(v: Volume) -> list[str]:
    """The file with the window of grey values; none where the configuration or the pixel type tells the window."""
    return [v.files.window] if v.sampled else []
