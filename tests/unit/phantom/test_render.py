"""Grey values."""

import numpy as np
from ultraseg.phantom.volume import Phantom

SMALL = {"shape": (20, 128, 128), "scale": 0.4}


def test_membranes_are_dark_where_labels_meet():
    rendered = Phantom(**SMALL, seed=3, difficulty=0.0).render(8, 12)
    cells, image = rendered["cells"], rendered["image"].astype(float)
    touching = (cells[..., :-1] != cells[..., 1:]) & (cells[..., :-1] > 0) & (cells[..., 1:] > 0)
    darkest = np.minimum(image[..., :-1], image[..., 1:])
    assert darkest[touching].mean() < image[cells > 0].mean() - 40
