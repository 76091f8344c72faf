"""Logistic regression with few weights, drawn towards weights that are known beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEPS = 50
LARGEST_STEP = 2.0
CERTAIN = 1e-6


def chance(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability for the logarithm of odds."""
    return 1 / (1 + np.exp(-np.clip(odds, -30, 30)))


def log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of the odds of a probability; 0 and 1 count as almost certain."""
    p = np.clip(probability, CERTAIN, 1 - CERTAIN)
    return np.log(p / (1 - p))


def weighted(features: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of the features (n, k) of each entry times weights (k,), to the bit whatever entries stand beside it.

    A product of matrices is rounded by where an entry stands: a part of a volume would differ from the whole.
    """
    total = np.zeros(len(features))
    for column, weight in zip(features.T, weights, strict=True):
        total += column * weight
    return total


def fit(
    features: NDArray[np.float64],
    true: NDArray[np.bool_],
    known: NDArray[np.float64],
    trust: float,
    weight: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Weights (k,) under which `features` (n, k) explain `true` (n,) best, by Newton's method.

    known: the weights without any example; trust: as many examples as these count for, roughly. weight: of each
    example. Few examples move the weights little.
    """
    weights = known.astype(float).copy()
    each = np.ones(len(true)) if weight is None else weight
    for _ in range(STEPS):
        p = chance(features @ weights)
        slope = features.T @ (each * (true - p)) - trust * (weights - known)
        curve = (features.T * (each * p * (1 - p))) @ features + trust * np.eye(len(known))
        step = np.clip(np.linalg.solve(curve, slope), -LARGEST_STEP, LARGEST_STEP)
        weights += step
        if np.abs(step).max() < CERTAIN:
            break
    return weights
