"""Optical flow between neighbouring slices and the warp that carries labels with it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
# DIS matches patches of 8 pixels in a pyramid: smaller images make it fail or read beyond the edge.
MIN_EXTENT = 48


def slice_flow(
    a: NDArray[np.uint8],
    b: NDArray[np.uint8],
    *,
    upscale: int = 2,
    preset: str = "medium",
    finest_scale: int = 1,
) -> NDArray[np.float32]:
    """Dense optical flow from slice `a` to slice `b` (DIS, Kroeger et al., ECCV 2016).

    a, b: uint8 (Y, X). Returns float32 (2, Y, X): the components (dy, dx), in pixels of the input, on the
    grid of `a`, such that a[y, x] ~ b[y + dy, x + dx]. Slices of one grey value give zero flow.
    upscale: enlargement before matching, which makes thin structures visible to the patches; finest_scale:
    how many times the enlarged slices are halved for the last, finest matching.
    Raises ValueError for unequal shapes or an unknown preset.
    """
    if a.shape != b.shape or a.ndim != 2:
        raise ValueError(f"slices must be two equal 2D shapes, got {a.shape} and {b.shape}")
    if preset not in PRESETS:
        raise ValueError(f"unknown flow preset {preset!r}: one of {', '.join(PRESETS)}")
    height, width = a.shape
    if a.size == 0 or a.min() == a.max() or b.min() == b.max():
        return np.zeros((2, height, width), np.float32)
    matcher: Any = cv2.DISOpticalFlow.create(PRESETS[preset])  # OpenCV's types forbid to start without a flow
    matcher.setFinestScale(finest_scale)
    size = (width * upscale, height * upscale)
    pad_y, pad_x = max(0, MIN_EXTENT - size[1]), max(0, MIN_EXTENT - size[0])
    pair = []
    for image in (a, b):
        large: Any = np.ascontiguousarray(image)
        if upscale != 1:
            large = cv2.resize(large, size, interpolation=cv2.INTER_LINEAR)
        pair.append(cv2.copyMakeBorder(large, 0, pad_y, 0, pad_x, cv2.BORDER_REPLICATE))
    flow = matcher.calc(pair[0], pair[1], None)[: size[1], : size[0]]
    if upscale != 1:
        flow = cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA) / upscale
    return np.stack([flow[..., 1], flow[..., 0]]).astype(np.float32, copy=False)


def stack_flow(image: NDArray[np.uint8], **settings: Any) -> NDArray[np.float32]:
    """Flow in both directions between all neighbouring slices of a stack.

    image: uint8 (n + 1, Y, X). Returns float32 (n, 4, Y, X); at index z, [0:2] = (dy, dx) of z -> z + 1 and
    [2:4] = (dy, dx) of z + 1 -> z. settings: keywords of `slice_flow`.
    """
    if image.ndim != 3 or len(image) < 1:
        raise ValueError(f"image must be (n + 1, Y, X), got {image.shape}")
    flow = np.zeros((len(image) - 1, 4, *image.shape[1:]), np.float32)
    for z in range(len(image) - 1):
        flow[z, :2] = slice_flow(image[z], image[z + 1], **settings)
        flow[z, 2:] = slice_flow(image[z + 1], image[z], **settings)
    return flow


def sample(array: NDArray[Any], flow: NDArray[np.floating[Any]], *, linear: bool = False) -> NDArray[Any]:
    """Values of a slice at the places that `flow` points to, the nearest edge value outside.

    array: (Y, X) of any integer or float type; flow: (2, Y, X) as (dy, dx). Returns (Y, X): array[x +
    flow(x)]; nearest neighbour keeps the type, `linear` returns float32.
    """
    height, width = array.shape
    y = np.arange(height, dtype=np.float32)[:, None] + flow[0].astype(np.float32, copy=False)
    x = np.arange(width, dtype=np.float32)[None, :] + flow[1].astype(np.float32, copy=False)
    if linear:
        return cv2.remap(
            array.astype(np.float32), x, y, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    row = np.clip(np.rint(y), 0, height - 1).astype(np.intp)
    column = np.clip(np.rint(x), 0, width - 1).astype(np.intp)
    return array[row, column]


def warp_labels(labels: NDArray[Any], flow: NDArray[np.floating[Any]]) -> NDArray[Any]:
    """Labels of a slice carried to its neighbour, nearest neighbour.

    labels: integers (Y, X) of slice s; flow: (2, Y, X), (dy, dx) *from the target slice to s*. Returns labels
    of the type and shape of the input.
    """
    return sample(labels, flow)


def consistency_error(
    there: NDArray[np.floating[Any]], back: NDArray[np.floating[Any]]
) -> NDArray[np.float32]:
    """Distance in pixels by which a point fails to return when it follows `there` and then `back`.

    there, back: (2, Y, X) flows of opposite direction between two slices. Returns float32 (Y, X) on the grid
    of `there`; 0 where both agree.
    """
    dy = there[0] + sample(back[0], there, linear=True)
    dx = there[1] + sample(back[1], there, linear=True)
    return np.hypot(dy, dx).astype(np.float32)
