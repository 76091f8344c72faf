"""Images, masks and ids at a network's scale and back at the image's."""

from __future__ import annotations

import cv2
import numpy as np

from ultraseg.arrays.modes import block_modes


# ---------------------------------------------------------------- scale and targets
def _pad_to_multiple(array: np.ndarray, d: int) -> np.ndarray:
    bottom, right = -array.shape[0] % d, -array.shape[1] % d
    if not bottom and not right:
        return array
    return cv2.copyMakeBorder(array, 0, bottom, 0, right, cv2.BORDER_REPLICATE)


def downsample_image(image: np.ndarray, d: int) -> np.ndarray:
    """Average d x d blocks of a uint8 or uint16 slice (y, x); the last, partial blocks repeat the edge pixel."""
    if d == 1:
        return image
    padded = _pad_to_multiple(np.ascontiguousarray(image), d)
    return cv2.resize(padded, (padded.shape[1] // d, padded.shape[0] // d), interpolation=cv2.INTER_AREA)


def downsample_mask(mask: np.ndarray, d: int) -> np.ndarray:
    """Area fraction of nonzero pixels in d x d blocks as uint8 (255 = all of the block)."""
    return downsample_image((np.asarray(mask) != 0).astype(np.uint8) * 255, d)


def downsample_ids(ids: np.ndarray, d: int) -> np.ndarray:
    """Most frequent id of each d x d block, counting only pixels that exist; the smallest id wins a tie."""
    return ids if d == 1 else block_modes(ids, (d, d))


def downsample_known(known: np.ndarray, d: int) -> np.ndarray:
    """Blocks of d x d pixels all of which are known; bool (y, x) in and out."""
    return downsample_mask(~known, d) == 0


def enlarge_map(values: np.ndarray, d: int) -> np.ndarray:
    """Enlarge a map (y, x), uint8, bilinearly; its pixel i covers the pixels i * d .. i * d + d - 1 of the result."""
    values = np.ascontiguousarray(values)  # as cv2 wants them
    if d == 1:
        return values
    return cv2.resize(values, (values.shape[1] * d, values.shape[0] * d), interpolation=cv2.INTER_LINEAR)


def upsample_labels(labels: np.ndarray, downsample: int, shape: tuple[int, int]) -> np.ndarray:
    """Enlarge a label slice with smooth outlines: the four nearest small pixels vote with bilinear weights.

    labels: integers (Y', X'), where pixel i covers the pixels i * d .. i * d + d - 1 of the result; shape:
    (Y, X) with Y <= Y' * d. Keeps the type. Ties go to the lowest label. `downsample` 1 returns the labels
    unchanged. Raises ValueError when `shape` does not fit.
    """
    d = downsample
    if any(not (n - 1) * d < full <= n * d for n, full in zip(labels.shape, shape, strict=True)):
        raise ValueError(f"labels {labels.shape} enlarged {d} times do not give {shape}")
    if d == 1:
        return labels
    padded = np.pad(labels, 1, mode="edge")
    corners = np.stack([padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]])
    # A block of d x d pixels between four small-pixel centres; only blocks on an outline need a vote.
    ny, nx = corners.shape[1:]
    blocks = np.empty((ny, d, nx, d), labels.dtype)
    blocks[:] = corners[0][:, None, :, None]
    cy, cx = np.nonzero((corners[1:] != corners[0]).any(axis=0))
    blocks[cy, :, cx, :] = _vote(corners[:, cy, cx], d)
    first = d - d // 2
    large = blocks.reshape(ny * d, nx * d)
    return np.ascontiguousarray(large[first : first + shape[0], first : first + shape[1]])


def _vote(corners: np.ndarray, d: int) -> np.ndarray:
    """Winning labels (k, d, d) of blocks with corner labels (4, k): integer weights, so ties are exact."""
    far = 2 * np.arange(d) + (1 - d % 2)  # distance from the upper/left centre in 1 / (2 d) of a small pixel
    near = 2 * d - far
    weights = np.stack([np.outer(p, q) for p in (near, far) for q in (near, far)]).astype(np.int32)
    order = np.argsort(corners, axis=0, kind="stable")  # lowest label first: the first maximum wins a tie
    labels = np.take_along_axis(corners, order, axis=0)
    best = np.full((corners.shape[1], d, d), -1, np.int32)
    winner = np.zeros_like(best, dtype=corners.dtype)
    for candidate in labels:
        score = np.tensordot((corners == candidate).astype(np.int32), weights, axes=(0, 0))
        better = score > best
        best[better] = score[better]
        winner = np.where(better, candidate[:, None, None], winner)
    return winner
