"""Jobs that carry the ids of cells between labelled slices, and cut the cells into pieces."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ultraseg.grid.cut_maps import bricks_with, gap_steps
from ultraseg.grid.gaps import AUTO, FLOW, VOLUME, Gap, gaps_of
from ultraseg.grid.paths import metadata, shard_file
from ultraseg.jobs.spec import Cost, Files, Rate, SlabJob, VolumeJob, Wildcards, slabs_with
from ultraseg.predict.map_source import MapSource

if TYPE_CHECKING:
    from ultraseg.plan.plan import Plan

FUSION_SLICES = 40  # of a gap take as much memory as the fusion of one slice


def cell_plane(plan: Plan, volume: str) -> tuple[int, int]:
    """Height and width of a slice at the scale of the network of the cells."""
    return plan.volumes[volume].plane(plan.cell_downsample)


class CellSlabJob(SlabJob):
    """A job of one slab of a volume; volumes without cells have no such jobs."""

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        return super().each(plan, name) if plan.has_cells(name) else []


@dataclass(frozen=True)
class Flow(CellSlabJob):
    """Optical flow between the good slices of one slab, and from the last of them to the next good slice.

    walk: all these slices in order; plane: height and width of the flow; method: as `Plan.method` tells it, or "flow"
    where linking needs the flow. Where "auto" chooses another method, nothing needs it.
    """

    plane: tuple[int, int]
    downsample: int
    walk: list[int]
    method: str
    settings: dict[str, Any]

    rate: ClassVar[Rate] = Rate(0.5, 0.87, 110, 25)

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        return super().each(plan, name) if plan.has_flow(name) else []

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Flow:
        v = plan.volumes[wc.volume]
        slab, plane = v.slab(wc.slab), cell_plane(plan, v.name)
        return cls(
            v.name,
            slab,
            plane=plane,
            downsample=plan.cell_downsample,
            walk=v.good_slices.walk(*slab, beyond=1),
            method=FLOW if plan.links_by_flow(v.name) else plan.method(v.name),
            settings=plan.config["flow"],
        )

    def inputs(self, plan: Plan) -> Files:
        v = plan.volumes[self.volume]
        return {
            "images": slabs_with(v, self.files.image_level(), self.walk),
            "array": metadata(self.files.flow),
            "chosen": [self.files.method] if self.method == AUTO else [],
        }

    def pixels(self, plan: Plan) -> tuple[float, float]:
        return self.depth * math.prod(self.plane), (self.depth + 1) * math.prod(self.plane)


@dataclass(frozen=True)
class Propagate(VolumeJob):
    """Carries ids through one gap from both of its labelled slices.

    A gap may lie around a labelled slice that is left out, as if the slice were not labelled. walk: the good slices of
    the gap; stand_ins: for each slice of the gap the good slice whose ids it shows; direction: empty, or the only
    direction in which ids are carried ("up", "down"); partial: whether slices are labelled in part; method: as
    `Plan.method` tells it; steps: the slices that get cells from cuts; cuts: for each of them its place in the array of
    cuts; near: the good slices near the first and the last slice to which ids are carried beforehand, from
    ``seed_confidence`` on. planes: kinds of labelled planes across the slices (xz, yz), of which nothing is told on the
    slices ``hidden``: bad ones, and those that are left out; step, n_slices: slices from one slice with cuts to the
    next, and of the stack. settings, volume_settings: of the method "flow" and of the method "volume".
    """

    gap: Gap
    walk: list[int]
    stand_ins: list[int]
    direction: str
    partial: bool
    network: str
    channels: list[int]
    downsample: int
    plane: tuple[int, int]
    method: str
    steps: list[int]
    cuts: list[int]
    near: tuple[list[int], list[int]]
    seed_confidence: float
    planes: list[str]
    hidden: list[int]
    step: int
    n_slices: int
    settings: dict[str, Any]
    volume_settings: dict[str, Any]

    rate: ClassVar[Rate] = Rate(0.8, 3.7, 150, 25)
    volume_rate: ClassVar[Rate] = Rate(1.0, 1.2, 200, 20)
    together_rate: ClassVar[float] = 50.0  # bytes of a voxel of what a job looks at together
    plane_rate: ClassVar[float] = (
        10.0  # bytes of a pixel of a plane across all slices, of which one is read at a time
    )

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Propagate:
        v, net, gap = plan.volumes[wc.volume], plan.cells_network, plan.gap(wc.volume, wc.gap)
        method, step = wc.method or plan.method(v.name), plan.depth_step(v.name)
        steps = [] if method == FLOW else gap_steps(gap.first, gap.last, step)
        # A job of the flow is told nothing of the other method, whose keys then make no such job run again.
        solid = {} if method == FLOW else dict(plan.config["agglomerate"])
        reach = max(0, min(solid.pop("seed_steps", 0) * step, (gap.last - gap.first - 1) // 2))
        good = v.good_slices.good_in
        near = good(gap.first, gap.first + reach + 1), good(gap.last - reach, gap.last + 1)
        planes = [*v.planes.get(plan.cells_name, {})]
        hidden = sorted({*v.bad, *v.labelled(plan.cells_name)} & {*range(gap.first + 1, gap.last)})
        return cls(
            v.name,
            gap,
            walk=good(gap.first, gap.last + 1),
            stand_ins=v.good_slices.stand_ins(gap.first, gap.last + 1),
            direction=wc.direction,
            partial=v.labels[plan.cells_name].partial and not wc.direction,
            network=net.name,
            channels=net.channels_of(plan.cells_name),
            downsample=net.downsample,
            plane=v.plane(net.downsample),
            method=method,
            steps=steps,
            cuts=[min((z + step // 2) // step, plan.cut_count(v.name) - 1) for z in steps],
            settings={key: value for key, value in plan.config["propagate"].items() if key != "method"},
            near=near if steps else ([], []),
            planes=planes,
            hidden=hidden if planes else [],
            step=step,
            n_slices=v.n_slices,
            seed_confidence=solid.pop("seed_confidence", 0.0),
            volume_settings=solid,
            **cls._more(plan, wc),
        )

    @classmethod
    def _more(cls, plan: Plan, wc: Wildcards) -> dict[str, Any]:
        """Fields of a sub-class."""
        return {}

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        if not plan.has_cells(name):
            return []
        gaps = [*plan.gaps(name), *plan.left_out(name).values()]
        return [Wildcards(volume=name, gap=gap.name) for gap in gaps]

    def inputs(self, plan: Plan) -> Files:
        v, files = plan.volumes[self.volume], self.files
        found: Files = {"labels": v.label_file(plan.cells_name), **self._carried_ends(plan)}
        found["planes"] = [*v.plane_files(plan.cells_name).values()]
        # In three dimensions ids are carried to the slices near the labelled ones alone, by a flow that the job makes.
        zs = [z for walk in self.near for z in walk] if self.method == VOLUME else self.walk
        flows = [] if self.method == VOLUME else self.walk[:-1] or self.walk
        found |= {
            "images": slabs_with(v, files.image_level(), zs),
            "flow": slabs_with(v, files.flow, flows, channels=True),
            "maps": slabs_with(v, files.probability(self.network), zs, channels=True),
        }
        if self.method != FLOW:
            found["cuts"] = [shard_file(files.cuts, b, 4) for b in bricks_with(self.cuts[0], self.cuts[-1])]
        return found | {"chosen": [files.method] if self.method == AUTO else []}

    def _carried_ends(self, plan: Plan) -> dict[str, list[str]]:
        """What neighbouring gaps carried to the ends of this gap, where slices are labelled in part: up and down."""
        found: dict[str, list[str]] = {"up": [], "down": []}
        if not plan.volumes[self.volume].labels[plan.cells_name].partial:
            return found
        for other in plan.gaps(self.volume):
            reaches_first = self.gap.first_given and other.first_given and other.last == self.gap.first
            reaches_last = self.gap.last_given and other.last_given and other.first == self.gap.last
            for direction, reaches in (("up", reaches_first), ("down", reaches_last)):
                if reaches and self.direction in ("", direction):
                    found[direction].append(self.files.carried(other.name, direction))
        return found

    def _plane_pixels(self, plan: Plan) -> int:
        """Pixels of each slice that are worked on."""
        return math.prod(cell_plane(plan, self.volume))

    def pixels(self, plan: Plan) -> tuple[float, float]:
        plane = self._plane_pixels(plan)
        worked = (self.gap.last - self.gap.first + 1) * plane
        return worked, worked + FUSION_SLICES * plane

    def cost(self, plan: Plan) -> Cost:
        worked, held = self.pixels(plan)
        solid = len(self.steps) * self._plane_pixels(plan)
        together = min(solid, plan.config["agglomerate"]["max_voxels"])
        of_methods = {FLOW: self.rate.cost(worked, held), VOLUME: self.volume_rate.cost(solid, solid)}
        of_methods[VOLUME] = of_methods[VOLUME]._replace(
            mem_mb=of_methods[VOLUME].mem_mb + self.together_rate * together / 1e6
        )
        # Nobody knows beforehand which one ``auto`` chooses.
        costs = [cost for method, cost in of_methods.items() if self.method in (method, AUTO)]
        whole_plane = self.n_slices * max(plan.volumes[self.volume].plane(1)) if self.planes else 0
        mem_mb = max(cost.mem_mb for cost in costs) + self.plane_rate * whole_plane / 1e6
        return Cost(max(cost.seconds for cost in costs), mem_mb)


@dataclass(frozen=True)
class TryMethod(Propagate):
    """Carries ids past a labelled slice by one method, to compare it with the other.

    left_out: this slice, which the gap lies around; most_pixels: of the window of the slice that is worked on; flow:
    settings of the flow, which the job makes itself.
    """

    left_out: int
    most_pixels: int
    flow: dict[str, Any]

    # With the flow in both directions.
    rate: ClassVar[Rate] = Propagate.rate._replace(per_mpx=Propagate.rate.per_mpx + Flow.rate.per_mpx)

    @classmethod
    def _more(cls, plan: Plan, wc: Wildcards) -> dict[str, Any]:
        (left_out,) = (z for z, gap in plan.tries(wc.volume).items() if gap.name == wc.gap)
        flow = plan.config["flow"] if wc.method == FLOW else {}
        return {"left_out": left_out, "most_pixels": plan.tried_pixels(wc.volume), "flow": flow}

    def inputs(self, plan: Plan) -> Files:
        return super().inputs(plan) | {"flow": []}

    def _plane_pixels(self, plan: Plan) -> int:
        return self.most_pixels

    def _carried_ends(self, plan: Plan) -> dict[str, list[str]]:
        # What neighbouring gaps carry waits for the choice, which waits for this job.
        return {"up": [], "down": []}

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        if not plan.has_cells(name) or plan.method(name) != AUTO:
            return []
        gaps = plan.tries(name).values()
        return [Wildcards(volume=name, gap=gap.name, method=m) for m in (FLOW, VOLUME) for gap in gaps]


@dataclass(frozen=True)
class Cells(CellSlabJob):
    """Cuts the cells of one slab into 2D pieces.

    gaps: those that hold the slices of the slab; good: the good slices.
    """

    gaps: list[Gap]
    good: list[int]
    network: str
    channels: list[int]
    foreground_threshold: float
    settings: dict[str, Any]

    rate: ClassVar[Rate] = Rate(0.95, 0.12, 220, 8)

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        return [] if plan.ready_cells else super().each(plan, name)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Cells:
        v, config, net = plan.volumes[wc.volume], plan.config, plan.cells_network
        slab = v.slab(wc.slab)
        return cls(
            v.name,
            slab,
            gaps=gaps_of(plan.gaps(v.name), *slab),
            good=v.good_slices.good_in(*slab),
            network=net.name,
            channels=net.channels_of(plan.cells_name),
            foreground_threshold=config["propagate"]["foreground_threshold"],
            settings=_of_pieces(plan),
        )

    def inputs(self, plan: Plan) -> Files:
        v, files = plan.volumes[self.volume], self.files
        return {
            "gaps": [files.propagated(gap.name) for gap in self.gaps],
            "maps": slabs_with(v, files.probability(self.network), range(*self.slab), channels=True),
            "array": metadata(files.pieces),
        }

    def pixels(self, plan: Plan) -> tuple[float, float]:
        return _piece_pixels(plan, self)


@dataclass(frozen=True)
class TakeCells(CellSlabJob):
    """Cuts the cells of one slab, which another program made, into 2D pieces.

    good: the good slices; shown: the slice of the whole stack that each of them shows; crop: the part of these slices
    that is used; plane: height and width of the pieces, which are ``downsample`` times smaller than the image.
    """

    source: MapSource
    good: list[int]
    shown: list[int]
    crop: tuple[tuple[int, int], tuple[int, int]]
    plane: tuple[int, int]
    downsample: int
    settings: dict[str, Any]

    rate: ClassVar[Rate] = Rate(0.95, 0.12, 490, 8)  # a block of deep chunks is 270 MB at most

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        return super().each(plan, name) if plan.ready_cells else []

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> TakeCells:
        v = plan.volumes[wc.volume]
        slab = v.slab(wc.slab)
        good = v.good_slices.good_in(*slab)
        return cls(
            v.name,
            slab,
            source=plan.ready[plan.cells_name][v.name],
            good=good,
            shown=[v.roi[0][0] + z for z in good],
            crop=v.plane_crop,
            plane=cell_plane(plan, v.name),
            downsample=plan.cell_downsample,
            settings=_of_pieces(plan),
        )

    def inputs(self, plan: Plan) -> Files:
        read = self.source.files(self.source.rows(self.shown))
        return {"objects": read, "array": metadata(self.files.pieces)}

    def pixels(self, plan: Plan) -> tuple[float, float]:
        return _piece_pixels(plan, self)


def _of_pieces(plan: Plan) -> dict[str, Any]:
    """The settings by which a slice is cut into pieces."""
    return {key: value for key, value in plan.config["cells"].items() if key != "downsample"}


def _piece_pixels(plan: Plan, job: SlabJob) -> tuple[float, float]:
    pixels = job.depth * math.prod(cell_plane(plan, job.volume))
    return pixels, pixels
