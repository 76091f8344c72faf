"""Jobs that lay out empty arrays and groups, which the jobs of slabs then fill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ultraseg.grid.cut_maps import BRICK, USED_OFFSETS
from ultraseg.grid.paths import VolumeFiles
from ultraseg.grid.pyramid_levels import Level, chunk_and_shard
from ultraseg.jobs.ingest import window_files
from ultraseg.jobs.spec import Files, VolumeJob, Wildcards
from ultraseg.storage.ome_write import image_attributes, label_attributes, labels_attributes

if TYPE_CHECKING:
    from ultraseg.plan.plan import Plan
    from ultraseg.plan.volume import Volume

Layout = dict[str, dict[str, Any]]  # what zarr.json says, by the path of an array or group


@dataclass(frozen=True)
class ImageLayout(VolumeJob):
    """Writes zarr.json of the image's arrays, with the window of grey values among the attributes."""

    layout: Layout
    dtype: str
    window: tuple[float, float] | None
    bit_depth: int

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> ImageLayout:
        v = plan.volumes[wc.volume]
        return cls(v.name, cls.layout_of(v), v.dtype, v.window, v.bit_depth)

    @staticmethod
    def layout_of(v: Volume) -> Layout:
        files = VolumeFiles.of(v.name)
        return {files.image_level(i): _level(level, f"uint{v.bit_depth}") for i, level in enumerate(v.levels)}

    def inputs(self, plan: Plan) -> Files:
        return {"window": window_files(plan.volumes[self.volume])}


@dataclass(frozen=True)
class ImageGroup(ImageLayout):
    """Writes zarr.json of the image's group.

    Apart from the arrays, because no slab needs it: a slice that is declared bad changes it, and the slabs stay.
    """

    @staticmethod
    def layout_of(v: Volume) -> Layout:
        attributes = image_attributes(
            v.name, v.levels, v.voxel_size_nm, v.origin_nm, v.missing, v.declared_bad
        )
        return {VolumeFiles.of(v.name).image: {"attributes": attributes}}


@dataclass(frozen=True)
class ArrayLayout(VolumeJob):
    """Writes zarr.json of some arrays or groups of a volume."""

    layout: Layout


@dataclass(frozen=True)
class LabelGroups(ArrayLayout):
    """The group that lists the label images, and the group of each of them."""

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> LabelGroups:
        v, structures = plan.volumes[wc.volume], plan.structures_in(wc.volume)
        files = VolumeFiles.of(v.name)
        found: Layout = {files.label_images: {"attributes": labels_attributes(structures)}}
        for s in structures:
            attributes = label_attributes(s, v.levels, v.voxel_size_nm, v.origin_nm, v.bad)
            found[files.labels(s)] = {"attributes": attributes}
        return cls(v.name, found)


@dataclass(frozen=True)
class StructureLayout(ArrayLayout):
    """The arrays of the pyramid of one structure's final labels."""

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> StructureLayout:
        v, files = plan.volumes[wc.volume], VolumeFiles.of(wc.volume)
        levels = {
            files.labels_level(wc.structure, i): _level(level, "uint32") for i, level in enumerate(v.levels)
        }
        return cls(v.name, levels)


@dataclass(frozen=True)
class NetworkLayout(ArrayLayout):
    """The array of the maps of one network."""

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> NetworkLayout:
        v, net = plan.volumes[wc.volume], plan.networks[wc.network]
        plane = (len(net.channels), *v.plane(net.downsample))
        return cls(v.name, {VolumeFiles.of(v.name).probability(net.name): _slabs(v, plane, "uint8")})


@dataclass(frozen=True)
class CellLayout(ArrayLayout):
    """The arrays of flow and pieces, at the scale of the network of the cells."""

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> CellLayout:
        v, files = plan.volumes[wc.volume], VolumeFiles.of(wc.volume)
        plane = v.plane(plan.cell_downsample)
        layout = {
            files.flow: _slabs(v, (4, *plane), "float16"),
            files.pieces: _slabs(v, plane, "uint32"),
        }
        return cls(v.name, layout)


@dataclass(frozen=True)
class CutLayout(ArrayLayout):
    """The array of the cuts between cells, at the scale of the network of the cells; its shards are bricks."""

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> CutLayout:
        v, plane = plan.volumes[wc.volume], plan.volumes[wc.volume].plane(plan.cell_downsample)
        array = _slabs(v, (3 * len(USED_OFFSETS), *plane), "uint8", BRICK)
        array["shape"][0] = plan.cut_count(v.name)
        return cls(v.name, {VolumeFiles.of(v.name).cuts: array})


def arrays_of(plan: Plan, volume: str) -> Layout:
    """All arrays and groups of a volume's results."""
    specs: list[ImageLayout | ArrayLayout] = [
        kind.of(plan, Wildcards(volume=volume)) for kind in (ImageGroup, ImageLayout, LabelGroups)
    ]
    for structure in plan.structures_in(volume):
        specs.append(StructureLayout.of(plan, Wildcards(volume=volume, structure=structure)))
    for name in plan.networks_of(volume):
        specs.append(NetworkLayout.of(plan, Wildcards(volume=volume, network=name)))
    if plan.has_cells(volume):
        specs.append(CellLayout.of(plan, Wildcards(volume=volume)))
        if plan.has_cuts(volume):
            specs.append(CutLayout.of(plan, Wildcards(volume=volume)))
    return {path: what for spec in specs for path, what in spec.layout.items()}


def _slabs(v: Volume, plane: Sequence[int], dtype: str, depth: int | None = None) -> dict[str, Any]:
    chunk, shard = chunk_and_shard(plane, depth or v.slab_depth)
    return {
        "shape": [v.n_slices, *plane],
        "chunk": list(chunk),
        "shard": list(shard),
        "dtype": dtype,
        "axes": ["z", *(["channel"] if len(plane) == 3 else []), "y", "x"],
    }


def _level(level: Level, dtype: str) -> dict[str, Any]:
    parts = {"shape": level.shape, "chunk": level.chunk, "shard": level.shard}
    return {key: list(value) for key, value in parts.items()} | {"dtype": dtype, "axes": ["z", "y", "x"]}
