"""Mirrored and turned views of planes for networks that predict cuts, which point along an axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.networks.channels import cut_of

VIEWS = {
    1: (0,),
    2: (0, 7),
    4: (0, 1, 2, 3),
    8: tuple(range(8)),
}  # bits: mirror rows, mirror columns, exchange both

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def mean_of_cut_views(
    run: Run, planes: NDArray[np.float32], views: int, channels: Sequence[str]
) -> NDArray[np.float32]:
    """Mean probability over 1, 2, 4 or 8 views of planes (n, rows, columns, C); channels name the network's outputs.

    In a mirrored plane the first pixel of a pair is the second one, so that its cut lies one offset further along; in a
    turned plane cuts along rows are cuts along columns. Both are undone. A cut whose pair ends outside the plane takes
    the value of the nearest one that does not.
    """
    if views not in VIEWS:
        raise ValueError(f"views are {', '.join(map(str, VIEWS))}, not {views}")
    cuts = [cut_of(channel) for channel in channels]
    found = (
        _turn_back(np.asarray(run(np.ascontiguousarray(_turn(planes, view)))), view, cuts)
        for view in VIEWS[views]
    )
    total = next(found)
    for more in found:
        total += more
    total /= np.float32(views)
    return total


def _mirrored(view: int) -> tuple[int, ...]:
    return tuple(axis for axis in (1, 2) if view & axis)


def _turn(planes: NDArray[np.float32], view: int) -> NDArray[np.float32]:
    planes = np.flip(planes, _mirrored(view))
    return planes.transpose(0, 2, 1, 3) if view & 4 else planes


def _turn_back(
    found: NDArray[np.float32], view: int, cuts: Sequence[tuple[int, int] | None]
) -> NDArray[np.float32]:
    if view & 4:
        found = found.transpose(0, 2, 1, 3)[..., _exchanged(cuts)]
    found = np.flip(found, _mirrored(view))
    result = np.array(found)
    for k, cut in enumerate(cuts):
        if cut is not None:
            axis, offset = cut[0] + 1, cut[1]
            _place(result[..., k], found[..., k], axis, offset, mirrored=bool(view & axis))
    return result


def _exchanged(cuts: Sequence[tuple[int, int] | None]) -> list[int]:
    """For every channel the one that holds its values after rows and columns were exchanged."""
    place = {cut: k for k, cut in enumerate(cuts) if cut is not None}
    return [k if cut is None else place[1 - cut[0], cut[1]] for k, cut in enumerate(cuts)]


def _place(result: NDArray[Any], found: NDArray[Any], axis: int, offset: int, *, mirrored: bool) -> None:
    """Bring the cuts of one channel to their places (n, rows, columns) and fill up those beyond the last pair."""
    size = found.shape[axis]
    if offset >= size:
        return
    pairs = np.arange(size - offset)
    source = np.minimum(np.arange(size), pairs[-1]) + (offset if mirrored else 0)
    result[...] = np.take(found, source, axis=axis)
