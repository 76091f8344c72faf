"""What a picture that was written shows."""

import numpy as np
from matplotlib.image import imread


def pixels(path) -> np.ndarray:
    """RGB (rows, columns, 3) as uint8."""
    return np.round(imread(path)[..., :3] * 255).astype(np.uint8)


def has_colour(picture, colour):
    return bool((picture == np.asarray(colour, np.uint8)).all(axis=-1).any())
