"""The image of slices that are missing from a stack: mixed from the nearest good slices, for viewers to show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def fill_missing(
    stack: NDArray[np.integer[Any]],
    zs: Sequence[int],
    start: int,
    stop: int,
    bridges: Mapping[int, Sequence[tuple[int, float]]],
) -> NDArray[np.integer[Any]]:
    """The slices start <= z < stop from those that were read, missing ones as weighted means.

    stack: (n, Y, X) of any integer type, its slices those numbered ``zs``: the recorded ones of the slab and the
    sources of the missing ones; bridges: for each missing z its sources and weights, as from
    ``good_slices.bridge_weights``. Returns (stop - start, Y, X) of the same type. Raises KeyError for a slice that is
    neither read nor bridged.
    """
    place = {z: i for i, z in enumerate(zs)}
    filled = np.empty((stop - start, *stack.shape[1:]), stack.dtype)
    for z in range(start, stop):
        if z in bridges:
            mean = sum(np.float32(weight) * stack[place[source]] for source, weight in bridges[z])
            filled[z - start] = np.rint(mean)
        else:
            filled[z - start] = stack[place[z]]
    return filled


def with_missing(
    slices: Iterable[NDArray[Any]],
    zs: Sequence[int],
    start: int,
    stop: int,
    bridges: Mapping[int, Sequence[tuple[int, float]]],
) -> Iterator[NDArray[Any]]:
    """The slices start <= z < stop one after another; all are held at a time only where some are missing.

    Arguments as for ``fill_missing``, whose stack ``slices`` are.
    """
    # Missing slices are mixed from others, which must all be at hand.
    return iter(fill_missing(np.stack(list(slices)), zs, start, stop, bridges) if bridges else slices)
