"""A volume of a run: its slices, labels and truth, its slabs and pyramid levels, its good and bad slices."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ultraseg.arrays.grey_values import PERCENTILES
from ultraseg.formats.slice_source import SliceRef, SliceSource
from ultraseg.grid.good_slices import GoodSlices, bridge_weights
from ultraseg.grid.paths import VolumeFiles
from ultraseg.grid.pyramid_levels import Level, pyramid_levels
from ultraseg.grid.slabs import ceil_div, slab_count, slab_range, slabs_of
from ultraseg.ingest.crop import Roi
from ultraseg.labels.planes import Planes
from ultraseg.labels.source import LabelSource
from ultraseg.link.edit_file import CellEdit

MEASURED_VOXELS = 2**26  # labels of this many voxels and their distances take about 1 GB


@dataclass
class Volume:
    """One image stack with its labels and truth, or the region of interest (``roi``) of a stack; shapes are z, y, x.

    Slices, labels and truth are counted from the first slice of the roi. The files hold slices of the whole stack,
    whose shape is ``full_shape``.

    stack: all slices of the whole stack; slices before the roi have negative numbers.
    labels: the labels that results are made from, with all corrections.
    labels_for_training: the labels that networks learn from, for structures with corrections only.
    labels_at_first: the labels without any correction, for structures with corrections only.
    planes: labelled planes across the slices, of structures that have some; as the user gave them.
    dtype: pixel type of the source.
    window: grey values that become 0 and 255; None where the window is measured at ``percentiles`` of the slices
    ``sampled``.
    missing: slices that no file shows; declared_bad: slices that the configuration calls bad.
    good_of_stack: the good slices of the whole stack.
    """

    name: str
    shape: tuple[int, int, int]
    voxel_size_nm: tuple[float, float, float]
    slab_depth: int
    stack: SliceSource
    labels: dict[str, LabelSource]
    truth: dict[str, LabelSource]
    full_shape: tuple[int, int, int]
    roi: Roi
    sampled: list[SliceRef]
    dtype: str = "uint8"
    bit_depth: int = 8
    window: tuple[float, float] | None = None
    percentiles: tuple[float, float] = PERCENTILES
    phantom: dict[str, Any] | None = None
    planned: bool = False
    pyramid_levels: int = 5
    missing: tuple[int, ...] = ()
    declared_bad: tuple[int, ...] = ()
    good_of_stack: tuple[int, ...] = ()
    labels_for_training: dict[str, LabelSource] = field(default_factory=dict)
    labels_at_first: dict[str, LabelSource] = field(default_factory=dict)
    cell_edits: tuple[CellEdit, ...] = ()
    planes: dict[str, Planes] = field(default_factory=dict)

    @property
    def n_slices(self) -> int:
        return self.shape[0]

    @cached_property
    def image(self) -> SliceSource:
        """The slices of the image."""
        return replace(self.stack, slices=tuple(self.stack.range(0, self.n_slices)))

    @property
    def plane_crop(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The part of each slice of the source that is used: start and stop in y and x."""
        return self.roi[1:]

    @property
    def origin_nm(self) -> tuple[float, ...]:
        """Where the first voxel lies in the whole stack."""
        return tuple(start * size for (start, _), size in zip(self.roi, self.voxel_size_nm, strict=True))

    @cached_property
    def bad(self) -> tuple[int, ...]:
        """Slices that every step passes over, because they are missing or declared bad."""
        return tuple(sorted({*self.missing, *self.declared_bad}))

    @cached_property
    def good_slices(self) -> GoodSlices:
        """Which slices are good, and which good slices stand in for bad ones."""
        return GoodSlices(self.n_slices, self.bad)

    def bridges(self, start: int, stop: int) -> dict[int, list[tuple[int, float]]]:
        """Missing slice with start <= z < stop -> the good slices that its image is mixed from, with weights.

        The good slices may lie outside the roi.
        """
        missing = [z for z in self.missing if start <= z < stop]
        return bridge_weights(missing, self.good_of_stack)

    def recorded(self, start: int, stop: int) -> list[SliceRef]:
        """The slices that the image of start <= z < stop is read from: its own, and those that bridge missing ones."""
        wanted = {z for sources in self.bridges(start, stop).values() for z, _ in sources}
        beside = [ref for z in wanted if not start <= z < stop for ref in self.stack.range(z, z + 1)]
        return sorted([*self.stack.range(start, stop), *beside])

    @property
    def files(self) -> VolumeFiles:
        """The files of the results."""
        return VolumeFiles.of(self.name)

    @property
    def folder(self) -> str:
        return self.files.folder

    @cached_property
    def levels(self) -> list[Level]:
        return pyramid_levels(self.shape, self.voxel_size_nm, self.slab_depth, self.pyramid_levels)

    @property
    def factors(self) -> list[tuple[int, int, int]]:
        """Voxels of level 0 that one voxel of each level covers."""
        return [level.factor for level in self.levels]

    @property
    def measure_level(self) -> int:
        """The finest pyramid level that memory holds whole: the level that distances are measured on."""
        fits = [i for i, level in enumerate(self.levels) if math.prod(level.shape) <= MEASURED_VOXELS]
        return fits[0] if fits else len(self.levels) - 1

    @property
    def view_level(self) -> int:
        """The finest pyramid level whose slices are at most 320 pixels wide: the level of the 3D view."""
        fits = [i for i, level in enumerate(self.levels) if max(level.shape[1:]) <= 320]
        return fits[0] if fits else len(self.levels) - 1

    @property
    def description(self) -> str:
        """Size and labels in a line, for people."""
        voxels, nm = (" x ".join(f"{n:g}" for n in numbers) for numbers in (self.shape, self.voxel_size_nm))
        sizes = zip(self.shape, self.voxel_size_nm, strict=True)
        um = " x ".join(f"{n * size / 1000:.3g}" for n, size in sizes)
        labelled = ", ".join(f"{s} on {len(self.labelled(s))}" for s in self.labels)
        return f"{voxels} voxels of {nm} nm, {um} µm (z, y, x); labelled slices: {labelled or 'none'}"

    @property
    def slabs(self) -> range:
        return range(slab_count(self.n_slices, self.slab_depth))

    def slab(self, number: int) -> tuple[int, int]:
        """First slice of a slab and the one after its last."""
        return slab_range(number, self.n_slices, self.slab_depth)

    def slabs_of(self, start: int, stop: int) -> list[int]:
        """Slabs that hold slices with start <= z < stop."""
        return slabs_of(start, stop, self.n_slices, self.slab_depth)

    def taught(self, structure: str) -> list[int]:
        """Labelled slices of a structure that a network may learn from."""
        source = self.labels_for_training.get(structure, self.labels.get(structure))
        return source.zs if source else []

    def labelled_at_first(self, structure: str) -> list[int]:
        """Labelled slices of a structure, without slices that only corrections label."""
        source = self.labels_at_first.get(structure, self.labels.get(structure))
        return source.zs if source else []

    def label_file(self, structure: str) -> str:
        """The file with the checked labels of a structure that results are made from."""
        return self.files.checked_labels(structure, corrected=self._corrected_apart(structure))

    def coverage_file(self, structure: str) -> str:
        """The table of what these labels cover."""
        return self.files.coverage(structure, corrected=self._corrected_apart(structure))

    def _corrected_apart(self, structure: str) -> bool:
        """Whether results are made from other labels than networks learn from."""
        taught = self.labels_for_training.get(structure)
        return taught is not None and taught != self.labels[structure]

    def labelled(self, structure: str) -> list[int]:
        """Labelled slices of a structure."""
        return self.labels[structure].zs if structure in self.labels else []

    def files_of_labels(self, structure: str) -> set[str]:
        """The user's files of the labels of a structure, planes across the slices included."""
        sources = [self.labels[structure], *self.planes.get(structure, {}).values()]
        return {file for source in sources for file in source.files}

    def plane_files(self, structure: str) -> dict[str, str]:
        """The file with the checked labels of each kind of planes across the slices, xz and yz."""
        return {
            plane: self.files.checked_planes(structure, plane) for plane in self.planes.get(structure, {})
        }

    def first_label_number(self, structure: str) -> int:
        """The number that the first slice of the whole stack has in the user's label files."""
        return self.labels[structure].first_number - self.roi[0][0]

    def plane(self, downsample: int) -> tuple[int, int]:
        """Height and width of a slice at a network's scale."""
        _, height, width = self.shape
        return ceil_div(height, downsample), ceil_div(width, downsample)
