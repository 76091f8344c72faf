"""Labels with errors of every kind, for tests of scores."""

import numpy as np


def wrong_volumes(shape=(5, 40, 50), n=8) -> tuple[np.ndarray, np.ndarray]:
    """Truth of boxes, and a prediction with errors of every kind; 0 occurs in both."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, n, (shape[0], shape[1] // 10, shape[2] // 10)).repeat(10, 1).repeat(10, 2)
    predicted = np.where(rng.random(shape) < 0.2, rng.integers(0, n + 3, shape), truth)
    return truth.astype(np.uint32), predicted.astype(np.uint32)
