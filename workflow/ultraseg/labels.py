"""Reading and checking the user's labels of a few slices, and the table of what they cover."""

import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from ultraseg.errors import UserError
from ultraseg.tiff import SliceRef, SliceSource, format_numbers, read_slice

log = logging.getLogger(__name__)

KINDS = ("cells", "organelle", "mask")
COVERAGE_COLUMNS = [
    "structure",
    "z",
    "file",
    "labelled_pixels",
    "foreground_fraction",
    "n_instances",
    "split",
]


def read_label_slice(file: str, page: int | None, shape: tuple[int, int], kind: str = "cells") -> np.ndarray:
    """Read and check the labels of one slice.

    ``kind="cells"``: uint32 instance ids (Y, X), 0 = not a cell. ``"organelle"`` and ``"mask"``: uint8 with 1
    where the file is not 0 (0/1, 0/255 and instance ids alike). Raises UserError for a wrong shape, a type
    that is not whole numbers, negative values, and a cell slice that is one single id or a 0/255 mask.
    """
    return check_labels(read_slice(file, page, expect_shape=shape, kind="labels"), file, kind)


def check_labels(values: np.ndarray, file: str, kind: str = "cells") -> np.ndarray:
    """Check label values (Y, X) as ``read_label_slice`` does; ``file`` is only named in errors."""
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}, not one of {KINDS}")
    if values.dtype.kind not in "biu":
        raise UserError(
            f"{file}: label type is {values.dtype.name}, not whole numbers",
            "Save the labels as 8, 16 or 32 bit integers without scaling (for float labels: Fiji, switch off "
            "Edit > Options > Conversions > Scale when converting, then Image > Type > 16-bit).",
        )
    if values.dtype.kind == "i" and values.size and values.min() < 0:
        raise UserError(
            f"{file}: holds negative label {values.min()}",
            "Labels are 0 for background and positive numbers for structures: save unsigned integers.",
        )
    if kind != "cells":
        return (values != 0).astype(np.uint8)
    largest = int(values.max(initial=0))
    if largest > np.iinfo(np.uint32).max:
        raise UserError(f"{file}: cell id {largest} is too large", "Use cell ids below 4294967296.")
    ids = np.ascontiguousarray(values, dtype=np.uint32)
    present = np.unique(ids)
    if present.size == 1 and present[0] != 0:
        raise UserError(
            f"{file}: all pixels have cell id {present[0]}",
            "Check that the file holds cell ids; a slice inside one cell has no boundary to learn from.",
        )
    if present.size == 2 and present[0] == 0 and present[1] == 255:
        raise UserError(
            f"{file}: holds only 0 and 255, so it is a mask, not one id per cell",
            "Give each cell a number of its own, the same in all slices; use kind 'mask' for a mask.",
        )
    return ids


def iterate_labels(
    source: SliceSource | Sequence[SliceRef],
    shape: tuple[int, int],
    n_slices: int,
    kind: str = "cells",
    problems: list[UserError] | None = None,
    crop: Sequence[Sequence[int]] | None = None,
) -> Iterator[tuple[int, str, np.ndarray]]:
    """Yield (z, file, labels) of every label slice, one in memory at a time.

    ``shape`` is that of the slices in the files; ``crop``: the part of them to give, start and stop in y and x.

    With a list ``problems``, errors are appended to it and the file is skipped, so that all files can be
    reported at once with ``raise_problems``; without it, the first problem is raised. A z outside
    0..n_slices-1 is an error.
    """
    for z, file, page in source.slices if isinstance(source, SliceSource) else source:
        try:
            if not 0 <= z < n_slices:
                raise UserError(
                    f"{file}: labels slice {z} (counted from 0), the image has slices 0 to {n_slices - 1}",
                    "Set 'first_slice_number' to the number of the first image slice, or remove the file.",
                )
            labels = read_label_slice(file, page, shape, kind)
            if crop is not None:
                labels = np.ascontiguousarray(labels[slice(*crop[0]), slice(*crop[1])])
        except UserError as error:
            if problems is None:
                raise
            problems.append(error)
            continue
        yield z, file, labels


def raise_problems(problems: Sequence[UserError]) -> None:
    """Raise one UserError that lists all problems and their cures; return where there are none."""
    if not problems:
        return
    if len(problems) == 1:
        raise problems[0]
    by_cure: dict[str, list[str]] = {}
    for error in problems:
        by_cure.setdefault(error.cure, []).append(error.problem)
    listed = "".join(f"\n  - {text}" for texts in by_cure.values() for text in texts)
    raise UserError(f"{len(problems)} problems in the label files:{listed}", "\n        ".join(by_cure))


def coverage_row(structure: str, z: int, file: str, labels: np.ndarray, kind: str, split: str) -> dict:
    """One row of the coverage table: what the labels (Y, X) of one slice hold.

    ``n_instances``: distinct ids for cells, connected pieces (8 neighbours) for masks.
    """
    foreground = int(np.count_nonzero(labels))
    return {
        "structure": structure,
        "z": int(z),
        "file": str(file),
        "labelled_pixels": foreground,
        "foreground_fraction": foreground / labels.size if labels.size else 0.0,
        "n_instances": _count_instances(labels, kind),
        "split": split,
    }


def coverage_table(
    sources: Mapping[str, SliceSource | Sequence[SliceRef]],
    kinds: Mapping[str, str],
    shape: tuple[int, int],
    n_slices: int,
    splits: Mapping[str, Mapping[int, str]] | Mapping[int, str] | None = None,
    crop: Sequence[Sequence[int]] | None = None,
) -> pd.DataFrame:
    """Check the label files of all structures and tabulate what they cover.

    ``sources`` and ``kinds`` by structure; ``splits`` maps z to 'train', 'validation' or 'test', for all
    structures or by structure; a slice in none is 'train'. Columns: structure, z, file, labelled_pixels
    (not 0), foreground_fraction, n_instances, split. Raises one UserError with every problem of every file.
    """
    rows, problems = [], []
    for structure, source in sources.items():
        kind = kinds[structure]
        for z, file, labels in iterate_labels(source, shape, n_slices, kind, problems, crop):
            rows.append(coverage_row(structure, z, file, labels, kind, _split_of(splits, structure, z)))
        found = [row for row in rows if row["structure"] == structure]
        log.info("%s: labels on slices %s", structure, format_numbers([row["z"] for row in found]) or "none")
        if found and not any(row["labelled_pixels"] for row in found):
            problems.append(
                UserError(
                    f"{structure}: all {len(found)} label slices are empty",
                    "Check that the files hold labels; an empty slice says 'nothing here', not 'unlabelled'.",
                )
            )
        if kind == "cells" and len(found) > 1 and all(row["n_instances"] <= 1 for row in found):
            log.warning("%s: at most one cell id on every slice; was a mask given as cell ids?", structure)
    raise_problems(problems)
    table = pd.DataFrame(rows, columns=COVERAGE_COLUMNS)
    return table.sort_values(["structure", "z"], kind="stable", ignore_index=True)


def _split_of(splits: Mapping | None, structure: str, z: int) -> str:
    if not splits:
        return "train"
    chosen = splits.get(structure, {}) if any(isinstance(v, Mapping) for v in splits.values()) else splits
    return chosen.get(z, "train")


def _count_instances(labels: np.ndarray, kind: str) -> int:
    if kind == "cells":
        ids = np.unique(labels)
        return int(ids.size - (ids.size > 0 and ids[0] == 0))
    import cv2  # slow to import, needed only here

    return cv2.connectedComponents((labels != 0).astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)[0] - 1
