"""Organelles lie inside cells."""

import numpy as np
import pytest
from ultraseg.phantom.volume import Phantom

SMALL = {"shape": (20, 128, 128), "scale": 0.4}
ORGANELLES = ("nuclei", "nucleoli", "mitochondria", "endosomes", "lysosomes")


@pytest.fixture(scope="module")
def volume():
    return Phantom(**SMALL, seed=3).render(0, 20)


def test_organelles_lie_inside_bodies_and_apart(volume):
    body = (volume["cells"] > 0) & (volume["protrusions"] == 0)
    for name in ORGANELLES:
        assert body[volume[name] > 0].all(), name
    assert (volume["nuclei"][volume["nucleoli"] > 0] > 0).all()
    several = sum((volume[name] > 0).astype(int) for name in ORGANELLES if name != "nucleoli")
    assert several.max() == 1


def test_an_organelle_lies_in_one_cell(volume):
    for name in ORGANELLES:
        found = volume[name] > 0
        pairs = np.unique(np.stack([volume[name][found], volume["cells"][found]]), axis=1)
        assert len(np.unique(pairs[0])) == pairs.shape[1], name
