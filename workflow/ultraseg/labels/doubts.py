"""What makes the labels of a structure look like something else: pictures, resized ids, ids that ran over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cc3d
import fastremap
import numpy as np
from numpy.typing import NDArray

HALF = 0.5  # share of a slice that hardly any cell has
LARGE, LIKELY = 0.25, (1, 255, 32768, 65535, 2**31, 2**32 - 1)  # numbers that programs give the background
BYTE, NEARLY_ALL = (
    255,
    200,
)  # largest id of 8 bits, and how many of them a structure uses that may have run over
APART, ALIKE, REPEATED = (
    4,
    0.25,
    0.1,
)  # radii between two parts of an id, their size, share of ids with such parts
FEW = 8  # ids of a slice below which their shapes say nothing
MOST = 0.5  # share of the ids of a slice
SPECKS, MOSTLY_SPECKS = 20, 0.8  # parts of a slice that are thin, and their share of all parts


def thin_ids(numbers: NDArray[Any]) -> tuple[int, int]:
    """How many ids (not 0) of a slice are crumbs or rims nowhere wider than two pixels, and how many there are."""
    present = fastremap.unique(numbers)
    inside = _inside(numbers)
    thick = fastremap.unique(numbers[1:-1, 1:-1][inside]) if inside.any() else np.zeros(0, numbers.dtype)
    return int(np.count_nonzero(present)) - int(np.count_nonzero(thick)), int(np.count_nonzero(present))


def thin_parts(numbers: NDArray[Any]) -> tuple[int, int]:
    """The same for connected parts of one id, so that specks of ids that are bodies elsewhere count."""
    parts = np.asarray(cc3d.connected_components(np.ascontiguousarray(numbers), connectivity=8))
    return thin_ids(parts)


def _inside(numbers: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels (but for the outermost ones) whose four neighbours have their own number."""
    middle = numbers[1:-1, 1:-1]
    same = middle == numbers[:-2, 1:-1]
    for other in (numbers[2:, 1:-1], numbers[1:-1, :-2], numbers[1:-1, 2:]):
        same &= middle == other
    return np.asarray(same)


def ids_far_apart(numbers: NDArray[Any]) -> list[int]:
    """Ids of a slice with two large parts that lie further apart than four times the sum of their radii."""
    parts = np.asarray(cc3d.connected_components(np.ascontiguousarray(numbers), connectivity=8))
    about = cc3d.statistics(parts)
    owner = fastremap.component_map(parts, numbers)
    places: dict[int, list[tuple[float, NDArray[Any]]]] = {}
    for part, number in owner.items():
        if part and number:
            places.setdefault(int(number), []).append(
                (float(about["voxel_counts"][int(part)]), about["centroids"][int(part)])
            )
    return sorted(number for number, found in places.items() if _apart(found))


def _apart(parts: list[tuple[float, NDArray[Any]]]) -> bool:
    largest = max(area for area, _ in parts)
    large = [(area, centre) for area, centre in parts if area >= ALIKE * largest]
    area, at = large[0]
    return any(
        np.hypot(*(centre - at)[:2]) > APART * (np.sqrt(area / np.pi) + np.sqrt(other / np.pi))
        for other, centre in large[1:]
    )


class Doubts:
    """Looks at the label slices of one structure, one after the other, and then says what is doubtful in them.

    strokes: whether labels may be thin lines, because what is not labelled has a number of its own.
    """

    def __init__(self, kind: str, strokes: bool = False):
        self.kind, self.strokes = kind, strokes
        self.slices = 0
        self.several = False  # whether a slice without 0 holds more than one id
        self.thin: list[tuple[int, int, int]] = []  # z, thin ids or parts, all of them
        self.ids: set[int] = set()
        self.far: list[tuple[int, list[int]]] = []  # z, ids with parts far apart
        self.largest: list[
            tuple[int, float]
        ] = []  # id that covers most of a slice, and its share; all without 0

    def add(
        self, z: int, numbers: NDArray[Any], present: NDArray[Any], known: NDArray[np.bool_] | None = None
    ) -> None:
        """One slice: its stored numbers (Y, X), what of them occurs where it is known, and where it is (None: all)."""
        self.slices += 1
        if self.kind == "cells":
            self._look_for_overrun(z, numbers, present)
        if self.kind in ("cells", "truth") and len(present) and not (present == 0).any():
            self.several |= len(present) > 1
            ids, counts = fastremap.unique(numbers if known is None else numbers[known], return_counts=True)
            self.largest.append((int(ids[counts.argmax()]), float(counts.max() / counts.sum())))
        if min(numbers.shape) < 3 or self.strokes or self.kind == "truth":
            return
        if len(present) > FEW:
            found = thin_ids(numbers)
            if found[0] > MOST * found[1]:
                self.thin.append((z, *found))
                return
        if len(present) > 2:  # a mask has no ids that could mix
            found = thin_parts(numbers)
            if found[0] >= SPECKS and found[0] > MOSTLY_SPECKS * found[1]:
                self.thin.append((z, *found))

    def _look_for_overrun(self, z: int, numbers: NDArray[Any], present: NDArray[Any]) -> None:
        """Ids of 8 bits that lie on a slice twice, far apart: numbers that ran over, or cells with several parts."""
        self.ids.update(present[present > 0].tolist())
        if len(present) > FEW and 0 <= present[0] and present[-1] <= BYTE:
            far = ids_far_apart(numbers)
            if len(far) > REPEATED * len(present):
                self.far.append((z, far))

    def _background(self) -> int | None:
        """The id that seems to be the background: the largest one of every slice, where no slice has a 0."""
        ids = {number for number, _ in self.largest}
        if len(ids) != 1 or len(self.largest) < self.slices or not self.several:
            return None
        (number,) = ids
        least = min(share for _, share in self.largest)
        return number if least > (LARGE if number in LIKELY else HALF) else None

    def warnings(self, structure: str) -> Iterator[str]:
        """What to tell the user, each text with its cure."""
        background = self._background()
        if background is not None:
            share = max(share for _, share in self.largest)
            yield (
                f"{structure}: id {background} covers up to {100 * share:.0f} % of every labelled slice, and no slice "
                f"has a 0: is it the background? If so, say background: {background} for these labels."
            )
        # In a picture nearly every number lies at many places.
        if (
            self.far
            and len(self.thin) < MOST * self.slices
            and len(self.ids) >= NEARLY_ALL
            and max(self.ids) <= BYTE
        ):
            z, far = max(self.far, key=lambda found: len(found[1]))
            yield (
                f"{structure}: {len(self.ids)} ids of 8 bits (1 to {BYTE}) are in use, and on {len(self.far)} of "
                f"{self.slices} labelled slices cells lie at two places far apart (slice {z}: {len(far)} of them, such "
                f"as {', '.join(map(str, far[:5]))}). If there are more than {BYTE} cells, their numbers ran over in "
                "the program where they were drawn: save labels with 16 bits."
            )
        if self.thin:
            z, thin, of = max(self.thin, key=lambda found: found[1])
            yield (
                f"{structure}: most ids on {len(self.thin)} of {self.slices} labelled slices are crumbs or lines one "
                f"or two pixels wide (slice {z}: {thin} of {of}), as after JPEG compression, after resizing with "
                "interpolation, or in a grey image. Check that the files hold labels; resize labels with 'nearest "
                "neighbour' alone, and export labels that lie over an image as numbers of their own."
            )
