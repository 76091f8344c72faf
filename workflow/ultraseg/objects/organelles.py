"""3D objects of one structure from probability maps: label slabs, merge across slab faces, renumber."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import cc3d
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ultraseg.arrays.labels import label_sizes, overlap_counts
from ultraseg.arrays.scale import enlarge_map
from ultraseg.grid.slabs import ceil_div

log = logging.getLogger(__name__)


def mask_slab(
    probability: np.ndarray,
    shape: tuple[int, int],
    *,
    downsample: int = 1,
    threshold: float = 0.5,
    max_hole_pixels: int = 0,
) -> np.ndarray:
    """Threshold a slab of probabilities at full size; all there is to do for structures of kind `mask`.

    probability: uint8 (n, Yn, Xn), 255 = 1.0, its pixel i covering the pixels i * d .. i * d + d - 1 of the
    image; shape: (Y, X) of the image. Enlarges bilinearly, slice by slice. max_hole_pixels: holes of up to
    this many pixels within a slice are filled, unless they touch its edge. Returns uint8 (n, Y, X) of 0 and
    1. Raises ValueError when `shape` does not fit.
    """
    n, height, width = probability.shape
    expected = tuple(ceil_div(full, downsample) for full in shape)
    if probability.dtype != np.uint8 or (height, width) != expected:
        raise ValueError(
            f"probability is {probability.dtype} {probability.shape[1:]}, expected uint8 {expected} for "
            f"an image of {shape} at downsample {downsample}"
        )
    level = max(1, int(np.ceil(threshold * 255 - 1e-9)))
    mask = np.empty((n, *shape), np.uint8)
    for z, one in enumerate(probability):
        one = enlarge_map(one, downsample)[: shape[0], : shape[1]]
        np.greater_equal(one, level, out=mask[z], casting="unsafe")
        if max_hole_pixels > 0:
            fill_holes(mask[z], max_hole_pixels)
    return mask


def fill_holes(mask: np.ndarray, max_hole_pixels: int) -> None:
    """Fill, in place, the 4-connected holes of a 2D mask (uint8) up to a size; holes at the edge stay."""
    holes, count = cc3d.connected_components(mask == 0, connectivity=4, return_N=True, binary_image=True)
    fill = np.bincount(holes.ravel(), minlength=count + 1) <= max_hole_pixels
    for edge in (holes[0], holes[-1], holes[:, 0], holes[:, -1]):
        fill[edge] = False
    fill[0] = False
    mask[fill[holes]] = 1


def label_slab(
    probability: np.ndarray,
    shape: tuple[int, int],
    *,
    downsample: int = 1,
    threshold: float = 0.5,
    max_hole_pixels: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Number the 6-connected components of one slab of probabilities (map).

    Arguments as for `mask_slab`. Returns labels uint32 (n, Y, X), 1..k in order of their first voxel in z, y,
    x, and sizes int64 (k + 1,) in voxels, with sizes[0] = 0.
    """
    mask = mask_slab(
        probability, shape, downsample=downsample, threshold=threshold, max_hole_pixels=max_hole_pixels
    )
    # On C-ordered arrays cc3d numbers in raster order, which `merge_slabs` relies on (and a test holds).
    labels, count = cc3d.connected_components(
        mask, connectivity=6, return_N=True, binary_image=True, out_dtype=np.uint32
    )
    return labels, label_sizes(labels, count)


def face_pairs(last: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Pairs of labels that touch across the face between two slabs.

    last: last slice (Y, X) of slab s; first: first slice of slab s + 1. Returns int64 (pairs, 2), unique and
    sorted.
    """
    a, b, _ = overlap_counts(last, first)
    return np.stack([a, b], axis=1)


def merge_slabs(
    sizes: Sequence[np.ndarray], pairs: Sequence[np.ndarray], *, min_voxels: int = 1
) -> list[np.ndarray]:
    """Join the labels of all slabs into objects (merge): the lookup table of every slab.

    sizes: per slab, as from `label_slab`; pairs: per face between consecutive slabs, as from `face_pairs`.
    Objects below `min_voxels` become 0. Ids 1..k follow the first voxel in z, y, x, whatever the slab depth.
    Returns uint32 (k_s + 1,) per slab, for `labels3d.relabel`. Raises ValueError for tables that do not fit.
    """
    if len(pairs) != max(len(sizes) - 1, 0):
        raise ValueError(f"{len(sizes)} slabs have {len(sizes) - 1} faces, got pairs of {len(pairs)}")
    counts = np.array([len(s) - 1 for s in sizes], np.int64)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    total = int(offsets[-1])
    edges = [np.zeros((0, 2), np.int64)]
    for s, face in enumerate(pairs):
        face = np.asarray(face, np.int64).reshape(-1, 2)
        if len(face) and (face.min() < 1 or (face.max(axis=0) > counts[s : s + 2]).any()):
            raise ValueError(f"face {s} names labels that slabs {s} and {s + 1} do not have")
        edges.append(face - 1 + offsets[s : s + 2])
    i, j = np.concatenate(edges).T
    graph = coo_array((np.ones(len(i), bool), (i, j)), shape=(total, total))
    component = connected_components(graph, directed=False)[1] if total else np.zeros(0, np.int64)
    voxels = np.concatenate([np.zeros(0, np.int64), *(s[1:] for s in sizes)])
    ids = _number_objects(component, voxels, min_voxels)
    log.info("%d labels in %d slabs make %d objects", total, len(sizes), ids.max(initial=0))
    return [
        np.concatenate([np.zeros(1, np.uint32), ids[offsets[s] : offsets[s + 1]]]) for s in range(len(sizes))
    ]


def _number_objects(component: np.ndarray, voxels: np.ndarray, min_voxels: int) -> np.ndarray:
    """Final id (uint32) of every label from its component; labels come in order of their first voxel."""
    if not len(component):
        return np.zeros(0, np.uint32)
    _, first, component = np.unique(component, return_index=True, return_inverse=True)
    size = np.bincount(component, weights=voxels)
    order = np.argsort(first)
    kept = order[size[order] >= min_voxels]
    ids = np.zeros(len(first), np.uint32)
    ids[kept] = np.arange(1, len(kept) + 1)
    return ids[component]
