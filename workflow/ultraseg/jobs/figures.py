"""Jobs that draw: the figures of the report, surfaces of objects, pages of the viewer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ultraseg.grid.paths import NetworkFiles
from ultraseg.grid.slabs import evenly_spaced
from ultraseg.jobs.spec import (
    Cost,
    Files,
    OfShownVolumes,
    Rate,
    VolumeJob,
    Wildcards,
    every_slab,
    slabs_with,
)
from ultraseg.jobs.train import NetworkJob
from ultraseg.jobs.whole_run import whole_image

if TYPE_CHECKING:
    from ultraseg.plan.plan import Plan

# Parts of cells on a grid of 320 steps, crops of at most 320 pixels, the table of fragments.
CROPS = Rate(0, 0, 750, 0)
SURFACE_BYTES = 43  # per voxel of the largest object


@dataclass(frozen=True)
class Figures(OfShownVolumes, VolumeJob):
    """Draws the figures of one volume.

    montage: the slices that are shown; kinds: of the structures; level, factor: pyramid level of the 3D view.
    """

    montage: list[int]
    kinds: dict[str, str]
    level: int
    factor: tuple[int, int, int]
    shape: tuple[int, int, int]
    voxel_size_nm: tuple[float, float, float]

    rate: ClassVar[Rate] = Rate(3.5, 0.024, 320, 58)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Figures:
        v = plan.volumes[wc.volume]
        return cls(
            v.name,
            montage=evenly_spaced(v.shape[0], plan.config["report"]["montage_slices"]),
            kinds=plan.kinds_in(v.name),
            level=v.view_level,
            factor=v.levels[v.view_level].factor,
            shape=v.shape,
            voxel_size_nm=v.voxel_size_nm,
        )

    @property
    def shown_in_3d(self) -> str | None:
        """The structure of the 3D view: the cells, or else the first one; None where no network is applied."""
        cells = [s for s, kind in self.kinds.items() if kind == "cells"]
        return next(iter([*cells, *self.kinds]), None)

    def inputs(self, plan: Plan) -> Files:
        v, files = plan.volumes[self.volume], self.files
        shown = self.shown_in_3d
        return {
            "image": slabs_with(v, files.image_level(), self.montage),
            "final": [f for s in self.kinds for f in slabs_with(v, files.labels_level(s), self.montage)],
            "small": every_slab(v, files.labels_level(shown, self.level)) if shown else [],
            "coverage": [v.coverage_file(s) for s in self.kinds if s in v.labels],
            "metrics": files.metrics,
            "cells": files.table("cells"),
            "links": [files.table("links")] if plan.has_cells(self.volume) else [],
        }

    def pixels(self, plan: Plan) -> tuple[float, float]:
        plane = math.prod(self.shape[1:])
        return len(self.montage) * plane, plane


@dataclass(frozen=True)
class FigureCell(VolumeJob):
    """Draws one cell in 3D, with its protrusions and organelles.

    roles: the structures that are the nuclei and the nucleoli; level, factor: the pyramid level that is shown;
    replaced: bad slice -> the good slice that it shows.
    """

    kinds: dict[str, str]
    roles: dict[str, str]
    level: int
    factor: tuple[int, int, int]
    voxel_size_nm: tuple[float, float, float]
    replaced: dict[int, int]
    downsample: int

    rate: ClassVar[Rate] = CROPS

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> FigureCell:
        v = plan.volumes[wc.volume]
        return cls(
            v.name,
            kinds=plan.kinds_in(v.name),
            roles=plan.roles_in(v.name),
            level=v.measure_level,
            factor=v.levels[v.measure_level].factor,
            voxel_size_nm=v.voxel_size_nm,
            replaced=v.good_slices.replaced,
            downsample=plan.cell_downsample,
        )

    def inputs(self, plan: Plan) -> Files:
        v, files = plan.volumes[self.volume], self.files
        found: Files = {"cells": files.table("cells")}
        if plan.has_cells(self.volume):
            labels = [f for s in self.kinds for f in every_slab(v, files.labels_level(s, self.level))]
            found |= {"labels": labels, "pieces": every_slab(v, files.pieces), "nodes": files.link("nodes")}
        return found

    def cost(self, plan: Plan) -> Cost:
        drawn = Figures.of(plan, Wildcards(volume=self.volume)).cost(plan)
        return Cost(drawn.seconds, super().cost(plan).mem_mb)


@dataclass(frozen=True)
class FigureLinks(VolumeJob):
    """Draws examples of what linking decided.

    level, factor: the pyramid level of the view in three dimensions, which is about as coarse as the pieces.
    """

    cells: str
    bad: tuple[int, ...]
    shape: tuple[int, int, int]
    voxel_size_nm: tuple[float, float, float]
    downsample: int
    level: int
    factor: tuple[int, int, int]

    rate: ClassVar[Rate] = CROPS

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> FigureLinks:
        v, downsample = plan.volumes[wc.volume], plan.cell_downsample
        level = max(i for i, one in enumerate(v.levels) if i == 0 or one.factor[1] <= downsample)
        return cls(
            v.name,
            plan.cells_name,
            bad=v.bad,
            shape=v.shape,
            voxel_size_nm=v.voxel_size_nm,
            downsample=downsample,
            level=level,
            factor=v.levels[level].factor,
        )

    def inputs(self, plan: Plan) -> Files:
        v, files = plan.volumes[self.volume], self.files
        return {
            "image": every_slab(v, files.image_level()),
            "final": every_slab(v, files.labels_level(self.cells)),
            "coarse": every_slab(v, files.labels_level(self.cells, self.level)) if self.level else [],
            "pieces": every_slab(v, files.pieces),
            "nodes": files.link("nodes"),
            "links": files.table("links"),
        }


@dataclass(frozen=True)
class LearningCurves(NetworkJob):
    """Draws the learning curves of one network."""

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> LearningCurves:
        return cls(wc.network)

    def inputs(self, plan: Plan) -> Files:
        return {"history": self.files.history}


@dataclass(frozen=True)
class Meshes(VolumeJob):
    """Writes the surfaces of the objects of one structure; max_voxels: of the grid that an object is put on."""

    structure: str
    is_cells: bool
    formats: list[str]
    max_voxels: int

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Meshes:
        settings = plan.config["meshes"]
        return cls(
            wc.volume,
            wc.structure,
            is_cells=wc.structure == plan.cells,
            formats=settings["formats"],
            max_voxels=settings["max_voxels"],
        )

    def inputs(self, plan: Plan) -> Files:
        tables = [self.files.table(name) for name in ("cells", "organelles")]
        return {"image": whole_image(plan, self.volume), "tables": tables}

    def cost(self, plan: Plan) -> Cost:
        return Cost(24 * 60, 500 + self.max_voxels * SURFACE_BYTES / 1e6)


@dataclass(frozen=True)
class ViewerFiles(VolumeJob):
    """Writes page, client, state and surfaces of a volume for any web server."""

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> ViewerFiles:
        return cls(wc.volume)

    def inputs(self, plan: Plan) -> Files:
        v, files, of_cells = plan.volumes[self.volume], self.files, plan.has_cells(self.volume)
        tables = ("cells", "organelles", "protrusions", *(("links", "label_next") if of_cells else ()))
        found: Files = {
            "image": whole_image(plan, self.volume),
            "tables": [files.table(name) for name in tables],
            "cards": [NetworkFiles(name).card for name in plan.networks],
        }
        if of_cells:
            carried = [files.propagated(gap.name) for gap in plan.gaps(self.volume)]
            pieces = every_slab(v, files.pieces)
            found |= {"nodes": files.link("nodes"), "pieces": pieces, "propagated": carried}
        return found

    def cost(self, plan: Plan) -> Cost:
        return Cost(12 * 60, 1200)
