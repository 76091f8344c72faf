"""Connected groups of pieces."""

from __future__ import annotations

import numpy as np


def groups(count: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Connected groups of `count` nodes under the edges (a, b): group per node, numbered by first node."""
    from scipy.sparse import coo_array  # jobs of slabs do not wait for it
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(a), bool), (a, b)), shape=(count, count))
    component = connected_components(graph, directed=False)[1]
    _, first, component = np.unique(component, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[component]
