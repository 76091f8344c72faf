"""Statistics of image slices that tell bad ones: contrast, sharpness, and likeness to an earlier slice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.grid.slabs import ceil_div

Image = NDArray[np.uint8]

# Pixels a side: for all statistics but sharpness, larger slices are averaged down to this size.
OVERVIEW = 768
TILE, TILES = 512, 3  # pixels a side: the sharpness of a large slice is measured in TILES x TILES such places
COLUMNS = ["z", "contrast", "sharpness", "reference", "change", "shift_y", "shift_x", "match"]


def slice_statistics(image: Image, before: Image | None = None) -> dict[str, float]:
    """Statistics of a slice (Y, X), and of the step to this slice from the slice ``before``, where there is one.

    contrast: standard deviation after a blur over 4 pixels of the overview, so that noise alone has little contrast;
    sharpness: the share of structures of 1 to 2 pixels in the standard deviation; change: root mean square difference
    of the two slices, once both are brought to mean 0 and deviation 1, blurred over 2 pixels and moved onto each
    other; shift_y, shift_x: how far the slice before must move for that, in pixels of the image; match: the
    correlation of the two once it is moved. NaN where a slice shows nothing, and where there is no slice before.
    """
    small, factor = _overview(image)
    found: dict[str, float] = {"contrast": float(_blur(small, 4).std()), "sharpness": _sharpness(image)}
    step = dict.fromkeys(("change", "shift_y", "shift_x", "match"), np.nan)
    if before is not None:
        step |= _step(_overview(before)[0], small, factor)
    return found | step


def statistics_of(slices: Iterable[tuple[int, Image]], references: Mapping[int, int | None]) -> pd.DataFrame:
    """A table of the ``slice_statistics`` of several slices, with the columns ``COLUMNS``; two slices are in memory.

    slices: (z, image) in order of z; references: for each z to be measured its reference, which is an earlier one of
    ``slices`` to compare it with, or None. A slice that is no key of ``references`` is a reference only.
    """
    rows: list[dict[str, float]] = []
    kept: dict[int, Image] = {}
    for z, image in slices:
        if z in references:
            reference = references[z]
            before = None if reference is None else kept.get(reference)
            numbers: dict[str, float] = {"z": z, "reference": -1 if reference is None else reference}
            rows.append(numbers | slice_statistics(image, before))
        # A bad slice is never a reference, so later slices need no other than the last good slice.
        if z not in references or any(r == z for r in references.values()):
            kept = {z: image}
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype(dict.fromkeys(COLUMNS, "float64") | {"z": "int64", "reference": "int64"})


def _blur(image: NDArray[Any], sigma: float) -> NDArray[Any]:
    """The image blurred by a Gaussian of this standard deviation, in pixels."""
    return cv2.GaussianBlur(image, (0, 0), sigma)


def _overview(image: Image) -> tuple[NDArray[np.float32], int]:
    """The slice averaged down to at most ``OVERVIEW`` pixels a side, and the factor of the reduction.

    The black padding of aligned stacks takes the mean of the rest, so that its edge is not taken for tissue.
    """
    factor = ceil_div(max(image.shape), OVERVIEW)
    if factor > 1:
        size = (ceil_div(image.shape[1], factor), ceil_div(image.shape[0], factor))
        reduced: NDArray[Any] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    else:
        reduced = image
    small = reduced.astype(np.float32)
    padding = small == 0
    if padding.any() and not padding.all():
        small[padding] = small[~padding].mean()
    return small, factor


def _sharpness(image: Image) -> float:
    """The share of structures of 1 to 2 pixels in the standard deviation; NaN where the slice has no structure."""
    fine = total = 0.0
    for tile in _tiles(image):
        values = tile.astype(np.float32)
        fine += float((_blur(values, 1) - _blur(values, 2)).var())
        total += float(values.var())
    return float(np.sqrt(fine / total)) if total > 0 else np.nan


def _tiles(image: Image) -> Iterator[Image]:
    """The places of a slice where sharpness is measured: along each axis three, or all of a short axis."""
    starts = [
        [0] if n <= TILE * TILES else np.linspace(0, n - TILE, TILES).astype(int).tolist()
        for n in image.shape
    ]
    for y in starts[0]:
        for x in starts[1]:
            height, width = (n if len(s) == 1 else TILE for n, s in zip(image.shape, starts, strict=True))
            yield image[y : y + height, x : x + width]


def _step(before: NDArray[np.float32], after: NDArray[np.float32], factor: int) -> dict[str, float]:
    """Change, shift and match of ``slice_statistics``, from two overviews; nothing where one of them is uniform."""
    if before.std() == 0 or after.std() == 0:
        return {}
    (dx, dy), _ = cv2.phaseCorrelate(_framed(before), _framed(after))
    before, after = _blur(before, 2), _blur(after, 2)
    moved = _correlation(before, after, round(dy), round(dx))
    match = max(moved, _correlation(before, after, 0, 0))
    change = float(np.sqrt(max(0.0, 2 * (1 - match))))
    return {"change": change, "shift_y": dy * factor, "shift_x": dx * factor, "match": moved}


def _framed(image: NDArray[np.float32]) -> NDArray[Any]:
    """The slice, blurred a little and faded towards its edges, in a frame of even size that is fast to transform.

    OpenCV itself may choose a frame of odd size, in which it finds all shifts half a pixel too large.
    """
    faded = _blur(image, 1)
    faded = (faded - faded.mean()) * cv2.createHanningWindow(image.shape[::-1], cv2.CV_32F)
    bottom, right = (_even_size(n) - n for n in image.shape)
    return cv2.copyMakeBorder(faded, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=0)


def _even_size(n: int) -> int:
    """The least even size from n on that is fast to transform."""
    while (size := cv2.getOptimalDFTSize(n)) % 2:
        n = size + 1
    return size


def _correlation(before: NDArray[Any], after: NDArray[Any], dy: int, dx: int) -> float:
    """Correlation of two slices once the first is moved by (dy, dx); -1 where fewer than half of the rows or columns
    overlap, and where a slice is uniform.
    """
    height, width = after.shape
    if abs(dy) > height // 2 or abs(dx) > width // 2:
        return -1.0
    a = before[max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
    b = after[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a * a).sum(dtype=np.float64) * (b * b).sum(dtype=np.float64)))
    return float((a * b).sum(dtype=np.float64)) / norm if norm > 0 else -1.0
