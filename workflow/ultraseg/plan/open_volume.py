"""Finding the files of a volume: slices, labels and truth as an entry of the configuration names them.

Done each time the Snakefile is parsed, so it opens no file but the header of one slice per volume and of
multi-page files.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from dataclasses import replace

from ultraseg.arrays.grey_values import PERCENTILES, WHOLE_RANGE, stored_as
from ultraseg.base.errors import Problems, UserError
from ultraseg.base.text import format_numbers
from ultraseg.ingest.crop import Roi, crop_source, resolve_roi, shift_source
from ultraseg.ingest.grey_window import sampled
from ultraseg.ingest.image_source import ImageHeader, image_header, resolve_image
from ultraseg.ingest.pixel_size import check_pixel_size
from ultraseg.ingest.slice_source import SliceRef, SliceSource
from ultraseg.labels.source import LabelSource, resolve_labels, with_corrections
from ultraseg.link.edit_file import CellEdit, read_cell_edits
from ultraseg.phantom.volume import TRUTH, phantom_files
from ultraseg.plan.volume import Volume

log = logging.getLogger(__name__)


def open_volume(name: str, settings: dict, config: dict) -> Volume:
    """The volume of one entry of ``volumes:``; finds its slices and reads one header. Raises UserError."""
    if "phantom" in settings:
        return _phantom_volume(name, settings, config)
    if "planned" in settings:
        return _planned_volume(name, settings, config)
    where = f"volumes.{name}"
    problems, image, labels, truth = Problems(), None, {}, {}
    with problems.caught():
        image = _image(settings["image"], config, f"{where}.image", settings["missing_slices"])
        header = _header(settings, image, where)
    for key, sources in (("labels", labels), ("truth", truth)):
        for structure, source in settings[key].items():
            with problems.caught():
                sources[structure] = _labels(source, config, f"{where}.{key}.{structure}")
                _check_inside(f"{where}.{key}.{structure}", sources[structure], image)
    problems.raise_all()
    _point_out_numbering(where, settings, image, labels)
    full = (image.n_slices, *header.shape)
    return _make(name, settings, config, full, header.dtype, image, labels, truth)


def _header(settings: dict, image: SliceSource, where: str) -> ImageHeader:
    """Size and type of the image's slices; UserError where its metadata tell another voxel size."""
    try:
        header = image_header(image)
    except UserError as error:
        raise UserError(f"{where}.image: {error.problem}", error.cure) from None
    if settings["check_pixel_size"]:
        check_pixel_size(header.pixel_size, settings["voxel_size_nm"], image.slices[0].file, where)
    return header


def _check_inside(where: str, source: SliceSource, image: SliceSource | None) -> None:
    beyond = [ref for ref in source.slices if image and not 0 <= ref.z < image.n_slices]
    if beyond:
        raise UserError(
            f"{where}: {beyond[0].file} is slice {beyond[0].z} (counted from 0), "
            f"the image has slices 0 to {image.n_slices - 1}",
            "Set first_slice_number to the number of the first image slice, or remove the file.",
        )


def _point_out_numbering(
    where: str, settings: dict, image: SliceSource, labels: dict[str, LabelSource]
) -> None:
    for structure, source in settings["labels"].items():
        unsaid = isinstance(source, str) or "first_slice_number" not in source
        if image.first_number and unsaid and labels[structure].slices[0].page is None:
            log.warning(
                "%s: the image slices are numbered from %d, but the labels of %s from 0; if their file names carry the "
                "numbers of the image, set first_slice_number: %d",
                where, image.first_number, structure, image.first_number,
            )  # fmt: skip


def _make(
    name: str,
    settings: dict,
    config: dict,
    full_shape: tuple[int, int, int],
    dtype: str,
    image: SliceSource,
    labels: dict[str, SliceSource],
    truth: dict[str, SliceSource],
    phantom: dict | None = None,
) -> Volume:
    """A volume, cut to its roi, from what its entry says and from what was found for the whole stack."""
    where = f"volumes.{name}"
    roi = resolve_roi(settings.get("roi"), full_shape, where)
    given = settings.get("intensity_window")
    if given is None and "window_percentiles" not in settings:
        given = WHOLE_RANGE.get(dtype)
    if settings["bit_depth"] == 16 and dtype in WHOLE_RANGE:
        raise UserError(
            f"{where}: bit_depth is 16, but the image {image.slices[0].file} has 8 bits ({dtype})",
            "Remove bit_depth, or set it to 8.",
        )
    if given is not None:
        stored_as(dtype, given, settings["bit_depth"])  # refuses an empty window
    first, taught, labels = _corrected(where, settings, config, image, labels)
    labels = _good_labels(where, settings, image, labels)
    good = [z for z in image.zs if z not in settings["bad_slices"]]
    start, stop = roi[0]
    bad_inside = [z - start for z in settings["bad_slices"] if start <= z < stop]
    if not any(start <= z < stop for z in good):
        raise UserError(
            f"{where}.roi: all slices of z {list(roi[0])} are bad or missing", "Choose other slices."
        )
    return Volume(
        name=name,
        shape=tuple(stop - start for start, stop in roi),
        full_shape=full_shape,
        roi=roi,
        voxel_size_nm=tuple(settings["voxel_size_nm"]),
        slab_depth=config["slab_depth"],
        pyramid_levels=config["pyramid_levels"],
        stack=shift_source(image, start),
        sampled=[] if given else _sampled(image, good),
        labels=_inside(where, roi, labels),
        labels_for_training={s: crop_source(source, roi) for s, source in taught.items()},
        labels_at_first={s: crop_source(source, roi) for s, source in first.items()},
        truth={s: crop_source(source, roi) for s, source in truth.items()},
        dtype=dtype,
        bit_depth=settings["bit_depth"],
        window=tuple(given) if given else None,
        percentiles=tuple(settings.get("window_percentiles", PERCENTILES)),
        phantom=phantom,
        missing=tuple(z - start for z in image.missing if start <= z < stop),
        declared_bad=tuple(sorted(bad_inside)),
        good_of_stack=tuple(z - start for z in good),
        cell_edits=_cell_edits(where, settings, config, roi),
    )


def _cell_edits(where: str, settings: dict, config: dict, roi: Roi) -> tuple[CellEdit, ...]:
    """The user's edits of cells, in voxels of the roi."""
    if "cell_edits" not in settings:
        return ()
    if not any(structure["kind"] == "cells" for structure in config["structures"].values()):
        raise UserError(f"{where}.cell_edits: no structure is of kind 'cells'", "Remove cell_edits.")
    file = _located(settings["cell_edits"], config)
    shape, origin = zip(*((stop - start, start) for start, stop in roi), strict=True)
    try:
        return read_cell_edits(file, shape, origin)
    except UserError as error:
        raise UserError(f"{where}.cell_edits: {error.problem}", error.cure) from None


def _corrected(
    where: str, settings: dict, config: dict, image: SliceSource, labels: dict[str, LabelSource]
) -> tuple[dict[str, LabelSource], dict[str, LabelSource], dict[str, LabelSource]]:
    """Labels as they were given, those that networks learn from, and those with all corrections.

    The two first ones only for structures with corrections. Networks do not learn from corrected cells unless told so.
    """
    if "corrections" not in settings:
        return {}, {}, labels
    structures = config["structures"]
    try:
        merged = with_corrections(labels, _located(settings["corrections"], config), structures)
    except UserError as error:
        raise UserError(f"{where}.corrections: {error.problem}", error.cure) from None
    changed = [s for s, source in merged.items() if source.corrected]
    for structure in changed:
        _check_inside(f"{where}.corrections.{structure}", merged[structure], image)
    first = {s: _unless_bad(labels.get(s, LabelSource(())), settings) for s in changed}
    wanted = settings["train_on_corrections"]
    teaching = {s: wanted or structures[s]["kind"] != "cells" for s in changed}
    return first, {s: _unless_bad(merged[s], settings) if teaching[s] else first[s] for s in changed}, merged


def _unless_bad(source: LabelSource, settings: dict) -> LabelSource:
    return replace(source, slices=tuple(ref for ref in source.slices if ref.z not in settings["bad_slices"]))


def _sampled(image: SliceSource, good: Sequence[int]) -> list[SliceRef]:
    """The slices of the whole stack, counted from its own start, that the window is taken from."""
    refs = [ref for ref in image.slices if ref.z in set(good)]
    return [refs[i] for i in sampled(len(refs))]


def _inside(where: str, roi: Roi, labels: dict[str, SliceSource]) -> dict[str, SliceSource]:
    """The labels that lie in the roi; a structure without any is pointed out and left out."""
    cropped = {s: crop_source(source, roi) for s, source in labels.items()}
    for structure in [s for s, source in cropped.items() if not source.slices]:
        log.warning("%s: no labelled slice of %s lies in the roi, z %s", where, structure, list(roi[0]))
    return {s: source for s, source in cropped.items() if source.slices}


def _good_labels(
    where: str, settings: dict, image: SliceSource, labels: dict[str, SliceSource]
) -> dict[str, SliceSource]:
    """The labels on good slices of the whole stack; UserError for bad slices that cannot be."""
    declared = sorted(settings["bad_slices"])
    _check_bad(f"{where}.bad_slices", image, declared)
    return {s: _without_bad(f"{where}.labels.{s}", image, declared, source) for s, source in labels.items()}


def _check_bad(where: str, image: SliceSource, declared: list[int]) -> None:
    n = image.n_slices
    beyond = [z for z in declared if z >= n]
    if beyond:
        raise UserError(
            f"{where}: slice(s) {format_numbers(beyond)} lie beyond the stack, which has slices 0 to {n - 1}",
            "Count from the first slice of the stack, which is 0 whatever the number in its name.",
        )
    if len({*declared, *image.missing}) == n:
        raise UserError(f"{where}: all {n} slices are bad or missing", "Leave at least one good slice.")


def _without_bad(where: str, image: SliceSource, declared: list[int], source: LabelSource) -> LabelSource:
    """The labels of a structure but for those on slices that are declared bad; UserError for missing slices."""
    lost = [ref for ref in source.slices if ref.z in image.missing]
    if lost:
        raise UserError(
            f"{where}: slice(s) {format_numbers([ref.z for ref in lost])} are labelled but missing from the image "
            f"({lost[0].file})",
            "Check first_slice_number (labels count from the first slice of the stack), or remove these labels.",
        )
    unused = [ref.z for ref in source.slices if ref.z in declared]
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
    kept = tuple(ref for ref in source.slices if ref.z not in declared)
    return replace(source, slices=kept)


def _image(path: str, config: dict, where: str, missing_slices: str) -> SliceSource:
    try:
        return _nameable(resolve_image(_located(path, config), missing_slices))
    except UserError as error:
        raise UserError(f"{where}: {error.problem}", error.cure) from None


def _labels(source: str | dict, config: dict, where: str) -> LabelSource:
    def locate(path: str) -> str:
        return _located(path, config)

    try:
        return _nameable(resolve_labels(source, locate))
    except UserError as error:
        raise UserError(f"{where}: {error.problem}", error.cure) from None


def _nameable(source: SliceSource) -> SliceSource:
    """The source itself; UserError for names that Snakemake would take for its wildcards, such as z{slab}.tif."""
    taken = [file for file in source.files if re.search(r"\{\s*\w", file) or "\n" in file]
    if taken:
        raise UserError(
            f"{taken[0]}: {len(taken)} file name(s) with a brace and a word behind it, or a line break",
            "Rename the files or folders: {name} stands for a wildcard of Snakemake.",
        )
    return source


def _located(path: str, config: dict) -> str:
    path = os.path.join(os.path.expanduser(config["data_root"]), os.path.expanduser(path))
    return os.path.normpath(path)


def _planned_volume(name: str, settings: dict, config: dict) -> Volume:
    """A volume without any file, for ``check`` to count what it would cost."""
    shape = tuple(settings["planned"]["shape"])
    labelled = sorted({*range(0, shape[0], settings["planned"]["label_every"]), shape[0] - 1})
    refs = [SliceRef(z, f"planned volume {name}, slice {z}", None) for z in range(shape[0])]
    labels = {s: LabelSource(tuple(refs[z] for z in labelled)) for s in config["structures"]}
    volume = _make(name, settings, config, shape, "uint8", SliceSource(tuple(refs)), labels, {})
    return replace(volume, planned=True)


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
        labels[structure] = LabelSource(tuple(SliceRef(z, file, None) for z, file in refs))
    truth = {}
    for structure, file in zip(TRUTH, files["truth"], strict=True):
        if structure in structures or structure == "protrusions":
            truth[structure] = LabelSource(tuple(SliceRef(z, file, z) for z in range(shape[0])))
    image = SliceSource(tuple(SliceRef(z, file, None) for z, file in enumerate(files["image"])))
    found = phantom | {"labelled": labelled, "files": [f for group in files.values() for f in group]}
    return _make(name, settings, config, shape, "uint8", image, labels, truth, found)
