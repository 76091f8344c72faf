"""What a gap's job writes: carried ids on every slice of the gap, bad slices included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.cells.gap_ends import GapEnd, known_slices
from ultraseg.cells.propagate import propagate_gap
from ultraseg.cells.trust import fill_bad


def carried_slices(
    evidence: tuple[NDArray[np.uint8], NDArray[np.floating[Any]], NDArray[np.uint8], NDArray[np.uint8]],
    ends: Sequence[GapEnd | None],
    walk: Sequence[int],
    stand_ins: Sequence[int],
    *,
    first: int,
    direction: str = "",
    partial: bool = False,
    **settings: Any,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Slice number and arrays of each slice of a gap: labels, confidence, differ, and known where labels are partial.

    evidence: image, flow, interior and boundary of the good slices ``walk``, as `propagate_gap` takes them; ends: the
    labelled slices of the gap; stand_ins: for each slice from ``first`` on the good slice whose ids it shows;
    direction: "up" or "down" for the one slice that the ids arrive at; settings: of `propagate_gap`.
    """
    # Only good slices are walked over; the others show the labels of the nearest one.
    count = np.zeros(len(walk), np.int64)
    labels, confidence = propagate_gap(*evidence, *ends, zs=walk, differ=count, **settings)
    labels, confidence = fill_bad(labels, confidence, walk, first, stand_ins)
    differ = np.zeros(len(labels), np.int64)
    differ[np.array(walk) - first] = count
    arrays: dict[str, NDArray[Any]] = {"labels": labels, "confidence": confidence, "differ": differ}
    if partial:
        arrays["known"] = known_slices(ends, labels.shape)
    # Of ids for the next gap only what arrives at the far end is asked for.
    wanted = {"": range(len(labels)), "up": [len(labels) - 1], "down": [0]}[direction]
    for i in wanted:
        yield first + i, {name: values[i] for name, values in arrays.items()}
