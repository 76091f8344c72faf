"""Probabilities of paths that hold what they say: learned from what the user labelled."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from ultraseg.link.logistic import chance, fit, log_odds, weighted
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
    return chance(weighted(path_features(path), weights))


def halves(labelled: NDArray[np.integer]) -> list[NDArray[np.integer]]:
    """The labelled slices that are hidden together; none where too few slices are labelled."""
    return [labelled[::2], labelled[1::2]] if len(labelled) >= MIN_SLICES else []


def learned(graph: Graph, nodes: pd.DataFrame, large: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights of `path_features` under which the labelled slices foretell each other best.

    Every second labelled slice is hidden, then the others. Small pieces of hidden slices that a path gives to a cell
    are examples: right where the user drew them as that cell, wrong where as another one or as nobody.
    """
    given, z = nodes["given"].to_numpy(), nodes["z"].to_numpy()
    paths, right = [], []
    for part in halves(np.unique(z[given])):
        hidden = given & ~large & np.isin(z, part)
        found = graph.posterior(hidden)
        rows = np.flatnonzero(hidden & (found.cell > 0) & (found.cell != NOBODY))
        paths.append(found.chance[rows])
        right.append(found.cell[rows] == nodes["cell"].to_numpy()[rows])
    return weights_by(np.concatenate(paths), np.concatenate(right)) if paths else KNOWN


def weights_by(path: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights of `path_features` by examples: the probability of the likeliest path, and whether its end is right."""
    features = path_features(path)
    weights = fit(features, right, KNOWN, TRUST)
    weights[1] = max(weights[1], 0.2)  # a likelier path is never a worse sign
    log.info("%d labelled pieces foretold, weights %s", len(features), np.round(weights, 2).tolist())
    return weights
