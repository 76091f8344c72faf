"""Grey values: which become 0 and 255, how they are stored, and how stored ones are shown to networks as uint8.

The stored array is uint8, or uint16 on request. ``grey value = scale x stored value + offset`` leads back to the
source. Light to import: the Snakefile asks it when it is parsed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ultraseg.errors import UserError

if TYPE_CHECKING:
    import numpy as np

# 8-bit images need no window: every grey value has a number of its own.
WHOLE_RANGE = {"uint8": (0, 255), "int8": (-128, 127)}
PERCENTILES = (0.1, 99.9)
SAMPLED_SLICES = 16
SAMPLED_PIXELS = 1_000_000  # per slice, of images that are not 8 or 16 bit integers


class Stored(NamedTuple):
    """How grey values are stored: the window that becomes 0 and 255, bits, and the way back to grey values."""

    window: tuple[float, float]
    bit_depth: int
    scale: float
    offset: float

    @property
    def window_stored(self) -> tuple[float, float]:
        """The window in numbers of the stored array."""
        lo, hi = ((value - self.offset) / self.scale for value in self.window)
        return lo, hi


def stored_as(dtype: str, window: Sequence[float], bit_depth: int) -> Stored:
    """How an image of type ``dtype`` is stored with 8 or 16 bits. Raises UserError for an empty window.

    With 16 bits uint16 stays as it is, int16 is moved up by 32768, and any other type fills 0 to 65535 with the window.
    """
    lo, hi = window
    if not lo < hi:
        raise UserError(
            f"grey-value window [{lo:g}, {hi:g}] is empty",
            "Give intensity_window a lower and a higher grey value, in this order.",
        )
    if bit_depth == 16 and dtype in ("uint16", "int16"):
        return Stored((lo, hi), 16, 1, 0 if dtype == "uint16" else -32768)
    return Stored((lo, hi), bit_depth, (hi - lo) / (2**bit_depth - 1), lo)


def sampled(n_slices: int) -> list[int]:
    """The evenly spaced slices that the window is taken from."""
    count = min(SAMPLED_SLICES, n_slices)
    return sorted({round(i * (n_slices - 1) / max(count - 1, 1)) for i in range(count)})


def known_window(given: Sequence[float] | None, files: Sequence[str]) -> tuple[float, float]:
    """The window that is given, or else that of the one ``window.json`` in ``files``."""
    if given is not None:
        return tuple(given)
    return tuple(json.loads(Path(str(files[0])).read_text())["window"])


def to_stored(values: np.ndarray, stored: Stored) -> np.ndarray:
    """Grey values of one slice as they are stored, uint8 or uint16; what lies beyond is clipped, NaN becomes 0."""
    import numpy as np

    kind = np.uint8 if stored.bit_depth == 8 else np.uint16
    if values.dtype == kind and (stored.scale, stored.offset) == (1, 0):
        return values
    top = np.iinfo(kind).max
    if values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
        # a table of at most 65536 entries: exact, and faster than arithmetic on every pixel
        table = _table(values.dtype.name, stored.scale, stored.offset, top)
        return np.take(table, values.view(f"u{values.dtype.itemsize}"))
    out = np.empty(values.shape, kind)
    # In doubles, so that a number is stored alike whatever its type; few rows at a time.
    rows = max(1, 100_000 // values.shape[1])
    for y in range(0, len(values), rows):
        grey = values[y : y + rows].astype(np.float64)
        grey -= stored.offset
        grey /= stored.scale
        np.clip(np.rint(grey, out=grey), 0, top, out=grey)
        grey[np.isnan(grey)] = 0
        out[y : y + rows] = grey
    return out


@lru_cache(maxsize=4)
def _table(dtype: str, scale: float, offset: float, top: int) -> np.ndarray:
    """Stored value of every number of an integer type, in the order of its bits read as unsigned."""
    import numpy as np

    bits = np.arange(2 ** (8 * np.dtype(dtype).itemsize), dtype=f"u{np.dtype(dtype).itemsize}")
    grey = bits.view(dtype).astype(np.float64)
    return np.clip(np.rint((grey - offset) / scale), 0, top).astype(np.uint8 if top == 255 else np.uint16)


def to_shown(values: np.ndarray, window_stored: Sequence[float]) -> np.ndarray:
    """Stored values as networks and figures see them: uint8, the window (in stored numbers) spread over 0 to 255."""
    import numpy as np

    if values.dtype == np.uint8:
        return values
    lo, hi = (float(value) for value in window_stored)
    return np.take(_table(values.dtype.name, (hi - lo) / 255, lo, 255), values)


def window_of(
    slices: Iterable[np.ndarray], percentiles: Sequence[float] = PERCENTILES
) -> tuple[float, float]:
    """Grey values at two percentiles of some slices; 0, NaN and infinite values, which pad aligned stacks, left out.

    8 and 16 bit integers are counted exactly, other types on a regular grid of up to a million pixels per slice. Raises
    UserError where all values are equal.
    """
    import numpy as np

    counts, lowest, samples = None, 0, []
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
