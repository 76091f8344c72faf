"""Connected groups of pieces."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def groups(count: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Connected groups of `count` nodes under the edges (a, b): group per node, numbered by first node."""
    graph = coo_array((np.ones(len(a), bool), (a, b)), shape=(count, count))
    component = connected_components(graph, directed=False)[1]
    _, first, component = np.unique(component, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[component]
