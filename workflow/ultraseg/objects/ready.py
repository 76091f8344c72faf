"""Objects that another program found, taken as they are: ids of a slice at the size of the image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.base.errors import UserError

LARGEST = 2**32 - 1  # of ids in final labels


def ready_labels(
    planes: Iterable[NDArray[Any]],
    name: str,
    *,
    factor: Sequence[int],
    crop: Sequence[Sequence[int]],
    is_mask: bool,
) -> NDArray[np.uint32]:
    """The final labels (n, Y, X) of slices of ids; where ``is_mask``, 1 at every id.

    name: of the file, for messages; factor: pixels of the stack that one pixel of a slice covers in y and x; crop:
    start and stop in y and x of the whole stack. Raises UserError for numbers that are no ids.
    """
    return np.stack([_fitted(as_ids(one, name), factor, crop, is_mask) for one in planes])


def as_ids(values: NDArray[Any], name: str) -> NDArray[np.uint32]:
    """The numbers of a slice as ids. Raises UserError where they are none; name: of the file."""
    low, high = float(values.min()), float(values.max())
    if not (0 <= low and high <= LARGEST) or (
        values.dtype.kind == "f" and (values != np.floor(values)).any()
    ):
        raise UserError(
            f"{name}: holds numbers from {low:g} to {high:g}, which are no ids from 0 to {LARGEST}",
            "Give a label volume: whole numbers, one for each object, 0 for background. Probabilities belong in "
            "networks.<name>.maps; number large ids anew, from 1.",
        )
    return values.astype(np.uint32)


def _fitted(
    ids: NDArray[np.uint32],
    factor: Sequence[int],
    crop: Sequence[Sequence[int]],
    is_mask: bool,
) -> NDArray[np.uint32]:
    (y0, y1), (x0, x1) = crop
    rows, columns = (
        np.minimum(np.arange(start, stop) // step, size - 1)  # sizes may have been rounded down
        for (start, stop), step, size in zip(((y0, y1), (x0, x1)), factor, ids.shape, strict=True)
    )
    large = ids[np.ix_(rows, columns)]
    return (large != 0).astype(np.uint32) if is_mask else large
