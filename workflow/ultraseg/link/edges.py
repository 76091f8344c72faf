"""Overlaps between the 2D pieces of neighbouring good slices: the edges of the linking graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ultraseg.arrays.labels import label_runs, sum_pairs
from ultraseg.base.tables import empty_table
from ultraseg.cells.flow import warp_labels

EDGE_TYPES = {
    "z": "int64",
    "piece_a": "int64",
    "gap": "int64",
    "z_b": "int64",
    "piece_b": "int64",
    "overlap": "int64",
    "iou": "float64",
    "containment": "float64",
}
EDGE_KEY = ["z", "piece_a", "gap", "piece_b"]


def slab_edges(
    pieces: np.ndarray,
    zs: Sequence[int],
    *,
    n: int | None = None,
    flow: np.ndarray | None = None,
    max_gap: int = 1,
    gap_iou: float = 0.25,
) -> pd.DataFrame:
    """Overlaps between the pieces of neighbouring slices, for all edges that start in one slab.

    pieces: int32 (m, Y, X), numbered from 1 in each slice, of the m good slices zs. Successive good slices count as
    neighbours, also where bad slices lie between them. n: slices of the slab itself (all m by default); if the volume
    goes on, they are followed by 1 + max_gap good slices of the next slabs. flow: optional (>= m - 1, 4, Y, X), as from
    `flow.stack_flow`: slices are warped onto the next before they are compared. max_gap: good slices that an edge
    may skip. An edge over a gap is kept only where its IoU reaches `gap_iou`
    and the IoU chain is broken on both sides (no direct edge of that IoU onward from a nor back from b).

    Returns columns z, piece_a, gap (1 = next good slice), z_b, piece_b (in slice z_b), overlap (pixels), iou,
    containment (overlap / smaller area), sorted by z, piece_a, gap, piece_b. Raises ValueError when shapes do not fit.
    """
    m = len(pieces)
    n = m if n is None else n
    if len(zs) != m:
        raise ValueError(f"{m} slices but {len(zs)} slice numbers")
    if not 0 < n <= m:
        raise ValueError(f"the slab has {n} slices but {m} were given")
    if flow is not None and (len(flow) < m - 1 or flow.shape[1:] != (4, *pieces.shape[1:])):
        raise ValueError(f"flow {flow.shape} does not fit pieces {pieces.shape}")
    # The direct edges of the slices after the slab tell which of their pieces are continued backwards.
    last = min(n + max_gap, m - 1)
    carried = {i: pieces[i] for i in range(last)}
    tables = []
    for gap in range(1, 2 + max_gap):
        for i in range(last if gap == 1 else n):
            if i + gap >= m:
                break
            if flow is not None:
                carried[i] = warp_labels(carried[i], flow[i + gap - 1, 2:])
            tables.append(_edges(carried[i], pieces[i + gap], zs[i], zs[i + gap], gap))
    edges = pd.concat([empty_table(EDGE_TYPES), *tables], ignore_index=True)
    if max_gap:
        edges = _drop_bridges(edges, gap_iou)
    return edges[edges["z"] <= zs[n - 1]].sort_values(EDGE_KEY, ignore_index=True)


def _edges(a: np.ndarray, b: np.ndarray, z: int, z_b: int, gap: int) -> pd.DataFrame:
    """Edge table of two slices on one grid."""
    (value_a, value_b), _, lengths = label_runs(a, b)
    # Areas come from the same runs; float weights are exact far beyond the pixels of a slice.
    area_a = np.bincount(value_a, weights=lengths).astype(np.int64)
    area_b = np.bincount(value_b, weights=lengths).astype(np.int64)
    both = (value_a > 0) & (value_b > 0)
    i, j, overlap = sum_pairs(value_a[both], value_b[both], lengths[both])
    area_i, area_j = area_a[i], area_b[j]
    return pd.DataFrame(
        {
            "z": np.full(len(i), z, np.int64),
            "piece_a": i,
            "gap": np.full(len(i), gap, np.int64),
            "z_b": np.full(len(i), z_b, np.int64),
            "piece_b": j,
            "overlap": overlap,
            "iou": overlap / (area_i + area_j - overlap),
            "containment": overlap / np.minimum(area_i, area_j),
        }
    )


def _drop_bridges(edges: pd.DataFrame, gap_iou: float) -> pd.DataFrame:
    """Keep direct edges, and edges over a gap between pieces whose chain of good overlaps is broken."""
    good = edges[(edges["gap"] == 1) & (edges["iou"] >= gap_iou)]
    start = pd.MultiIndex.from_frame(edges[["z", "piece_a"]])
    end = pd.MultiIndex.from_frame(edges[["z_b", "piece_b"]])
    onward = start.isin(pd.MultiIndex.from_frame(good[["z", "piece_a"]]))
    back = end.isin(pd.MultiIndex.from_frame(good[["z_b", "piece_b"]]))
    bridge = (edges["iou"] >= gap_iou) & ~onward & ~back
    return edges[(edges["gap"] == 1) | bridge]
