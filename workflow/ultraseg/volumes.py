"""The volumes of a run: their slices, labels and truth as found on disk, and how they are cut into slabs.

Made each time the Snakefile is parsed, so it opens no file but the header of one slice per volume and of
multi-page files.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from functools import cached_property

from ultraseg.errors import UserError
from ultraseg.phantom import TRUTH, phantom_files
from ultraseg.slabs import Level, pyramid_levels, slab_count, slab_range, slabs_of
from ultraseg.tiff_names import SliceRef, SliceSource, resolve_slices

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

    @property
    def n_slices(self) -> int:
        return self.shape[0]

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
    image = _resolve(settings["image"], config, f"{where}.image", "image")
    from ultraseg.tiff import read_header  # NumPy and tifffile: only where there is a file to open

    header = read_header(image.slices[0].file)
    shape = (len(image), *header.shape)
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
    )


def _make(name: str, settings: dict, config: dict, **found) -> Volume:
    """A volume from what every entry of the configuration says, and from what was found for it."""
    return Volume(
        name=name,
        voxel_size_nm=tuple(settings["voxel_size_nm"]),
        slab_depth=config["slab_depth"],
        pyramid_levels=config["pyramid_levels"],
        **found,
    )


def _resolve(source: str | dict, config: dict, where: str, kind: str) -> SliceSource:
    source = {"path": source} if isinstance(source, str) else source
    path = os.path.expanduser(source["path"])
    path = os.path.normpath(os.path.join(os.path.expanduser(config["data_root"]), path))
    try:
        return resolve_slices(path, source.get("first_slice_number", 0), source.get("slices"), kind)
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
