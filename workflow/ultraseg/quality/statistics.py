"""Statistics of single image slices by which bad ones are told: structure, sharpness, likeness to the slice before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import cv2
import numpy as np
import pandas as pd

from ultraseg.grid.slabs import ceil_div

OVERVIEW = 768  # pixels: larger slices are averaged down for all but sharpness
TILE, TILES = 512, 3  # sharpness of large slices is measured in TILES x TILES places of this size
COLUMNS = ["z", "contrast", "sharpness", "reference", "change", "shift_y", "shift_x", "match"]


def slice_statistics(image: np.ndarray, before: np.ndarray | None = None) -> dict[str, float]:
    """Statistics of a slice (uint8, Y, X), and of the step to it from the slice ``before`` where there is one.

    contrast: standard deviation after a blur over 4 pixels of the overview, so that noise alone has little; sharpness:
    share of the structure of 1 to 2 pixels in the standard deviation; change: root mean square difference to the slice
    before, both brought to mean 0 and deviation 1, blurred over 2 pixels and moved onto each other; shift_y, shift_x:
    where the slice before must move to, in pixels of the image; match: correlation once it is moved there. NaN where
    a slice shows nothing.
    """
    small, factor = _overview(image)
    found = {"contrast": float(_blur(small, 4).std()), "sharpness": _sharpness(image)}
    step = dict.fromkeys(("change", "shift_y", "shift_x", "match"), np.nan)
    if before is not None:
        step |= _step(_overview(before)[0], small, factor)
    return found | step


def statistics_of(
    slices: Iterator[tuple[int, np.ndarray]], references: Mapping[int, int | None]
) -> pd.DataFrame:
    """A table of ``slice_statistics``, columns ``COLUMNS``; two slices in memory.

    slices: (z, image) in order of z; references: for each z to be measured the slice it is compared with, an earlier
    one of ``slices``, or None. Slices that are no key of it are only compared with.
    """
    rows, kept = [], {}
    for z, image in slices:
        if z in references:
            reference = references[z]
            rows.append(
                {"z": z, "reference": -1 if reference is None else reference}
                | slice_statistics(image, kept.get(reference))
            )
        # Bad slices are never a reference, so the last good one is all that later slices need.
        if z not in references or any(r == z for r in references.values()):
            kept = {z: image}
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype(dict.fromkeys(COLUMNS, "float64") | {"z": "int64", "reference": "int64"})


def _blur(image: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), sigma)


def _overview(image: np.ndarray) -> tuple[np.ndarray, int]:
    """The slice averaged down to at most ``OVERVIEW`` pixels a side, and the factor of it.

    Black padding of aligned stacks takes the mean of the rest: its edge must not be taken for tissue.
    """
    factor = ceil_div(max(image.shape), OVERVIEW)
    if factor > 1:
        size = (ceil_div(image.shape[1], factor), ceil_div(image.shape[0], factor))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    small = image.astype(np.float32)
    padding = small == 0
    if padding.any() and not padding.all():
        small[padding] = small[~padding].mean()
    return small, factor


def _sharpness(image: np.ndarray) -> float:
    fine = total = 0.0
    for tile in _tiles(image):
        tile = tile.astype(np.float32)
        fine += float((_blur(tile, 1) - _blur(tile, 2)).var())
        total += float(tile.var())
    return float(np.sqrt(fine / total)) if total > 0 else np.nan


def _tiles(image: np.ndarray) -> Iterator[np.ndarray]:
    starts = [
        [0] if n <= TILE * TILES else np.linspace(0, n - TILE, TILES).astype(int).tolist()
        for n in image.shape
    ]
    for y in starts[0]:
        for x in starts[1]:
            height, width = (n if len(s) == 1 else TILE for n, s in zip(image.shape, starts, strict=True))
            yield image[y : y + height, x : x + width]


def _step(before: np.ndarray, after: np.ndarray, factor: int) -> dict[str, float]:
    if before.std() == 0 or after.std() == 0:
        return {}
    (dx, dy), _ = cv2.phaseCorrelate(_framed(before), _framed(after))
    before, after = _blur(before, 2), _blur(after, 2)
    moved = _correlation(before, after, round(dy), round(dx))
    match = max(moved, _correlation(before, after, 0, 0))
    change = float(np.sqrt(max(0.0, 2 * (1 - match))))
    return {"change": change, "shift_y": dy * factor, "shift_x": dx * factor, "match": moved}


def _framed(image: np.ndarray) -> np.ndarray:
    """The slice, blurred a little, faded towards its edges, in a frame of even size that is fast to transform.

    In a frame of odd size, which OpenCV may choose by itself, it finds all shifts half a pixel too large.
    """
    faded = _blur(image, 1)
    faded = (faded - faded.mean()) * cv2.createHanningWindow(image.shape[::-1], cv2.CV_32F)
    bottom, right = (_even_size(n) - n for n in image.shape)
    return cv2.copyMakeBorder(faded, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=0)


def _even_size(n: int) -> int:
    while (size := cv2.getOptimalDFTSize(n)) % 2:
        n = size + 1
    return size


def _correlation(before: np.ndarray, after: np.ndarray, dy: int, dx: int) -> float:
    """Correlation of two slices once the first is moved by (dy, dx); -1 where less than half of them overlaps."""
    height, width = after.shape
    if abs(dy) > height // 2 or abs(dx) > width // 2:
        return -1.0
    a = before[max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
    b = after[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a * a).sum(dtype=np.float64) * (b * b).sum(dtype=np.float64)))
    return float((a * b).sum(dtype=np.float64)) / norm if norm > 0 else -1.0
