"""Ids of cells over the labelled slices: ids that change are found, and on request matched by overlap."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import fastremap
import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.labels import overlap_counts
from ultraseg.base.ids import check_new_ids
from ultraseg.labels.coverage import LabelSlice
from ultraseg.storage.label_slices import LabelSlices

log = logging.getLogger(__name__)

# Intersection over union from which two cells of neighbouring labelled slices lie in one place.
SAME_PLACE = 0.6
ELSEWHERE = 0.1  # below which a cell does not go on in its own place
LEAST = 0.05  # overlap that still joins two cells when ids are matched


class Change(NamedTuple):
    """Cell ``before`` of slice ``z`` lies where the next labelled slice ``next_z`` shows ``after``."""

    z: int
    next_z: int
    before: int
    after: int


class Overlap(NamedTuple):
    """Intersection over union of all pairs of cells of two slices that meet."""

    first: NDArray[Any]
    second: NDArray[Any]
    iou: NDArray[Any]


def overlap_of(a: NDArray[Any], b: NDArray[Any]) -> Overlap:
    """Pairs of ids (not 0) of two slices (Y, X) that share pixels, with their intersection over union."""
    first, second, shared = overlap_counts(a, b)
    sizes = [dict(zip(*fastremap.unique(x, return_counts=True), strict=True)) for x in (a, b)]
    area_a = np.array([sizes[0][i] for i in first.tolist()], np.int64)
    area_b = np.array([sizes[1][i] for i in second.tolist()], np.int64)
    return Overlap(first, second, shared / np.maximum(area_a + area_b - shared, 1))


def changes(slices: Iterable[tuple[int, NDArray[Any], NDArray[Any] | None]]) -> list[Change]:
    """Cells whose id seems to change from one labelled slice to the next.

    slices: (z, ids, known) in rising z, one in memory at a time. Cell A turns into B when B lies in A's place on the
    next slice, while neither id goes on in a place of its own.
    """
    found, last = [], None
    for z, ids, known in slices:
        if last is not None:
            both = _both_known(last[2], known)
            a, b = (x if both is None else np.where(both, x, 0) for x in (last[1], ids))
            found += [Change(last[0], z, *pair) for pair in _changed(overlap_of(a, b))]
        last = (z, ids, known)
    return found


def _both_known(a: NDArray[Any] | None, b: NDArray[Any] | None) -> NDArray[Any] | None:
    parts = [part for part in (a, b) if part is not None]
    return np.logical_and.reduce(parts) if parts else None


def _changed(overlap: Overlap) -> list[tuple[int, int]]:
    own = overlap.first == overlap.second
    stays = set(overlap.first[own & (overlap.iou >= ELSEWHERE)].tolist())
    chosen = ~own & (overlap.iou >= SAME_PLACE)
    pairs = zip(overlap.first[chosen].tolist(), overlap.second[chosen].tolist(), strict=True)
    return [(a, b) for a, b in pairs if a not in stays and b not in stays]


def changed_ids_warning(structure: str, found: Sequence[Change]) -> str | None:
    """What to tell the user of ids that change; None where none does."""
    if not found:
        return None
    listed = ", ".join(f"{c.before} on slice {c.z} is {c.after} on slice {c.next_z}" for c in found[:12])
    rest = f" and {len(found) - 12} more" if len(found) > 12 else ""
    return (
        f"{structure}: {len(found)} cell(s) seem to change their id between labelled slices: {listed}{rest}. Give "
        f"each cell one id in all slices, or set structures.{structure}.ids_consistent: false to match ids by overlap."
    )


def matched(slices: Iterable[LabelSlice]) -> Iterator[LabelSlice]:
    """The same slices of cell labels with consistent ids, one in memory at a time."""
    matcher = IdMatcher()
    for one in slices:
        yield one._replace(labels=matcher.match(one.labels, one.known))
    log.info("ids of cells matched by overlap: %d were renamed", matcher.renamed)


class IdMatcher:
    """Makes ids consistent over labelled slices, given one after the other in rising z.

    Each cell takes the id of the cell that it overlaps most where the slices before show one (the best assignment of
    all cells at once). Others keep the number that they have, or get a new one where that is in use.
    """

    def __init__(self) -> None:
        self.shown: NDArray[Any] | None = None  # what the slices so far show last at each pixel
        self.used: set[int] = set()
        self.renamed = 0

    def match(self, ids: NDArray[Any], known: NDArray[Any] | None = None) -> NDArray[Any]:
        """The same cells (Y, X) of the next labelled slice with consistent ids, uint32."""
        present = [int(i) for i in fastremap.unique(ids) if i]
        table = self._joined(ids, known)
        free = max([*self.used, *present], default=0)
        for old in present:
            if old in table:
                continue
            table[old] = old
            if old in self.used:
                free += 1
                table[old] = free
        check_new_ids(max([*present, *table.values()], default=0))
        self.used.update(table.values())
        self.renamed += sum(old != new for old, new in table.items())
        result = fastremap.remap(ids.astype(np.uint32), {0: 0, **table}, preserve_missing_labels=False)
        if self.shown is None or known is None:
            self.shown = result.copy()
        else:
            self.shown[known] = result[known]
        return result

    def _joined(self, ids: NDArray[Any], known: NDArray[Any] | None) -> dict[int, int]:
        """Ids of this slice that go on with a cell of those before."""
        from scipy.optimize import linear_sum_assignment  # labels whose ids stay do not wait for it

        if self.shown is None:
            return {}
        before = self.shown if known is None else np.where(known, self.shown, 0)
        overlap = overlap_of(before, ids)
        cells, row = np.unique(overlap.first, return_inverse=True)
        here, column = np.unique(overlap.second, return_inverse=True)
        score = np.zeros((len(cells), len(here)))
        score[row, column] = np.where(overlap.iou >= LEAST, overlap.iou, 0)
        pairs = zip(*linear_sum_assignment(-score), strict=True)
        return {int(here[j]): int(cells[i]) for i, j in pairs if score[i, j] > 0}


def changes_in(file: str) -> list[Change]:
    """``changes`` of the label slices in a file that ``storage.label_slices`` wrote."""
    with LabelSlices(file) as given:
        return changes((z, given.read(z), given.known(z)) for z in given.zs)
