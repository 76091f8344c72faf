"""Images, masks and ids at a network's scale, and back at the scale of the image.

d is how many pixels of the image, in y and in x, one pixel at the network's scale covers.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.modes import Label, block_modes

_DIGITS = 4 ** np.arange(4)[:, None]  # make one number of how many labels are lower than each of four corners


def _pad_to_multiple(array: NDArray[Any], d: int) -> NDArray[Any]:
    """The array (y, x) with its last row and column repeated until both sizes are multiples of d."""
    bottom, right = -array.shape[0] % d, -array.shape[1] % d
    if not bottom and not right:
        return array
    return cv2.copyMakeBorder(array, 0, bottom, 0, right, cv2.BORDER_REPLICATE)


def downsample_image(image: NDArray[Any], d: int) -> NDArray[Any]:
    """Average blocks of d x d pixels of a slice (y, x), uint8 or uint16.

    Partial blocks at the far edges repeat the last pixel.
    """
    if d == 1:
        return image
    padded = _pad_to_multiple(np.ascontiguousarray(image), d)
    return cv2.resize(padded, (padded.shape[1] // d, padded.shape[0] // d), interpolation=cv2.INTER_AREA)


def downsample_mask(mask: NDArray[Any], d: int) -> NDArray[np.uint8]:
    """Share of the pixels of d x d blocks that are not 0; 255 = all pixels of the block."""
    return downsample_image((np.asarray(mask) != 0).astype(np.uint8) * 255, d)


def downsample_ids(ids: NDArray[Label], d: int) -> NDArray[Label]:
    """Most frequent id of blocks of d x d pixels that exist; of equally frequent ids the smallest."""
    return ids if d == 1 else block_modes(ids, (d, d))


def downsample_known(known: NDArray[np.bool_], d: int) -> NDArray[np.bool_]:
    """Which blocks of d x d pixels are known in all their pixels."""
    return downsample_mask(~known, d) == 0


def enlarge_map(values: NDArray[np.uint8], d: int) -> NDArray[np.uint8]:
    """Enlarge a map (y, x) bilinearly; its pixel i covers the pixels i * d .. i * d + d - 1 of the result."""
    values = np.ascontiguousarray(values)  # OpenCV takes no other arrays
    if d == 1:
        return values
    large: NDArray[Any] = cv2.resize(
        values, (values.shape[1] * d, values.shape[0] * d), interpolation=cv2.INTER_LINEAR
    )
    return large


def upsample_labels(labels: NDArray[Label], downsample: int, shape: tuple[int, int]) -> NDArray[Label]:
    """Enlarge a label slice with smooth outlines: the four nearest small pixels vote with bilinear weights.

    labels: (Y', X'); its pixel i covers the pixels i * d .. i * d + d - 1 of the result, where d is ``downsample``;
    shape: (Y, X) of the result, with Y <= Y' * d and X <= X' * d. A tie goes to the lowest label. With d = 1 the
    labels themselves are returned. Raises ValueError for a shape that does not fit.
    """
    d = downsample
    if any(not (n - 1) * d < full <= n * d for n, full in zip(labels.shape, shape, strict=True)):
        raise ValueError(f"labels {labels.shape} enlarged {d} times do not give {shape}")
    if d == 1:
        return labels
    padded = np.pad(labels, 1, mode="edge")
    corners = np.stack([padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]])
    # Each block of d x d pixels lies between the centres of four small pixels. Only blocks on an outline need a vote.
    ny, nx = corners.shape[1:]
    blocks = np.empty((ny, d, nx, d), labels.dtype)
    blocks[:] = corners[0][:, None, :, None]
    cy, cx = np.nonzero((corners[1:] != corners[0]).any(axis=0))
    blocks[cy, :, cx, :] = _vote(corners[:, cy, cx], d)
    first = d - d // 2
    large = blocks.reshape(ny * d, nx * d)
    return np.ascontiguousarray(large[first : first + shape[0], first : first + shape[1]])


def _vote(corners: NDArray[Label], d: int) -> NDArray[Label]:
    """The winning labels (k, d, d) of k blocks from the labels of their corners (4, k)."""
    # Which corner wins where depends on the order of the four labels alone.
    order = ((corners[:, None] > corners[None]).sum(axis=1) * _DIGITS).sum(axis=0)
    winners = _winning_corners(d)[order]
    return np.take_along_axis(np.ascontiguousarray(corners.T), winners, axis=1).reshape(-1, d, d)


@cache
def _winning_corners(d: int) -> NDArray[np.intp]:
    """The corner that wins each pixel (256, d * d) of a block, by how many labels are lower than that of each corner.

    Weights are integers, so that ties are exact.
    """
    corners = np.arange(256) // _DIGITS % 4
    # Distance from the upper or left centre, in 1 / (2 d) of a small pixel.
    far = 2 * np.arange(d) + (1 - d % 2)
    near = 2 * d - far
    weights = np.stack([np.outer(p, q).ravel() for p in (near, far) for q in (near, far)])
    # A label has the weights of all corners that show it.
    score = np.einsum("ijk,jp->ikp", corners[:, None] == corners[None], weights)
    best = score.max(axis=0)
    # The first corner whose label is the lowest of those with the highest score.
    lowest = np.where(score == best, corners[..., None], 4)
    return lowest.argmin(axis=0)
