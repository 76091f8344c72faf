"""Choice, in one slice, between the labels carried from below and those carried from above."""

from __future__ import annotations

from typing import Any, NamedTuple

import cc3d
import cv2
import fastremap
import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu
from skimage.morphology import local_minima
from skimage.segmentation import watershed


def boundary_basins(
    boundary: NDArray[np.uint8], mask: NDArray[np.bool_], *, blur: float = 0.6, step: int = 4
) -> NDArray[np.int32]:
    """Basins of a boundary map: areas that no membrane crosses.

    boundary: uint8 (Y, X); mask: bool (Y, X), where basins are wanted. Minima shallower than about `step`
    grey values of the blurred map share a basin. Returns int32 (Y, X), 0 outside the mask.
    """
    if not mask.any():
        return np.zeros(boundary.shape, np.int32)
    smooth = cv2.GaussianBlur(boundary, (0, 0), blur) if blur > 0 else boundary
    smooth = smooth // step
    # The highest value outside the mask makes a seed of every minimum that the mask cuts off as well.
    inside = np.where(mask, smooth, 255).astype(np.uint8)
    minima = local_minima(np.pad(inside, 1, constant_values=255))[1:-1, 1:-1] & mask
    seeds = cc3d.connected_components(minima.astype(np.uint8), connectivity=8)
    return watershed(smooth, seeds.astype(np.int32), mask=mask)


def split_regions(*images: NDArray[Any]) -> NDArray[np.int64]:
    """Connected areas (4 neighbours) in which every one of the images is constant.

    images: integers (Y, X). Returns int64 (Y, X), numbered from 0 without gaps.
    """
    key = np.zeros(images[0].shape, np.uint64)
    for image in images:
        small, _ = fastremap.renumber(np.ascontiguousarray(image), preserve_zero=False)
        key = key * np.uint64(int(small.max()) + 1) + small.astype(np.uint64)
    key, _ = fastremap.renumber(key, preserve_zero=False)
    return cc3d.connected_components(key.astype(np.uint32), connectivity=4).astype(np.int64) - 1


def piece_sizes(labels: NDArray[Any], regions: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Pixels of the connected piece (4 neighbours) of one label in which each region 0..n-1 lies; (n,).

    labels, regions: integers (Y, X), a region within one label.
    """
    pieces = split_regions(labels)
    size = np.zeros(n, np.int64)
    size[regions] = np.bincount(pieces.ravel())[pieces]
    return size


def contacts(
    regions: NDArray[Any], boundary: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
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


class Proposals(NamedTuple):
    """What the two sides propose for each of n regions, as codes.

    first, second: int (n,), codes of the proposals from below and from above; weight: float (n, 2), trust in them,
    summed over the region; piece: int (2, n), pixels of the connected piece of which each side makes the region a part.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    weight: NDArray[np.float64]
    piece: NDArray[np.int64]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where both sides propose the same, bool (n,)."""
        return self.first == self.second


def _pack_columns(
    right: sparse.coo_matrix, cluster: NDArray[np.int32], n_labels: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A sparse right side with one column per label as a dense one with few columns, and the labels of its columns.

    Rows of different clusters never meet in the equations, and a cluster has a handful of labels. So column c may hold
    the c-th label of every cluster: one factorisation serves all clusters, few columns serve all labels. right: (m,
    n_labels); cluster: int (m,). Returns float (m, c) and the label of each cluster's columns, int (clusters, c).
    """
    # A pair of cluster and label is one number. Sorted, the pairs of a cluster follow each other.
    pairs, pair_of_entry = np.unique(
        cluster[right.row].astype(np.int64) * n_labels + right.col, return_inverse=True
    )
    owner = pairs // n_labels
    column = np.arange(len(pairs)) - np.searchsorted(owner, owner)
    width = int(column.max()) + 1
    dense = np.zeros((right.shape[0], width))
    dense[right.row, column[pair_of_entry]] = right.data
    labels = np.zeros((int(cluster.max()) + 1, width), np.int64)
    labels[owner, column] = pairs % n_labels
    return dense, labels


def _diffuse(proposals: Proposals, links: sparse.csr_matrix) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Label probabilities of open regions: a random walk to known regions or to the region's own proposals.

    At least one region is not known. links: (n, n). Returns, for the m regions that are not known, labels int (m, c)
    and chance float (m, c); unused columns have chance 0.
    """
    first, second, weight, known = proposals.first, proposals.second, proposals.weight, proposals.known
    n, k = len(known), int(max(first.max(), second.max())) + 1
    node, unknown = np.arange(n), ~known
    fixed = sparse.csr_matrix((np.ones(known.sum()), (node[known], first[known])), shape=(n, k))
    own = sparse.csr_matrix((weight.T.ravel(), (np.r_[node, node], np.r_[first, second])), shape=(n, k))
    degree = np.asarray(links.sum(1)).ravel() + weight.sum(1)
    links = links[unknown]
    system = (sparse.diags(degree[unknown]) - links[:, unknown]).tocsc()
    right = (own[unknown] + links @ fixed).tocoo()
    _, cluster = connected_components(system, directed=False)
    dense, labels = _pack_columns(right, cluster, k)
    return labels[cluster], splu(system).solve(dense)


def _links(
    regions: NDArray[np.int64], boundary: NDArray[np.uint8], weight: float, contrast: float
) -> sparse.csr_matrix:
    """How openly the n regions touch, (n, n): `weight` per pixel of contact, times exp(-contrast * boundary)."""
    n = int(regions.max()) + 1
    i, j, height = contacts(regions, boundary)
    passage = weight * np.exp(-contrast / 255 * height.astype(np.float64))
    return sparse.csr_matrix((np.r_[passage, passage], (np.r_[i, j], np.r_[j, i])), shape=(n, n))


def _choose(
    proposals: Proposals,
    links: sparse.csr_matrix,
    area: NDArray[np.int64],
    n_labels: int,
    size_exponent: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The winning code of every region and its support 0..1, after division by size; (n,) each."""
    known, first = proposals.known, proposals.first
    labels, chance = _diffuse(proposals, links)
    size = np.bincount(first[known], area[known], minlength=n_labels)
    size += np.bincount(labels.ravel(), (chance * area[~known, None]).ravel(), minlength=n_labels)
    sizes = size[labels]
    for piece, proposed in zip(proposals.piece, (first, proposals.second), strict=True):
        own = labels == proposed[~known, None]
        sizes = np.where(own, np.minimum(sizes, piece[~known, None]), sizes)
    best = (chance * np.maximum(sizes, 5.0) ** -size_exponent).argmax(1)
    row = np.arange(len(best))
    winner, support = first.copy(), np.ones(len(first))
    winner[~known], support[~known] = labels[row, best], chance[row, best]
    return winner, support


def fuse_slice(
    forward: NDArray[Any],
    backward: NDArray[Any],
    forward_weight: NDArray[np.floating[Any]],
    backward_weight: NDArray[np.floating[Any]],
    boundary: NDArray[np.uint8],
    *,
    contact_weight: float = 10.0,
    boundary_contrast: float = 10.0,
    size_exponent: float = 0.3,
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Fuse two proposals for the labels of one slice.

    Where both agree the label stands. Elsewhere the slice is cut into regions by both proposals and by the basins of
    the boundary map. Every region weighs its two proposals against the labels of the regions that it touches; a
    neighbour counts the more, the less membrane lies between (random walk on the graph of regions, after Grady, IEEE
    PAMI 2006). The chance of each label is divided by its size to the power `size_exponent` before the winner is
    chosen, because carried labels err far more often by large pieces that flood small ones than the other way round.
    The size is that of the connected piece which a side proposes: a filopodium is small however large its cell.
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
    flat, n = regions.ravel(), int(regions.max()) + 1
    area = np.bincount(flat, minlength=n)
    proposed = np.zeros((2, n), forward.dtype)
    proposed[0][regions], proposed[1][regions] = forward, backward
    ids, codes = np.unique(proposed.ravel(), return_inverse=True)
    trust = [np.bincount(flat, w.ravel(), minlength=n) for w in (forward_weight, backward_weight)]
    # The small constant lets proposals without any trust still beat ids that nobody proposed.
    weight: NDArray[np.float64] = np.stack(trust, 1) + 1e-6 * area[:, None]
    piece = np.stack([piece_sizes(labels, regions, n) for labels in (forward, backward)])
    proposals = Proposals(codes[:n], codes[n:], weight, piece)
    links = _links(regions, boundary, contact_weight, boundary_contrast)
    winner, support = _choose(proposals, links, area, len(ids), size_exponent)
    found = support[regions] * np.maximum(forward_weight, backward_weight)
    trusted = np.where(proposals.known[regions], both, found)
    return ids[winner][regions].astype(forward.dtype), trusted.astype(np.float32)
