"""Reading and checking the user's labels of a few slices, and the table of what they cover."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ultraseg.base.errors import Problems, UserError
from ultraseg.base.text import format_numbers
from ultraseg.formats.slice_source import SliceRef, SliceSource
from ultraseg.labels.doubts import Doubts
from ultraseg.labels.reader import LabelReader
from ultraseg.labels.source import LabelSource

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

COVERAGE_COLUMNS = [
    "structure",
    "z",
    "file",
    "labelled_pixels",
    "known_fraction",
    "foreground_fraction",
    "n_instances",
    "split",
]


class LabelSlice(NamedTuple):
    """Labels (Y, X) of one slice: uint32 ids of cells, else uint8 0/1; ``known``: bool (Y, X), None where all is."""

    z: int
    file: str
    labels: NDArray[Any]
    known: NDArray[Any] | None = None


def iterate_labels(
    source: LabelSource | SliceSource | Sequence[SliceRef],
    shape: tuple[int, int],
    n_slices: int,
    kind: str = "cells",
    problems: list[UserError] | None = None,
    crop: Sequence[Sequence[int]] | None = None,
    doubts: list[Doubts] | None = None,
) -> Iterator[LabelSlice]:
    """Yield the labels of every label slice, one in memory at a time.

    ``shape`` is that of the slices in the files; ``crop``: the part of them to give, start and stop in y and x.
    With a list ``problems``, errors are appended to it and the file is skipped, so that all files can be reported at
    once with ``raise_problems``; without it, the first problem is raised. A z outside 0..n_slices-1 is an error.
    ``doubts`` gets one entry, which knows at the end what looks wrong without being an error.
    """
    source = LabelSource.of(source)
    reader = LabelReader(source, shape, kind, crop)
    if doubts is not None:
        doubts.append(reader.doubts)
    raised = [] if problems is None else problems
    for ref in source.slices:
        try:
            if not 0 <= ref.z < n_slices:
                raise UserError(
                    f"{ref.file}: labels slice {ref.z} (counted from 0), the image has slices 0 to {n_slices - 1}",
                    "Set 'first_slice_number' to the number of the first image slice, or remove the file.",
                )
            labels, known = reader.read(ref)
        except UserError as error:
            if problems is None:
                raise
            problems.append(error)
            continue
        yield LabelSlice(ref.z, ref.file, labels, known)
    if not raised:  # what is wrong with single files would be named twice
        raised += reader.problems()
    if problems is None:
        raise_problems(raised)


def stored(slice_: LabelSlice, partial: bool) -> tuple[int, dict[str, NDArray[Any]]]:
    """z and arrays of a slice as ``labelstore`` writes them; with ``partial``, where it is known as well."""
    arrays = {"labels": slice_.labels}
    if partial:
        known = slice_.known
        arrays["known"] = np.ones(slice_.labels.shape, np.uint8) if known is None else known.astype(np.uint8)
    return slice_.z, arrays


def raise_problems(problems: Sequence[UserError]) -> None:
    """Raise one UserError that lists all problems and their cures; return where there are none."""
    found = Problems()
    found.errors += problems
    found.raise_all()


def coverage_row(structure: str, slice_: LabelSlice, kind: str, split: str) -> dict[str, Any]:
    """One row of the coverage table: what the labels of one slice hold.

    ``known_fraction``: share of the slice that is labelled; ``foreground_fraction``: share of that which is the
    structure; ``n_instances``: distinct ids for cells, connected pieces (8 neighbours) for masks.
    """
    labels, known = slice_.labels, slice_.known
    foreground = int(np.count_nonzero(labels))
    labelled = labels.size if known is None else int(np.count_nonzero(known))
    return {
        "structure": structure,
        "z": int(slice_.z),
        "file": str(slice_.file),
        "labelled_pixels": foreground,
        "known_fraction": labelled / labels.size if labels.size else 0.0,
        "foreground_fraction": foreground / labelled if labelled else 0.0,
        "n_instances": _count_instances(labels, kind),
        "split": split,
    }


def coverage_rows(
    sources: Mapping[str, LabelSource | SliceSource | Sequence[SliceRef]],
    kinds: Mapping[str, str],
    shape: tuple[int, int],
    n_slices: int,
    splits: Mapping[str, Mapping[int, str]] | Mapping[int, str] | None = None,
    crop: Sequence[Sequence[int]] | None = None,
    problems: list[UserError] | None = None,
) -> list[dict[str, Any]]:
    """Check the label files of all structures and tell what they cover, by structure and z.

    ``sources`` and ``kinds`` by structure; ``splits`` maps z to 'train', 'validation' or 'test', for all
    structures or by structure; a slice in none is 'train'; ``crop`` as in ``iterate_labels``. One row per slice, see
    ``coverage_row``. Raises one UserError with every problem of every file, or appends them to ``problems``.
    """
    rows, raised, problems = [], problems is None, [] if problems is None else problems
    for structure, source in sources.items():
        kind, source, before = kinds[structure], LabelSource.of(source), len(problems)
        doubts: list[Doubts] = []
        for slice_ in iterate_labels(source, shape, n_slices, kind, problems, crop, doubts):
            rows.append(coverage_row(structure, slice_, kind, _split_of(splits, structure, slice_.z)))
        found = [row for row in rows if row["structure"] == structure]
        log.info("%s: labels on slices %s", structure, format_numbers([row["z"] for row in found]) or "none")
        if len(problems) == before:
            problems += _whole_problems(structure, source, found)
            for text in doubts[0].warnings(structure):
                log.warning(text)
        if kind == "cells" and len(found) > 1 and all(row["n_instances"] <= 1 for row in found):
            log.warning("%s: at most one cell id on every slice; was a mask given as cell ids?", structure)
    if raised:
        raise_problems(problems)
    return sorted(rows, key=lambda row: (row["structure"], row["z"]))


def coverage_table(*given: Any, **which: Any) -> pd.DataFrame:
    """The ``coverage_rows`` as a table."""
    import pandas as pd  # jobs that write the rows do not wait for it

    return pd.DataFrame(coverage_rows(*given, **which), columns=COVERAGE_COLUMNS)


def _whole_problems(structure: str, source: LabelSource, rows: list[dict[str, Any]]) -> Iterator[UserError]:
    """What is wrong with the slices of a structure together."""
    empty = [row["z"] for row in rows if not row["labelled_pixels"]]
    if rows and len(empty) == len(rows):
        yield UserError(
            f"{structure}: all {len(rows)} label slices are empty",
            "Check that the files hold labels; an empty slice says 'nothing here', not 'unlabelled'.",
        )
    elif empty and source.empty_slices == "ask":
        yield UserError(
            f"{structure}: {source.slices[0].file} has a page for every slice, and {len(empty)} of its "
            f"{len(rows)} pages hold no label: {format_numbers(empty)}",
            "Say what an empty page means: empty_slices: unlabelled (nobody labelled it) or empty_slices: labelled "
            "(nothing is there).",
        )


def _split_of(splits: Mapping[Any, Any] | None, structure: str, z: int) -> str:
    if not splits:
        return "train"
    chosen = splits.get(structure, {}) if any(isinstance(v, Mapping) for v in splits.values()) else splits
    return chosen.get(z, "train")


def _count_instances(labels: NDArray[Any], kind: str) -> int:
    if kind == "cells":
        ids = np.unique(labels)
        return int(ids.size - (ids.size > 0 and ids[0] == 0))
    import cv2  # slow to import, needed only here

    return cv2.connectedComponents((labels != 0).astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)[0] - 1
