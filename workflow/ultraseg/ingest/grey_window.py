"""The window of grey values that become 0 and 255."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ultraseg.arrays.grey_values import PERCENTILES, SAMPLED_PIXELS, SAMPLED_SLICES
from ultraseg.base.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


log = logging.getLogger(__name__)

FEW_VALUES = 30  # percent of the values; an information bar is smaller
# Of the window that the others have at least; 0.58 where values spread as in a bell curve.
GREYS_OF_MOST = 0.2

BAR = 12  # percent of the values at either end, where a bar has black and white
# Of the window that the others have at least; 0.38 where values spread as in a bell curve.
GREYS_BETWEEN = 0.1

# Of the window that hardly a value may take; 0.54 in tails as long as those of log-normal values.
EMPTY = 0.6


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


class GreyValues:
    """How often each grey value occurs in some slices; 0, NaN and infinite values, which pad slices, are left out.

    8 and 16 bit integers are counted exactly, other types on a regular grid of up to a million pixels per slice.
    """

    def __init__(self, slices: Iterable[NDArray[Any]]):
        import numpy as np

        counts = np.zeros(65536, np.int64)
        lowest, samples = 0, []
        for values in slices:
            if values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
                lowest = int(np.iinfo(values.dtype).min)
                counts += np.bincount((values.astype(np.int32) - lowest).ravel(), minlength=65536)
            else:
                step = max(1, int(np.ceil(np.sqrt(values.size / SAMPLED_PIXELS))))
                samples.append(values[::step, ::step].ravel().astype(np.float64))
        self.samples: NDArray[np.float64] | None = None
        if samples:
            known = np.concatenate(samples)
            self.samples = np.sort(known[np.isfinite(known) & (known != 0)])
        counts[-lowest] = 0
        self.cumulated, self.lowest = np.cumsum(counts), lowest

    def percentile(self, share: float, occurs: bool = False) -> float:
        """The grey value below which ``share`` percent of the values lie; 0 where there is no value.

        ``occurs``: one of the values, not a mean of two of them.
        """
        import numpy as np

        if self.samples is not None:
            method: Literal["lower", "linear"] = "lower" if occurs else "linear"
            return float(np.percentile(self.samples, share, method=method)) if self.samples.size else 0.0
        target = max(share / 100 * self.cumulated[-1], 1)
        return int(np.searchsorted(self.cumulated, target)) + self.lowest if self.cumulated[-1] else 0


def window_of(
    slices: Iterable[NDArray[Any]], percentiles: Sequence[float] = PERCENTILES
) -> tuple[float, float]:
    """Grey values at two percentiles of some slices; 0, NaN and infinite values, which pad aligned stacks, left out.

    Warns where few values take most of the window. Raises UserError where all values are equal.
    """
    found = GreyValues(slices)
    lo, hi = (found.percentile(share) for share in percentiles)
    if lo >= hi:
        raise UserError(
            f"the sampled slices hold a single grey value ({lo:g})",
            "Check that the files are the image stack, or give intensity_window yourself.",
        )
    doubt = window_doubt(found, lo, hi)
    if doubt:
        log.warning(doubt)
    return lo, hi


def window_doubt(found: GreyValues, lo: float, hi: float) -> str | None:
    """What to tell the user of a window most of which is taken by few values at one end; None for other windows.

    An information bar, a saturated border or padding with another value than 0 does it: the tissue gets few greys.
    """
    low, high = found.percentile(FEW_VALUES), found.percentile(100 - FEW_VALUES)
    inner = found.percentile(BAR), found.percentile(100 - BAR)
    checks = (
        (f"highest {FEW_VALUES} %", (lo, high), GREYS_OF_MOST),
        (f"lowest {FEW_VALUES} %", (low, hi), GREYS_OF_MOST),
        (f"lowest and the highest {BAR} %", inner, GREYS_BETWEEN),
    )
    for few, (a, b), least in checks:
        if b == a:
            break  # more values than a bar has are at that end
        if b - a < least * (hi - lo):
            return (
                f"the {few} of the grey values take most of the intensity window [{lo:g}, {hi:g}]: all others lie "
                f"between {a:g} and {b:g} and get {round(256 * (b - a) / (hi - lo))} of 256 greys. If the slices have "
                "an information bar or a border, leave it out with roi (y and x); else look at the figures, and give "
                "window_percentiles or intensity_window."
            )
    return _gap_doubt(found, lo, hi)


def _gap_doubt(found: GreyValues, lo: float, hi: float) -> str | None:
    """The same for borders of any size: between them and the tissue lies a wide range without values."""
    values = [min(max(found.percentile(share, occurs=True), lo), hi) for share in range(101)]
    gap, a, b = max((high - low, low, high) for low, high in pairwise(values))
    if gap <= EMPTY * (hi - lo):
        return None
    return (
        f"hardly any grey value lies between {a:g} and {b:g}, which is most of the intensity window [{lo:g}, {hi:g}]: "
        f"the values up to {a:g} get {round(256 * (a - lo) / (hi - lo))} of 256 greys, those from {b:g} on "
        f"{round(256 * (hi - b) / (hi - lo))}. If the slices have an information bar or a border, leave it out with "
        "roi (y and x); else look at the figures, and give window_percentiles or intensity_window."
    )
