"""The volumes of a run: their slices, labels and truth as found on disk, and how they are cut into slabs.

Made each time the Snakefile is parsed, so it opens no file but the header of one slice per volume and of
multi-page files.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from functools import cached_property

from ultraseg.errors import UserError
from ultraseg.phantom import TRUTH, phantom_files
from ultraseg.slabs import Level, pyramid_levels, slab_count, slab_range, slabs_of
from ultraseg.stepping import Stepping, bridge_weights
from ultraseg.tiff_names import SliceRef, SliceSource, format_numbers, resolve_slices

log = logging.getLogger(__name__)

RESULTS = "results"


@dataclass
class Volume:
    """One image stack with its labels and truth; all shapes are z, y, x."""

    name: str
    shape: tuple[int, int, int]
    voxel_size_nm: tuple[float, float, float]
    slab_depth: int
    image: SliceSource
    labels: dict[str, SliceSource]
    truth: dict[str, SliceSource]
    dtype: str = "uint8"
    window: tuple[float, float] | None = None
    phantom: dict | None = None
    pyramid_levels: int = 5
    missing: tuple[int, ...] = ()
    declared_bad: tuple[int, ...] = ()

    @property
    def n_slices(self) -> int:
        return self.shape[0]

    @cached_property
    def bad(self) -> tuple[int, ...]:
        """Slices that are stepped over, because they are missing or declared bad."""
        return tuple(sorted({*self.missing, *self.declared_bad}))

    @cached_property
    def stepping(self) -> Stepping:
        """Which slices are good, and which stand in for the others."""
        return Stepping(self.n_slices, self.bad)

    def bridges(self, start: int, stop: int) -> dict[int, list[tuple[int, float]]]:
        """For the missing slices of start <= z < stop: the good slices that their image is mixed from, with weights."""
        missing = [z for z in self.missing if start <= z < stop]
        return bridge_weights(missing, self.stepping.good)

    def recorded(self, start: int, stop: int) -> list[SliceRef]:
        """Where the image of start <= z < stop is read from: its own slices and those that bridge missing ones."""
        wanted = {z for sources in self.bridges(start, stop).values() for z, _ in sources}
        return [ref for ref in self.image.slices if start <= ref.z < stop or ref.z in wanted]

    @property
    def folder(self) -> str:
        return f"{RESULTS}/{self.name}"

    @cached_property
    def levels(self) -> list[Level]:
        return pyramid_levels(self.shape, self.voxel_size_nm, self.slab_depth, self.pyramid_levels)

    @property
    def view_level(self) -> int:
        """The finest pyramid level whose slices are at most 320 pixels wide: what the 3D view shows."""
        fits = [i for i, level in enumerate(self.levels) if max(level.shape[1:]) <= 320]
        return fits[0] if fits else len(self.levels) - 1

    @property
    def slabs(self) -> range:
        return range(slab_count(self.n_slices, self.slab_depth))

    def slab(self, number: int) -> tuple[int, int]:
        """First slice of a slab and the one after its last."""
        return slab_range(number, self.n_slices, self.slab_depth)

    def slabs_of(self, start: int, stop: int) -> list[int]:
        """Slabs that hold the slices start <= z < stop, as far as they exist."""
        return slabs_of(start, stop, self.n_slices, self.slab_depth)

    def labelled(self, structure: str) -> list[int]:
        """Labelled slices of a structure."""
        return self.labels[structure].zs if structure in self.labels else []

    def plane(self, downsample: int) -> tuple[int, int]:
        """Height and width of a slice at a network's scale."""
        return tuple(-(-n // downsample) for n in self.shape[1:])


def open_volume(name: str, settings: dict, config: dict) -> Volume:
    """The volume of one entry of ``volumes:``; finds its slices and reads one header. Raises UserError."""
    if "phantom" in settings:
        return _phantom_volume(name, settings, config)
    where = f"volumes.{name}"
    image = _resolve(settings["image"], config, f"{where}.image", "image", settings["missing_slices"])
    from ultraseg.tiff import read_header  # NumPy and tifffile: only where there is a file to open

    header = read_header(image.slices[0].file)
    shape = (image.n_slices, *header.shape)
    labels = {
        s: _resolve(source, config, f"{where}.labels.{s}", "labels")
        for s, source in settings["labels"].items()
    }
    truth = {
        s: _resolve(source, config, f"{where}.truth.{s}", "labels") for s, source in settings["truth"].items()
    }
    for structure, source in settings["labels"].items():
        unsaid = isinstance(source, str) or "first_slice_number" not in source
        if image.first_number and unsaid and labels[structure].slices[0].page is None:
            log.warning(
                "%s: the image slices are numbered from %d, but the labels of %s from 0; if their file names carry the "
                "numbers of the image, set first_slice_number: %d",
                where, image.first_number, structure, image.first_number,
            )  # fmt: skip
    for key, sources in (("labels", labels), ("truth", truth)):
        for structure, source in sources.items():
            beyond = [ref for ref in source.slices if not 0 <= ref.z < shape[0]]
            if beyond:
                raise UserError(
                    f"{where}.{key}.{structure}: {beyond[0].file} is slice {beyond[0].z} (counted from 0), "
                    f"the image has slices 0 to {shape[0] - 1}",
                    "Set first_slice_number to the number of the first image slice, or remove the file.",
                )
    window = settings.get("intensity_window")
    return _make(
        name,
        settings,
        config,
        shape=shape,
        image=image,
        labels=labels,
        truth=truth,
        dtype=str(header.dtype),
        window=tuple(window) if window else None,
        missing=tuple(image.missing),
    )


def _make(name: str, settings: dict, config: dict, **found) -> Volume:
    """A volume from what every entry of the configuration says, and from what was found for it."""
    volume = Volume(
        name=name,
        voxel_size_nm=tuple(settings["voxel_size_nm"]),
        slab_depth=config["slab_depth"],
        pyramid_levels=config["pyramid_levels"],
        declared_bad=tuple(sorted(settings["bad_slices"])),
        **found,
    )
    _check_bad(volume)
    volume.labels = {s: _without_bad(volume, s, source) for s, source in volume.labels.items()}
    return volume


def _check_bad(volume: Volume) -> None:
    where, n = f"volumes.{volume.name}.bad_slices", volume.n_slices
    beyond = [z for z in volume.declared_bad if z >= n]
    if beyond:
        raise UserError(
            f"{where}: slice(s) {format_numbers(beyond)} lie beyond the stack, which has slices 0 to {n - 1}",
            "Count from the first slice of the stack, which is 0 whatever the number in its name.",
        )
    if len(volume.bad) == n:
        raise UserError(f"{where}: all {n} slices are bad or missing", "Leave at least one good slice.")


def _without_bad(volume: Volume, structure: str, source: SliceSource) -> SliceSource:
    """The labels of a structure but for those on slices that are declared bad; UserError for missing slices."""
    where = f"volumes.{volume.name}.labels.{structure}"
    lost = [ref for ref in source.slices if ref.z in volume.missing]
    if lost:
        raise UserError(
            f"{where}: slice(s) {format_numbers([ref.z for ref in lost])} are labelled but missing from the image "
            f"({lost[0].file})",
            "Check first_slice_number (labels count from the first slice of the stack), or remove these labels.",
        )
    unused = [ref.z for ref in source.slices if ref.z in volume.declared_bad]
    if not unused:
        return source
    if len(unused) == len(source):
        raise UserError(
            f"{where}: all labelled slices ({format_numbers(unused)}) are declared bad",
            "Label a good slice, or take the slices out of bad_slices.",
        )
    log.warning(
        "%s: the labels of slice(s) %s are not used, because bad_slices declares these bad",
        where, format_numbers(unused),
    )  # fmt: skip
    kept = tuple(ref for ref in source.slices if ref.z not in volume.declared_bad)
    return replace(source, slices=kept)


def _resolve(
    source: str | dict, config: dict, where: str, kind: str, missing_slices: str = "error"
) -> SliceSource:
    source = {"path": source} if isinstance(source, str) else source
    path = os.path.expanduser(source["path"])
    path = os.path.normpath(os.path.join(os.path.expanduser(config["data_root"]), path))
    try:
        return resolve_slices(
            path, source.get("first_slice_number", 0), source.get("slices"), kind, missing_slices
        )
    except UserError as error:
        raise UserError(f"{where}: {error.problem}", error.cure) from None


def _phantom_volume(name: str, settings: dict, config: dict) -> Volume:
    phantom = settings["phantom"]
    shape = tuple(phantom["shape"])
    labelled = sorted({*range(0, shape[0], phantom["label_every"]), shape[0] - 1})
    files = phantom_files(f"data/phantom/{name}", shape, labelled)
    structures = config["structures"]
    labels = {}
    for structure in structures:
        if f"labels/{structure}" not in files:
            raise UserError(
                f"volumes.{name}: a phantom has no '{structure}'", f"Choose among {', '.join(TRUTH[:-1])}."
            )
        refs = zip(labelled, files[f"labels/{structure}"], strict=True)
        labels[structure] = SliceSource(tuple(SliceRef(z, file, None) for z, file in refs))
    truth = {}
    for structure, file in zip(TRUTH, files["truth"], strict=True):
        if structure in structures or structure == "protrusions":
            truth[structure] = SliceSource(tuple(SliceRef(z, file, z) for z in range(shape[0])))
    image = SliceSource(tuple(SliceRef(z, file, None) for z, file in enumerate(files["image"])))
    return _make(
        name,
        settings,
        config,
        shape=shape,
        image=image,
        labels=labels,
        truth=truth,
        phantom=phantom | {"labelled": labelled, "files": [f for group in files.values() for f in group]},
    )
