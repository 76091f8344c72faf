"""Slices that look like tissue, for tests of their quality."""

import numpy as np
from scipy import ndimage


def grey_tissue(n: int, plane: tuple[int, int]) -> np.ndarray:
    """Blurred noise that changes slowly along z, with fine detail and camera noise: uint8 (n, Y, X)."""
    rng = np.random.default_rng(5)
    coarse = ndimage.gaussian_filter(rng.normal(size=(n, *plane)), (3, 5, 5), mode="wrap")
    fine = ndimage.gaussian_filter(rng.normal(size=(n, *plane)), (3, 1, 1), mode="wrap")
    values = 128 + 25 * coarse / coarse.std() + 15 * fine / fine.std() + rng.normal(0, 4, (n, *plane))
    return np.clip(values, 1, 255).astype(np.uint8)
