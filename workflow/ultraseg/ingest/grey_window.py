"""The window of grey values that become 0 and 255."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ultraseg.arrays.grey_values import PERCENTILES, SAMPLED_PIXELS, SAMPLED_SLICES
from ultraseg.base.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def evenly_spaced(n_slices: int) -> list[int]:
    """The evenly spaced slices that the window is taken from."""
    count = min(SAMPLED_SLICES, n_slices)
    return sorted({round(i * (n_slices - 1) / max(count - 1, 1)) for i in range(count)})


def known_window(given: Sequence[float] | None, files: Sequence[str]) -> tuple[float, float]:
    """The window that is given, or else that of the one ``window.json`` in ``files``."""
    if given is not None:
        lo, hi = given
    else:
        lo, hi = json.loads(Path(str(files[0])).read_text())["window"]
    return lo, hi


def window_of(
    slices: Iterable[NDArray[Any]], percentiles: Sequence[float] = PERCENTILES
) -> tuple[float, float]:
    """Grey values at two percentiles of some slices; 0, NaN and infinite values, which pad aligned stacks, left out.

    8 and 16 bit integers are counted exactly, other types on a regular grid of up to a million pixels per slice. Raises
    UserError where all values are equal.
    """
    import numpy as np

    counts: NDArray[np.int64] | None = None
    lowest, samples = 0, []
    lo: float
    hi: float
    for values in slices:
        if values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
            lowest = np.iinfo(values.dtype).min
            found = np.bincount((values.astype(np.int32) - lowest).ravel(), minlength=65536)
            counts = found if counts is None else counts + found
        else:
            step = max(1, int(np.ceil(np.sqrt(values.size / SAMPLED_PIXELS))))
            samples.append(values[::step, ::step].ravel().astype(np.float64))
    if counts is not None:
        counts[-lowest] = 0
        cumulated = np.cumsum(counts)
        targets = (max(share / 100 * cumulated[-1], 1) for share in percentiles)
        lo, hi = (int(np.searchsorted(cumulated, target)) + lowest for target in targets)
    else:
        known = np.concatenate(samples)
        known = known[np.isfinite(known) & (known != 0)]
        lo, hi = (float(value) for value in np.percentile(known, percentiles)) if known.size else (0, 0)
    if lo >= hi:
        raise UserError(
            f"the sampled slices hold a single grey value ({lo:g})",
            "Check that the files are the image stack, or give intensity_window yourself.",
        )
    return lo, hi
