"""Which of a volume's labels are used: with corrections, without those on bad slices, and inside the roi."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ultraseg.base.errors import UserError
from ultraseg.base.text import format_numbers
from ultraseg.formats.slice_source import SliceSource
from ultraseg.ingest.crop import Roi
from ultraseg.labels.source import LabelSource, with_corrections

log = logging.getLogger(__name__)

Labels = dict[str, LabelSource]


class LabelChoice(NamedTuple):
    """The labels of all structures after corrections. ``first`` and ``taught`` hold corrected structures alone.

    labels: with all corrections, what results are made from. first: as the user gave them. taught: what networks learn
    from.
    """

    labels: Labels
    first: Labels
    taught: Labels


def with_corrected(
    where: str,
    labels: Labels,
    folder: str | None,
    settings: Mapping[str, Any],
    structures: Mapping[str, Mapping[str, Any]],
    image: SliceSource,
) -> LabelChoice:
    """The labels with the corrections in ``folder`` (None: there are none).

    Networks do not learn from corrected cells unless ``train_on_corrections`` says so. Raises UserError for corrections
    of unknown structures or beyond the stack.
    """
    if folder is None:
        return LabelChoice(labels, {}, {})
    try:
        merged = with_corrections(labels, folder, structures)
    except UserError as error:
        raise UserError(f"{where}.corrections: {error.problem}", error.cure) from None
    changed = [s for s, source in merged.items() if source.corrected]
    for structure in changed:
        check_inside(f"{where}.corrections.{structure}", merged[structure], image)
    bad = settings["bad_slices"]
    first = {s: _unless_bad(labels.get(s, LabelSource.of([])), bad) for s in changed}
    wanted = settings["train_on_corrections"]
    teaching = {s: wanted or structures[s]["kind"] != "cells" for s in changed}
    taught = {s: _unless_bad(merged[s], bad) if teaching[s] else first[s] for s in changed}
    return LabelChoice(merged, first, taught)


def _unless_bad(source: LabelSource, bad: Sequence[int]) -> LabelSource:
    return source.with_slices(ref for ref in source.slices if ref.z not in bad)


def check_inside(where: str, source: LabelSource, image: SliceSource | None) -> None:
    """Raise UserError for labels of a slice that the image does not have; ``image=None``: it was not found."""
    if image is None:
        return
    beyond = [ref for ref in source.slices if not 0 <= ref.z < image.n_slices]
    if beyond:
        raise UserError(
            f"{where}: {beyond[0].file} is slice {beyond[0].z} (counted from 0), "
            f"the image has slices 0 to {image.n_slices - 1}",
            "Set first_slice_number to the number of the first image slice, or remove the file.",
        )


def on_good_slices(where: str, declared_bad: Sequence[int], image: SliceSource, labels: Labels) -> Labels:
    """The labels on good slices of the whole stack; UserError for bad slices that cannot be."""
    declared = sorted(declared_bad)
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
    missing, bad = set(image.missing), set(declared)
    lost = [ref for ref in source.slices if ref.z in missing]
    if lost:
        raise UserError(
            f"{where}: slice(s) {format_numbers([ref.z for ref in lost])} are labelled but missing from the image "
            f"({lost[0].file})",
            "Check first_slice_number (labels count from the first slice of the stack), or remove these labels.",
        )
    unused = [ref.z for ref in source.slices if ref.z in bad]
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
    return _unless_bad(source, declared)


def in_roi(where: str, roi: Roi, labels: Labels) -> Labels:
    """The labels that lie in the roi; a structure without any is pointed out and left out."""
    cropped = {s: source.cropped(roi) for s, source in labels.items()}
    for structure in [s for s, source in cropped.items() if not source.slices]:
        log.warning("%s: no labelled slice of %s lies in the roi, z %s", where, structure, list(roi[0]))
    return {s: source for s, source in cropped.items() if source.slices}
