"""Cell labels carried through the gap between two labelled slices, from both sides, with image evidence."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.cells.carry import Carried, CarrySettings, GapSlices, settle_disputes
from ultraseg.cells.fragments import Given
from ultraseg.cells.gap_ends import GapEnd, as_end
from ultraseg.cells.trust import to_confidence, to_trust

log = logging.getLogger(__name__)


def _check(
    shape: tuple[int, ...],
    flow: NDArray[Any],
    maps: Sequence[NDArray[Any]],
    ends: Sequence[GapEnd | None],
) -> None:
    n, given = shape[0], [end for end in ends if end is not None]
    if not given:
        raise ValueError("a gap needs labels on its first or its last slice")
    if len(given) == 2 and n < 2:
        raise ValueError("first and last labels need a gap of at least two slices")
    if any(found.shape != shape for found in maps):
        raise ValueError(f"maps {', '.join(str(found.shape) for found in maps)} do not match image {shape}")
    if flow.shape[1:] != (4, *shape[1:]) or len(flow) < n - 1:
        raise ValueError(f"flow {flow.shape} does not match image {shape}")
    for end in given:
        if end.ids.shape != shape[1:]:
            raise ValueError(f"labels {end.ids.shape} do not match slices {shape[1:]}")


@dataclass
class _Result:
    """Labels as codes int32 and confidence uint8 of the slices of a gap, and where the two sides disagree (bool)."""

    labels: NDArray[np.int32]
    confidence: NDArray[np.uint8]
    disputed: NDArray[np.bool_]

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> _Result:
        return cls(np.zeros(shape, np.int32), np.zeros(shape, np.uint8), np.zeros(shape, bool))

    def put(self, z: int, found: Carried) -> None:
        self.labels[z], self.confidence[z] = found.labels, to_confidence(found.trust)

    def side(self, z: int) -> Carried:
        return Carried(self.labels[z], to_trust(self.confidence[z]))


@dataclass(frozen=True)
class _Codes:
    """The ids of a gap as small numbers: code c stands for ``ids[c]``, the last code for what nobody labelled.

    ends: the given ends by their place in the gap; drawn: the codes int32 (Y, X) of each end's ids; planes: what is
    known of planes across the slices, with codes for ids.
    """

    ids: NDArray[Any]
    ends: dict[int, GapEnd]
    drawn: dict[int, NDArray[np.int32]]
    planes: list[Given]

    @classmethod
    def of(cls, ends: dict[int, GapEnd], planes: Sequence[Given]) -> _Codes:
        found = [end.proposal()[0] for end in ends.values()]
        parts = [*found, *(plane.ids for plane in planes)]
        ids, codes = np.unique(np.concatenate([[0], *(part.ravel() for part in parts)]), return_inverse=True)
        places = np.cumsum([1, *(part.size for part in parts)])
        coded = [
            codes[start : start + part.size].astype(np.int32).reshape(part.shape)
            for start, part in zip(places, parts, strict=False)
        ]
        across = [replace(p, ids=c) for p, c in zip(planes, coded[len(found) :], strict=True)]
        return cls(np.append(ids, 0), ends, dict(zip(ends, coded, strict=False)), across)

    @property
    def nobody(self) -> int:
        return len(self.ids) - 1

    @property
    def partial(self) -> bool:
        return any(end.known is not None for end in self.ends.values())

    def start(self, z: int) -> tuple[Carried, NDArray[np.uint8]]:
        """What starts from the end at z, and the confidence in it."""
        _, certain, reached = self.ends[z].proposal()
        codes = np.where(reached, self.drawn[z], np.int32(self.nobody))
        return Carried(codes, to_trust(certain)), certain


def _carry_up(found: _Result, gap: GapSlices, start: Carried, stop: int) -> None:
    """Carry what the first slice shows up to the slice before ``stop``."""
    side = start
    for z in range(1, stop):
        side = gap.carry(z - 1, z, side)
        found.put(z, side)


def _carry_down(
    found: _Result, gap: GapSlices, codes: _Codes, start: Carried, zs: range, differ: NDArray[np.int64] | None
) -> None:
    """Carry what the last slice shows down over the slices ``zs``, and fuse it there with what came up."""
    top, side = len(gap.image) - 1, start
    for z in zs:
        if z < top:
            side = gap.carry(z + 1, z, side)
        fused = side
        if 0 in codes.ends:
            labels = found.labels[z]
            unlike = (labels != side.labels) & (labels != codes.nobody) & (side.labels != codes.nobody)
            if differ is not None:
                differ[z] = np.count_nonzero(unlike)
            found.disputed[z] = unlike & (labels > 0) & (side.labels > 0)
            fused = gap.fuse(z, found.side(z), side)
        found.put(z, fused)


def propagate_gap(
    image: NDArray[np.uint8],
    flow: NDArray[np.floating[Any]],
    interior: NDArray[np.uint8],
    boundary: NDArray[np.uint8],
    first: NDArray[Any] | GapEnd | None,
    last: NDArray[Any] | GapEnd | None,
    *,
    zs: Sequence[int] | None = None,
    differ: NDArray[np.int64] | None = None,
    planes: Sequence[Given] = (),
    **settings: Any,
) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Cell ids on every slice of a gap from the user's ids on its first slice, its last, or both.

    Ids are carried slice by slice from each labelled end and fused where both ends arrive (`GapSlices`). What the
    sides dispute is settled in sweeps (`settle_disputes`). image, interior, boundary: uint8 (n, Y, X), both labelled
    slices included; flow: (n or n - 1, 4, Y, X) as made by `stack_flow`; first, last: ids (Y, X) or None at an open
    end of the stack, 0 = not a cell. zs: slice numbers where bad slices are stepped over: trust falls by the distance,
    not by the step. differ: int64 (n,), takes the number of pixels per slice to which the two sides carried different
    ids, 0 where only one side arrives. planes: ids on planes across the slices, which hold where they are known, but
    not on labelled slices. settings: fields of `CarrySettings`. Returns labels uint32 (n, Y, X), the user's ids
    unchanged on labelled slices, 0 = background or a cell that no label shows, and confidence uint8 (n, Y, X), 255 on
    labelled slices and about the chance of being right times 255 elsewhere. Memory: three arrays of the gap's size
    besides the input. Raises ValueError for shapes that do not fit.
    """
    n, given = len(image), (as_end(first), as_end(last))
    _check(image.shape, flow, (interior, boundary), given)
    ends = {z: end for z, end in zip((0, n - 1), given, strict=True) if end is not None}
    codes = _Codes.of(ends, planes)
    how = CarrySettings(**settings)
    void = codes.nobody if codes.partial else None
    gap = GapSlices(image, interior, boundary, flow, range(n) if zs is None else zs, how, void, codes.planes)
    found, start = _Result.empty(image.shape), {}
    for z in ends:
        start[z], certain = codes.start(z)
        found.labels[z], found.confidence[z] = start[z].labels, certain
    # A slice that is labelled in part is filled from the other side as well.
    low, high = (end is not None and end.known is None for end in given)
    if given[0] is not None:
        _carry_up(found, gap, start[0], n - high)
    if given[1] is not None:
        _carry_down(found, gap, codes, start[n - 1], range(n - 1 - high, -1 + low, -1), differ)
    settle_disputes(found.labels, found.confidence, found.disputed, gap.carry, gap.fuse, sweeps=how.sweeps)
    for z, end in ends.items():
        if end.known is not None:  # what the user drew is final
            found.labels[z][end.known] = codes.drawn[z][end.known]
            found.confidence[z][end.known] = 255
    if void is not None:
        found.confidence[found.labels == void] = 0
    mean = found.confidence.mean() / 255
    log.info("gap of %d slices: %d ids, mean confidence %.2f", n, codes.nobody - 1, mean)
    return codes.ids.astype(np.uint32)[found.labels], found.confidence
