"""Probabilities of paths that hold what they say: learned from what the user labelled."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from ultraseg.link.logistic import chance, fit, log_odds
from ultraseg.link.nodes import NOBODY

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ultraseg.link.paths import Graph

log = logging.getLogger(__name__)
KNOWN = np.array([-1.13, 1.21])  # weights of `path_features` on phantoms
TRUST = 25.0  # examples that the known weights count for
MIN_SLICES = 3  # labelled slices, below which nothing can be foretold from both sides


def path_features(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """What tells whether the end of the likeliest path is right (n, 2): one, and the log odds of the path."""
    return np.stack([np.ones(len(path)), log_odds(np.clip(path, 1e-4, 0.999))], axis=1)


def strength_of(path: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability that the end of the likeliest path is right."""
    return chance(path_features(path) @ weights)


def learned(graph: Graph, nodes: pd.DataFrame, large: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights of `path_features` under which the labelled slices foretell each other best.

    Every second labelled slice is hidden, then the others. Small pieces of hidden slices that a path gives to a cell
    are examples: right where the user drew them as that cell, wrong where as another one or as nobody.
    """
    given, z = nodes["given"].to_numpy(), nodes["z"].to_numpy()
    labelled = np.unique(z[given])
    if len(labelled) < MIN_SLICES:
        return KNOWN
    paths, right = [], []
    for part in (labelled[::2], labelled[1::2]):
        hidden = given & ~large & np.isin(z, part)
        found = graph.posterior(hidden)
        rows = np.flatnonzero(hidden & (found.cell > 0) & (found.cell != NOBODY))
        paths.append(found.chance[rows])
        right.append(found.cell[rows] == nodes["cell"].to_numpy()[rows])
    features = path_features(np.concatenate(paths))
    weights = fit(features, np.concatenate(right), KNOWN, TRUST)
    weights[1] = max(weights[1], 0.2)  # a likelier path is never a worse sign
    log.info("%d labelled pieces foretold, weights %s", len(features), np.round(weights, 2).tolist())
    return weights
