"""Grey values of the source, stored values, and shown values.

Stored values are uint8, or uint16 on request: grey value = scale x stored value + offset. Shown values are uint8:
networks and figures see them, with the grey-value window spread over 0 to 255. The module is light to import, as the
Snakefile needs it when it is parsed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ultraseg.base.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# An 8-bit image needs no window: every grey value has a stored value of its own.
WHOLE_RANGE = {"uint8": (0, 255), "int8": (-128, 127)}
PERCENTILES = (0.1, 99.9)
SAMPLED_SLICES = 16
SAMPLED_PIXELS = 1_000_000  # of a slice, where grey values are not integers of 8 or 16 bits


class Stored(NamedTuple):
    """How grey values are stored.

    window: the grey values that become 0 and 255 when they are shown; bit_depth: 8 or 16; scale, offset: lead back from
    stored values to grey values.
    """

    window: tuple[float, float]
    bit_depth: int
    scale: float
    offset: float

    @property
    def window_stored(self) -> tuple[float, float]:
        """The window in stored values."""
        lo, hi = ((value - self.offset) / self.scale for value in self.window)
        return lo, hi


def stored_as(dtype: str, window: Sequence[float], bit_depth: int) -> Stored:
    """How an image of type ``dtype`` is stored with 8 or 16 bits. Raises UserError for an empty window.

    With 16 bits, uint16 stays as it is, int16 is moved up by 32768, and the window of any other type fills 0 to 65535.
    With 8 bits the window fills 0 to 255.
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


def to_stored(values: NDArray[Any], stored: Stored) -> NDArray[Any]:
    """Stored values, uint8 or uint16, of one slice of grey values (Y, X).

    Grey values beyond the range are clipped, and NaN becomes 0.
    """
    import numpy as np

    kind = np.uint8 if stored.bit_depth == 8 else np.uint16
    if values.dtype == kind and (stored.scale, stored.offset) == (1, 0):
        return values
    top = np.iinfo(kind).max
    if values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
        # A table of at most 65536 entries is exact, and faster than arithmetic on every pixel.
        table = _table(values.dtype.name, stored.scale, stored.offset, top)
        return np.take(table, values.view(f"u{values.dtype.itemsize}"))
    out = np.empty(values.shape, kind)
    # Doubles store a number in one way, whatever its type. Few rows at a time keep the memory small.
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
def _table(dtype: str, scale: float, offset: float, top: int) -> NDArray[Any]:
    """Stored value of every number of an integer type, in the order of its bits read as an unsigned number."""
    import numpy as np

    bits = np.arange(2 ** (8 * np.dtype(dtype).itemsize), dtype=f"u{np.dtype(dtype).itemsize}")
    grey = bits.view(dtype).astype(np.float64)
    return np.clip(np.rint((grey - offset) / scale), 0, top).astype(np.uint8 if top == 255 else np.uint16)


def to_shown(values: NDArray[Any], window_stored: Sequence[float]) -> NDArray[np.uint8]:
    """Stored values as networks and figures see them: the window, in stored values, is spread over 0 to 255."""
    import numpy as np

    if values.dtype == np.uint8:
        return values
    lo, hi = (float(value) for value in window_stored)
    return np.take(_table(values.dtype.name, (hi - lo) / 255, lo, 255), values)
