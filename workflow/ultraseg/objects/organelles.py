"""3D objects of one structure from its map: label every slab, join labels across the faces of slabs, renumber."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.labels import label_runs, label_sizes, overlap_counts, relabel_in_place
from ultraseg.arrays.scale import enlarge_map
from ultraseg.grid.along_z import weights
from ultraseg.grid.slabs import ceil_div

log = logging.getLogger(__name__)


def smooth_along_z(
    maps: NDArray[np.uint8], shown: Sequence[int], good: Sequence[bool], deviation: float
) -> NDArray[np.uint8]:
    """The slices ``shown`` of a stack of maps (n, Y, X), as means over neighbouring slices.

    good: (n,), which slices of the stack count; a bad slice counts nowhere, and shows what a good one does.
    deviation: of the weights, in slices; 0 leaves the maps as they are. What lies beyond the stack counts nowhere: so
    a stack must reach ``grid.along_z.reach`` slices beyond, but for the ends of the volume.
    """
    if not deviation:
        return maps[list(shown)]
    by_step = weights(deviation)
    smooth = np.empty((len(shown), *maps.shape[1:]), np.uint8)
    for place, z in enumerate(shown):
        if place and z == shown[place - 1]:
            smooth[place] = smooth[place - 1]
            continue
        near = [(i, by_step[abs(i - z)]) for i in range(z - len(by_step) + 1, z + len(by_step))]
        near = [(i, weight) for i, weight in near if 0 <= i < len(maps) and good[i]]
        total = sum(weight for _, weight in near)
        mean = np.zeros(maps.shape[1:], np.float32)
        for i, weight in near:
            mean += np.float32(weight / total) * maps[i]
        np.rint(mean, out=mean)
        smooth[place] = mean
    return smooth


def mask_slab(
    probability: NDArray[np.uint8],
    shape: tuple[int, int],
    *,
    downsample: int = 1,
    threshold: float = 0.5,
    max_hole_pixels: int = 0,
) -> NDArray[np.uint8]:
    """Threshold a slab of a map at the size of the image: (n, Y, X) of 0 and 1.

    Nothing more is to do for a structure of kind ``mask``. probability: (n, Y', X'), 255 = 1.0, where a pixel covers
    ``downsample`` pixels of the image in y and x; it is enlarged bilinearly, slice by slice. shape: (Y, X) of the
    image. max_hole_pixels: holes of up to this many pixels within a slice are filled, but not holes at the edge of the
    slice. Raises ValueError for a shape that does not fit.
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


def fill_holes(mask: NDArray[np.uint8], max_hole_pixels: int) -> None:
    """Fill the 4-connected holes of a mask (Y, X) up to a size, in the mask itself. Holes at the edge stay."""
    holes, count = cc3d.connected_components(mask == 0, connectivity=4, return_N=True, binary_image=True)
    fill = np.bincount(holes.ravel(), minlength=count + 1) <= max_hole_pixels
    for edge in (holes[0], holes[-1], holes[:, 0], holes[:, -1]):
        fill[edge] = False
    fill[0] = False
    mask[fill[holes]] = 1


def label_slab(
    probability: NDArray[np.uint8],
    shape: tuple[int, int],
    *,
    downsample: int = 1,
    threshold: float = 0.5,
    max_hole_pixels: int = 0,
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Number the 6-connected components of one slab of a map.

    Arguments and errors as for ``mask_slab``. Returns the labels (n, Y, X), 1 .. k in the order of their first voxel
    in z, y, x, and their sizes (k + 1,) in voxels, where sizes[0] is 0.
    """
    mask = mask_slab(
        probability, shape, downsample=downsample, threshold=threshold, max_hole_pixels=max_hole_pixels
    )
    labels, count = _numbered(mask)
    return labels, label_sizes(labels, count)


def _numbered(mask: NDArray[np.uint8]) -> tuple[NDArray[np.uint32], int]:
    """The components of a mask (n, Y, X), numbered in the order of their first voxel, and their count."""
    # cc3d numbers C-ordered arrays in raster order. ``merge_slabs`` relies on the order, and a test holds it.
    labels, count = cc3d.connected_components(
        mask, connectivity=6, return_N=True, binary_image=True, out_dtype=np.uint32
    )
    return labels.astype(np.uint32, copy=False), count


def packed_mask(labels: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Where labels (n, Y, X) are not 0, as bits along x: (n, Y, X / 8), rounded up."""
    return np.stack([np.packbits(one > 0, axis=-1) for one in labels])


def final_labels(
    packed: NDArray[np.uint8], width: int, final_ids: NDArray[np.integer[Any]]
) -> NDArray[np.uint32]:
    """The final objects of one slab, uint32 (n, Y, X), from the mask of ``packed_mask``.

    width: X; final_ids: for each number of ``label_slab`` the final id. Numbering again costs less than storing the
    numbers.
    """
    labels, _ = _numbered(np.unpackbits(packed, axis=-1, count=width))
    relabel_in_place(labels, final_ids)
    return labels


def slices_of_labels(labels: NDArray[np.uint32], count: int, first: int) -> NDArray[np.int64]:
    """First and last slice (count + 1, 2) of each label of a slab (n, Y, X) whose first slice is ``first``.

    Those of background are of no meaning.
    """
    found = np.stack([np.full(count + 1, np.iinfo(np.int64).max), np.full(count + 1, -1)], axis=1)
    for z, one in enumerate(labels, first):
        present = np.bincount(label_runs(one)[0][0], minlength=count + 1) > 0
        found[present, 0] = np.minimum(found[present, 0], z)
        found[present, 1] = z
    return found


def face_pairs(last: NDArray[np.uint32], first: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Pairs (n, 2) of labels that touch across the face between two slabs; each pair once, sorted.

    last: the last slice (Y, X) of a slab; first: the first slice of the next slab.
    """
    a, b, _ = overlap_counts(last, first)
    return np.stack([a, b], axis=1)


def merge_slabs(
    sizes: Sequence[NDArray[np.int64]],
    pairs: Sequence[NDArray[np.int64]],
    *,
    min_voxels: int = 1,
    min_slices: int = 1,
    slices: Sequence[NDArray[np.int64]] = (),
    n_slices: int = 0,
) -> list[NDArray[np.uint32]]:
    """Join the labels of all slabs into objects, and give every slab the table label -> id of the object.

    sizes: of every slab, from ``label_slab``; pairs: of every face between consecutive slabs, from ``face_pairs``.
    Ids are 1 .. k in the order of the objects' first voxel in z, y, x, whatever the depth of the slabs. An object with
    fewer than ``min_voxels`` voxels has id 0, and so has one in fewer than ``min_slices`` slices, unless an end of the
    stack of ``n_slices`` cuts it off; ``slices``: of every slab, from ``slices_of_labels``. ``arrays.labels.relabel``
    takes the tables. Raises ValueError for pairs that do not fit the sizes.
    """
    from scipy.sparse import coo_array  # jobs of slabs do not wait for it
    from scipy.sparse.csgraph import connected_components

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
    if min_slices > 1:
        voxels[_seen(component, slices, n_slices) < min_slices] = 0
    ids = _number_objects(component, voxels, min_voxels)
    log.info("%d labels in %d slabs make %d objects", total, len(sizes), ids.max(initial=0))
    return [
        np.concatenate([np.zeros(1, np.uint32), ids[offsets[s] : offsets[s + 1]]]) for s in range(len(sizes))
    ]


def _seen(
    component: NDArray[np.integer], slices: Sequence[NDArray[np.int64]], n_slices: int
) -> NDArray[np.int64]:
    """Number of slices of the object of every label; ``n_slices`` where an end of the stack cuts the object off."""
    ends = np.concatenate([np.zeros((0, 2), np.int64), *(found[1:] for found in slices)])
    first, last = np.full(len(ends), n_slices), np.full(len(ends), -1)
    np.minimum.at(first, component, ends[:, 0])
    np.maximum.at(last, component, ends[:, 1])
    cut_off = (first == 0) | (last == n_slices - 1)
    return np.where(cut_off, n_slices, last - first + 1)[component]


def _number_objects(
    component: NDArray[np.integer], voxels: NDArray[np.int64], min_voxels: int
) -> NDArray[np.uint32]:
    """The id of the object of every label.

    component: number of the object of each label, in any numbering; voxels: of each label. Labels come in the order of
    their first voxel.
    """
    if not len(component):
        return np.zeros(0, np.uint32)
    _, first, component = np.unique(component, return_index=True, return_inverse=True)
    size = np.bincount(component, weights=voxels)
    order = np.argsort(first)
    kept = order[size[order] >= min_voxels]
    ids = np.zeros(len(first), np.uint32)
    ids[kept] = np.arange(1, len(kept) + 1)
    return ids[component]
