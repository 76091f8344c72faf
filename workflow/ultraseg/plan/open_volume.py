"""Finding the files of a volume: slices, labels and truth as an entry of the configuration names them.

Done each time the Snakefile is parsed. So this module opens no file but the header of one slice per volume and of
multi-page files.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ultraseg.arrays.grey_values import PERCENTILES, WHOLE_RANGE, stored_as
from ultraseg.base.errors import Problems, UserError
from ultraseg.formats.pixel_size import check_pixel_size, doubtful_size
from ultraseg.formats.remote_zarr import is_address
from ultraseg.formats.slice_source import SliceRef, SliceSource
from ultraseg.grid.paths import RESULTS
from ultraseg.ingest.crop import Roi, resolve_roi, shift_source
from ultraseg.ingest.grey_window import evenly_spaced
from ultraseg.ingest.image_source import ImageHeader, image_header, resolve_image
from ultraseg.labels.planes import Planes, cropped, resolve_planes
from ultraseg.labels.source import LabelSource, resolve_labels
from ultraseg.link.edit_file import CellEdit, read_cell_edits
from ultraseg.phantom.volume import TRUTH, phantom_files
from ultraseg.plan.label_choice import Labels, check_inside, in_roi, on_good_slices, with_corrected
from ultraseg.plan.volume import Volume

log = logging.getLogger(__name__)

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class WholeStack:
    """What was found of a volume, before its roi is cut out; shape is z, y, x."""

    shape: tuple[int, int, int]
    dtype: str
    image: SliceSource
    labels: Labels
    truth: Labels
    phantom: dict[str, Any] | None = None
    planes: dict[str, Planes] = field(default_factory=dict)


def open_volume(name: str, settings: Settings, config: Settings) -> Volume:
    """The volume of one entry of ``volumes:``; finds its slices and reads one header. Raises UserError."""
    if os.path.exists(RESULTS) and not os.path.isdir(RESULTS):
        raise UserError(
            f"{RESULTS}: is a file in the working directory, where the folder of the results will be",
            "Move or rename it, or run in another folder (--directory).",
        )
    if "phantom" in settings:
        return _cut(name, settings, config, _phantom_stack(name, settings, config))
    if "planned" in settings:
        return replace(_cut(name, settings, config, _planned_stack(name, settings, config)), planned=True)
    where = f"volumes.{name}"
    problems, image, header = Problems(), None, None
    labels: Labels = {}
    truth: Labels = {}
    with problems.caught():
        image = _image(settings, config, f"{where}.image")
        header = _header(settings, image, where)
    for key, sources in (("labels", labels), ("truth", truth)):
        for structure, source in settings[key].items():
            with problems.caught():
                dense = key == "truth"
                sources[structure] = _labels(source, config, f"{where}.{key}.{structure}", image, dense)
                check_inside(f"{where}.{key}.{structure}", sources[structure], image)
    problems.raise_all()
    doubt = doubtful_size(settings["voxel_size_nm"], where)
    if doubt:
        log.warning(doubt)
    assert image is not None and header is not None  # else there was a problem
    _point_out_numbering(where, settings, image, labels)
    shape = (image.n_slices, *header.shape)
    planes = _planes(settings, config, f"{where}.labels", shape)
    return _cut(name, settings, config, WholeStack(shape, header.dtype, image, labels, truth, planes=planes))


def _planes(settings: Settings, config: Settings, where: str, shape: Sequence[int]) -> dict[str, Planes]:
    """The labelled planes across the slices, by structure. Raises one UserError for all that is wrong with them."""
    problems, found = Problems(), {}
    for structure, source in settings["labels"].items():
        if isinstance(source, str) or "planes" not in source:
            continue
        with problems.caught():
            planes = resolve_planes(source, lambda path: located(path, config), shape, f"{where}.{structure}")
            check_names([file for one in planes.values() for file in one.files])
            found[structure] = planes
    problems.raise_all()
    return found


def _header(settings: Settings, image: SliceSource, where: str) -> ImageHeader:
    """Size and type of the image's slices; UserError where its metadata tell another voxel size."""
    try:
        header = image_header(image)
    except UserError as error:
        raise UserError(f"{where}.image: {error.problem}", error.cure) from None
    if settings["check_pixel_size"]:
        check_pixel_size(header.pixel_size, settings["voxel_size_nm"], image.slices[0].file, where)
    return header


def _point_out_numbering(where: str, settings: Settings, image: SliceSource, labels: Labels) -> None:
    for structure, source in settings["labels"].items():
        unsaid = isinstance(source, str) or "first_slice_number" not in source
        if image.first_number and unsaid and labels[structure].slices[0].page is None:
            log.warning(
                "%s: the image slices are numbered from %d, but the labels of %s from 0; if their file names carry the "
                "numbers of the image, set first_slice_number: %d",
                where, image.first_number, structure, image.first_number,
            )  # fmt: skip


def _cut(name: str, settings: Settings, config: Settings, found: WholeStack) -> Volume:
    """A volume, cut to its roi, from what its entry says and from what was found for the whole stack."""
    where = f"volumes.{name}"
    roi = resolve_roi(settings.get("roi"), found.shape, where)
    window = _window(where, settings, found)
    folder = located(settings["corrections"], config) if "corrections" in settings else None
    choice = with_corrected(where, found.labels, folder, settings, config["structures"], found.image)
    labels = on_good_slices(where, settings["bad_slices"], found.image, choice.labels)
    bad = set(settings["bad_slices"])
    good = [z for z in found.image.zs if z not in bad]
    (start, stop), (top, bottom), (left, right) = roi
    if not any(start <= z < stop for z in good):
        raise UserError(
            f"{where}.roi: all slices of z {list(roi[0])} are bad or missing", "Choose other slices."
        )
    kept = in_roi(where, roi, labels)
    return Volume(
        name=name,
        shape=(stop - start, bottom - top, right - left),
        full_shape=found.shape,
        roi=roi,
        voxel_size_nm=tuple(settings["voxel_size_nm"]),
        slab_depth=config["slab_depth"],
        pyramid_levels=config["pyramid_levels"],
        stack=shift_source(found.image, start),
        sampled=[] if window else _window_slices(found.image, good),
        labels=kept,
        planes={
            s: here for s, planes in found.planes.items() if s in kept and (here := cropped(planes, roi))
        },
        labels_for_training={s: source.cropped(roi) for s, source in choice.taught.items()},
        labels_at_first={s: source.cropped(roi) for s, source in choice.first.items()},
        truth={s: source.cropped(roi) for s, source in found.truth.items()},
        dtype=found.dtype,
        bit_depth=settings["bit_depth"],
        window=window,
        percentiles=tuple(settings.get("window_percentiles", PERCENTILES)),
        phantom=found.phantom,
        missing=tuple(z - start for z in found.image.missing if start <= z < stop),
        declared_bad=tuple(sorted(z - start for z in settings["bad_slices"] if start <= z < stop)),
        good_of_stack=tuple(z - start for z in good),
        cell_edits=_cell_edits(where, settings, config, roi),
    )


def _window(where: str, settings: Settings, found: WholeStack) -> tuple[float, float] | None:
    """The window of grey values as far as no pixel must be read for it; UserError where it cannot be."""
    given = settings.get("intensity_window")
    if given is None and "window_percentiles" not in settings:
        given = WHOLE_RANGE.get(found.dtype)
    if settings["bit_depth"] == 16 and found.dtype in WHOLE_RANGE:
        raise UserError(
            f"{where}: bit_depth is 16, but the image {found.image.slices[0].file} has 8 bits ({found.dtype})",
            "Remove bit_depth, or set it to 8.",
        )
    if given is None:
        return None
    stored_as(found.dtype, given, settings["bit_depth"])  # refuses an empty window
    lo, hi = given
    return lo, hi


def _window_slices(image: SliceSource, good: Collection[int]) -> list[SliceRef]:
    """The slices of the whole stack, counted from its own start, that the window is taken from."""
    chosen = set(good)
    refs = [ref for ref in image.slices if ref.z in chosen]
    return [refs[i] for i in evenly_spaced(len(refs))]


def _cell_edits(where: str, settings: Settings, config: Settings, roi: Roi) -> tuple[CellEdit, ...]:
    """The user's edits of cells, in voxels of the roi."""
    if "cell_edits" not in settings:
        return ()
    if not any(structure["kind"] == "cells" for structure in config["structures"].values()):
        raise UserError(f"{where}.cell_edits: no structure is of kind 'cells'", "Remove cell_edits.")
    file = located(settings["cell_edits"], config)
    shape, origin = zip(*((stop - start, start) for start, stop in roi), strict=True)
    try:
        return read_cell_edits(file, shape, origin)
    except UserError as error:
        raise UserError(f"{where}.cell_edits: {error.problem}", error.cure) from None


def _image(settings: Settings, config: Settings, where: str) -> SliceSource:
    try:
        path, pattern = located(settings["image"], config), settings.get("slice_number_pattern")
        source = resolve_image(path, settings["missing_slices"], pattern)
        check_names(source.files)
        return source
    except UserError as error:
        raise UserError(f"{where}: {error.problem}", error.cure) from None


def _labels(
    source: str | Settings, config: Settings, where: str, image: SliceSource | None, dense: bool
) -> LabelSource:
    def locate(path: str) -> str:
        return located(path, config)

    try:
        found = resolve_labels(source, locate, image.n_slices if image else None, dense)
        check_names(found.files)
        return found
    except UserError as error:
        raise UserError(f"{where}: {error.problem}", error.cure) from None


def check_names(files: Sequence[str]) -> None:
    """Raise UserError for names of files that Snakemake would take for its wildcards, such as z{slab}.tif."""
    taken = [file for file in files if re.search(r"\{\s*\w", file) or "\n" in file]
    if taken:
        raise UserError(
            f"{taken[0]}: {len(taken)} file name(s) with a brace and a word behind it, or a line break",
            "Rename the files or folders: {name} stands for a wildcard of Snakemake.",
        )


def located(path: str, config: Settings) -> str:
    """A path of the configuration, from ``data_root`` on where it is relative; an address stays as it is."""
    if is_address(path):
        return path
    path = os.path.join(os.path.expanduser(config["data_root"]), os.path.expanduser(path))
    return os.path.normpath(path)


def _planned_stack(name: str, settings: Settings, config: Settings) -> WholeStack:
    """A volume without any file, for ``check`` to count what it would cost."""
    depth, height, width = settings["planned"]["shape"]
    labelled = _labelled_every(depth, settings["planned"]["label_every"])
    refs = [SliceRef(z, f"planned volume {name}, slice {z}", None) for z in range(depth)]
    labels = {s: LabelSource.of([refs[z] for z in labelled]) for s in config["structures"]}
    return WholeStack((depth, height, width), "uint8", SliceSource(tuple(refs)), labels, {})


def _phantom_stack(name: str, settings: Settings, config: Settings) -> WholeStack:
    """A volume whose files the run makes itself."""
    phantom = settings["phantom"]
    depth, height, width = phantom["shape"]
    labelled = _labelled_every(depth, phantom["label_every"])
    files = phantom_files(f"data/phantom/{name}", (depth, height, width), labelled)
    structures = config["structures"]
    labels: Labels = {}
    for structure in structures:
        if f"labels/{structure}" not in files:
            raise UserError(
                f"volumes.{name}: a phantom has no '{structure}'", f"Choose among {', '.join(TRUTH[:-1])}."
            )
        refs = zip(labelled, files[f"labels/{structure}"], strict=True)
        labels[structure] = LabelSource.of([SliceRef(z, file, None) for z, file in refs])
    truth: Labels = {}
    for structure, file in zip(TRUTH, files["truth"], strict=True):
        if structure in structures or structure == "protrusions":
            truth[structure] = LabelSource.of([SliceRef(z, file, z) for z in range(depth)])
    image = SliceSource(tuple(SliceRef(z, file, None) for z, file in enumerate(files["image"])))
    about = phantom | {"labelled": labelled, "files": [f for group in files.values() for f in group]}
    return WholeStack((depth, height, width), "uint8", image, labels, truth, about)


def _labelled_every(depth: int, step: int) -> list[int]:
    """Every so many slices, and the last one."""
    return sorted({*range(0, depth, step), depth - 1})
