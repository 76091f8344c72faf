"""Jobs that link pieces through z and write the final cells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ultraseg.grid.paths import metadata
from ultraseg.jobs.cells import CellSlabJob, cell_plane
from ultraseg.jobs.spec import Files, Rate, VolumeJob, Wildcards, slabs_with
from ultraseg.link.edit_file import CellEdit, voxels_of

if TYPE_CHECKING:
    from ultraseg.plan.plan import Plan

# Slices that are filled in between two slices of a body, and pixels at the scale of the cells that they are thick: over
# more the body need not be straight, and the space beside it may be as thick. One slice is filled in any case.
MOST_LOST, MOST_THICK = 4, 4
# Slices of which linking holds all pieces at a time: a block (`sweep.volume.BLOCK_SLICES`) and as many for the pieces
# before it that wait for paths from later blocks; in the demo these were never more than 13 slices have. Thin slices
# with few pieces make a block of more slices, of so many pixels.
HELD_SLICES, HELD_PIXELS = 64, 6_000_000


OF_EDGES = ("max_gap", "by_flow")  # settings of the section `link` that concern overlaps alone


@dataclass(frozen=True)
class LinkEdges(CellSlabJob):
    """Overlaps between the pieces of neighbouring good slices that start in one slab.

    walk: the good slices of the slab, and the good slices after the slab that links from the slab reach; by_flow:
    whether pieces are moved by optical flow before they are compared.
    """

    walk: list[int]
    max_gap: int
    by_flow: bool

    rate: ClassVar[Rate] = Rate(0.5, 0.11, 170, 17)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> LinkEdges:
        v, max_gap = plan.volumes[wc.volume], plan.config["link"]["max_gap"]
        slab = v.slab(wc.slab)
        return cls(
            v.name,
            slab,
            walk=v.good_slices.walk(*slab, beyond=1 + max_gap),
            max_gap=max_gap,
            by_flow=plan.links_by_flow(v.name),
        )

    def inputs(self, plan: Plan) -> Files:
        v, walk = plan.volumes[self.volume], self.walk
        flows = (walk[:-1] or walk) if self.by_flow else []
        return {
            "pieces": slabs_with(v, self.files.pieces, walk),
            "flow": slabs_with(v, self.files.flow, flows, channels=True),
        }

    def pixels(self, plan: Plan) -> tuple[float, float]:
        plane = math.prod(cell_plane(plan, self.volume))
        return self.depth * plane, (self.depth + 2 + self.max_gap) * plane


@dataclass(frozen=True)
class Link(VolumeJob):
    """Joins all pieces of a volume to cells, to new cells, or to none.

    edits: of the user; voxels: z, y, x of every voxel that an edit names, and the good slice whose cells z shows.
    """

    settings: dict[str, Any]
    edits: tuple[CellEdit, ...]
    voxels: list[tuple[int, int, int, int]]
    downsample: int

    rate: ClassVar[Rate] = Rate(1.0, 0.17, 230, 4)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Link:
        v = plan.volumes[wc.volume]
        settings = {key: value for key, value in plan.config["link"].items() if key not in OF_EDGES}
        if plan.ready_cells:
            settings["learn"] = False  # nothing is left to foretell
        voxels = [(z, y, x, v.good_slices.stand_in(z)) for z, y, x in voxels_of(v.cell_edits)]
        return cls(v.name, settings, v.cell_edits, voxels, plan.cell_downsample)

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        return super().each(plan, name) if plan.has_cells(name) else []

    def inputs(self, plan: Plan) -> Files:
        v, files = plan.volumes[self.volume], self.files
        return {
            "tables": [files.piece_table(slab) for slab in v.slabs],
            "edges": [files.edges(slab) for slab in v.slabs],
            # Ids of new cells are above all ids of the user, those of planes across the slices included.
            "labels": [*cell_labels(plan, self.volume), *v.plane_files(plan.cells_name).values()],
            "pieces": slabs_with(v, files.pieces, [shown for *_, shown in self.voxels]),
        }

    def pixels(self, plan: Plan) -> tuple[float, float]:
        plane, n_slices = math.prod(cell_plane(plan, self.volume)), plan.volumes[self.volume].n_slices
        return n_slices * plane, min(max(HELD_SLICES * plane, HELD_PIXELS), n_slices * plane)


@dataclass(frozen=True)
class LinkRelabel(CellSlabJob):
    """Writes the final cells of one slab at all pyramid levels.

    stand_ins: for every slice of the slab the good slice whose cells it shows; walk: these good slices, and ``span``
    more on either side; plane: of the image; factors: of the pyramid levels.
    """

    structure: str
    stand_ins: list[int]
    walk: list[int]
    span: int
    max_hole_area: int
    plane: tuple[int, int]
    downsample: int
    factors: list[tuple[int, int, int]]

    rate: ClassVar[Rate] = Rate(1.5, 0.029, 170, 6)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> LinkRelabel:
        v, downsample = plan.volumes[wc.volume], plan.cell_downsample
        slab, settings = v.slab(wc.slab), plan.config["link"]
        shown = v.good_slices.stand_ins(*slab)
        thick = int(MOST_THICK * v.voxel_size_nm[1] * downsample / v.voxel_size_nm[0])
        span = min(max(settings["bridge_slices"], settings["max_gap"]), MOST_LOST, max(thick, 1))
        return cls(
            v.name,
            slab,
            plan.cells_name,
            stand_ins=shown,
            walk=v.good_slices.around(min(shown), max(shown), span),
            span=span,
            max_hole_area=plan.config["cells"]["max_hole_area"],
            plane=v.plane(1),
            downsample=downsample,
            factors=v.factors,
        )

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        return [] if plan.ready_cells else super().each(plan, name)  # `TakeObjects` writes ready cells

    def inputs(self, plan: Plan) -> Files:
        files = self.files
        return {
            "nodes": files.link("nodes"),
            "ids": files.link("ids"),
            "pieces": slabs_with(plan.volumes[self.volume], files.pieces, self.walk),
            "labels": cell_labels(plan, self.volume),
            "array": metadata(files.labels_level(self.structure)),  # one job writes those of all levels
        }

    def pixels(self, plan: Plan) -> tuple[float, float]:
        image, small = math.prod(self.plane), math.prod(cell_plane(plan, self.volume))
        return self.depth * (image + small), self.depth * image + (2 * self.span + 1) * small


def cell_labels(plan: Plan, volume: str) -> list[str]:
    """The checked cell labels of a volume that has any."""
    v = plan.volumes[volume]
    return [v.label_file(plan.cells_name)] if plan.cells_name in v.labels else []
