"""Choice, in one slice, between the labels carried from below and those carried from above."""

from __future__ import annotations

import cc3d
import cv2
import fastremap
import numpy as np
import scipy.sparse as sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu
from skimage.morphology import local_minima
from skimage.segmentation import watershed


def boundary_basins(
    boundary: np.ndarray, mask: np.ndarray, *, blur: float = 0.6, step: int = 4
) -> np.ndarray:
    """Basins of a boundary map: areas that no membrane crosses.

    boundary: uint8 (Y, X); mask: bool (Y, X), where basins are wanted. Minima shallower than about `step`
    grey values of the blurred map share a basin. Returns int32 (Y, X), 0 outside the mask.
    """
    if not mask.any():
        return np.zeros(boundary.shape, np.int32)
    smooth = cv2.GaussianBlur(boundary, (0, 0), blur) if blur > 0 else boundary
    smooth = smooth // step
    # A minimum cut off by the mask must still seed: outside, the map is as high as it gets.
    inside = np.where(mask, smooth, 255).astype(np.uint8)
    minima = local_minima(np.pad(inside, 1, constant_values=255))[1:-1, 1:-1] & mask
    seeds = cc3d.connected_components(minima.astype(np.uint8), connectivity=8)
    return watershed(smooth, seeds.astype(np.int32), mask=mask)


def split_regions(*images: np.ndarray) -> np.ndarray:
    """Connected areas (4 neighbours) in which every one of the images is constant.

    images: integers (Y, X). Returns int64 (Y, X), numbered from 0 without gaps.
    """
    key = np.zeros(images[0].shape, np.uint64)
    for image in images:
        small, _ = fastremap.renumber(np.ascontiguousarray(image), preserve_zero=False)
        key = key * np.uint64(int(small.max()) + 1) + small.astype(np.uint64)
    key, _ = fastremap.renumber(key, preserve_zero=False)
    return cc3d.connected_components(key.astype(np.uint32), connectivity=4).astype(np.int64) - 1


def piece_sizes(labels: np.ndarray, regions: np.ndarray, n: int) -> np.ndarray:
    """Pixels of the connected piece (4 neighbours) of one label in which each region 0..n-1 lies; (n,).

    labels, regions: integers (Y, X), a region within one label.
    """
    pieces = split_regions(labels)
    size = np.zeros(n, np.int64)
    size[regions] = np.bincount(pieces.ravel())[pieces]
    return size


def contacts(regions: np.ndarray, boundary: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of neighbouring pixels that lie in different regions.

    regions: integers (Y, X); boundary: (Y, X). Returns the two regions and the higher of the two boundary
    values of each pair.
    """
    ones, others, height = [], [], []
    for a, b in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        differ = regions[a] != regions[b]
        ones.append(regions[a][differ])
        others.append(regions[b][differ])
        height.append(np.maximum(boundary[a][differ], boundary[b][differ]))
    return np.concatenate(ones), np.concatenate(others), np.concatenate(height)


def _diffuse(
    known: np.ndarray, first: np.ndarray, second: np.ndarray, weight: np.ndarray, links: sparse.csr_matrix
) -> tuple[np.ndarray, np.ndarray]:
    """Label probabilities of open regions: a random walk to known regions or to the region's own proposals.

    known: bool (n,), at least one False; first, second: int (n,) proposals, equal where known; weight: (n, 2)
    of these; links: (n, n). Returns, for the m regions that are not known, labels int (m, c) and chance float
    (m, c); unused columns have chance 0.
    """
    n, k = len(known), int(max(first.max(), second.max())) + 1
    node, unknown = np.arange(n), ~known
    fixed = sparse.csr_matrix((np.ones(known.sum()), (node[known], first[known])), shape=(n, k))
    own = sparse.csr_matrix((weight.T.ravel(), (np.r_[node, node], np.r_[first, second])), shape=(n, k))
    degree = np.asarray(links.sum(1)).ravel() + weight.sum(1)
    links = links[unknown]
    system = (sparse.diags(degree[unknown]) - links[:, unknown]).tocsc()
    right = (own[unknown] + links @ fixed).tocoo()
    # Open regions fall into separate clusters with a handful of labels each. Column c of the right side holds
    # the c-th label of every cluster, so that one factorisation serves all clusters and few columns serve all
    # labels.
    _, cluster = connected_components(system, directed=False)
    pairs, slot = np.unique(cluster[right.row].astype(np.int64) * k + right.col, return_inverse=True)
    column = np.arange(len(pairs)) - np.searchsorted(pairs // k, pairs // k)
    dense = np.zeros((system.shape[0], int(column.max()) + 1))
    dense[right.row, column[slot]] = right.data
    labels = np.zeros((int(cluster.max()) + 1, dense.shape[1]), np.int64)
    labels[pairs // k, column] = pairs % k
    return labels[cluster], splu(system).solve(dense)


def fuse_slice(
    forward: np.ndarray,
    backward: np.ndarray,
    forward_weight: np.ndarray,
    backward_weight: np.ndarray,
    boundary: np.ndarray,
    *,
    contact_weight: float = 10.0,
    boundary_contrast: float = 10.0,
    size_exponent: float = 0.3,
) -> tuple[np.ndarray, np.ndarray]:
    """Fuse two proposals for the labels of one slice.

    Where both agree the label stands. Elsewhere the slice is cut into areas by both proposals and by the
    basins of the boundary map; every area weighs its two proposals against the labels of the areas it
    touches, the more the less membrane lies between them (random walk on the graph of areas, after Grady,
    IEEE PAMI 2006). The winner is chosen after division by its size to the power `size_exponent`, because
    carried labels err by large pieces flooding small ones far more often than the other way round. Size is that
    of the connected piece which a side proposes: a filopodium is small however large its cell.
    forward, backward: integers (Y, X); weights: float (Y, X) in 0..1, trust in each; boundary: uint8 (Y, X).
    contact_weight: weight of one pixel of open contact, relative to one pixel of area.
    boundary_contrast: how fast membrane closes a contact, exp(-contrast * boundary).
    Returns labels of the input type and float32 support in 0..1, both (Y, X).
    """
    open_area = forward != backward
    both = 1 - (1 - forward_weight) * (1 - backward_weight)
    if not open_area.any():
        return forward.copy(), both.astype(np.float32)
    near = cv2.dilate(open_area.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    regions = split_regions(forward, backward, boundary_basins(boundary, near))
    n = int(regions.max()) + 1
    area = np.bincount(regions.ravel(), minlength=n)
    first, second = np.zeros((2, n), forward.dtype)
    first[regions], second[regions] = forward, backward
    pieces = [piece_sizes(labels, regions, n) for labels in (forward, backward)]
    ids, codes = np.unique(np.r_[first, second], return_inverse=True)
    first, second = codes[:n], codes[n:]
    weight = np.stack(
        [np.bincount(regions.ravel(), w.ravel(), minlength=n) for w in (forward_weight, backward_weight)], 1
    )
    weight += 1e-6 * area[:, None]  # without any trust the proposals still beat ids that nobody proposed
    i, j, height = contacts(regions, boundary)
    passage = contact_weight * np.exp(-boundary_contrast / 255 * height.astype(np.float64))
    links = sparse.csr_matrix((np.r_[passage, passage], (np.r_[i, j], np.r_[j, i])), shape=(n, n))
    known = first == second
    labels, chance = _diffuse(known, first, second, weight, links)
    size = np.bincount(first[known], area[known], minlength=len(ids))
    size += np.bincount(labels.ravel(), (chance * area[~known, None]).ravel(), minlength=len(ids))
    sizes = size[labels]
    for piece, proposed in zip(pieces, (first, second), strict=True):
        own = labels == proposed[~known, None]
        sizes = np.where(own, np.minimum(sizes, piece[~known, None]), sizes)
    best = (chance * np.maximum(sizes, 5.0) ** -size_exponent).argmax(1)
    row = np.arange(len(best))
    winner, support = first.copy(), np.ones(n)
    winner[~known], support[~known] = labels[row, best], chance[row, best]
    trust = np.where(known[regions], both, support[regions] * np.maximum(forward_weight, backward_weight))
    return ids[winner][regions].astype(forward.dtype), trust.astype(np.float32)
