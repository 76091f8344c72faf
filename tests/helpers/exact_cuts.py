"""Cut maps as a good network would predict them."""

import numpy as np
from ultraseg.arrays.cuts import cut_pair
from ultraseg.grid.cut_maps import USED_OFFSETS


def cuts_of(truth, *, noise=0, seed=0):
    """The true cuts of ids (Z, Y, X), 200 where there is one, with noise of this standard deviation."""
    random = np.random.default_rng(seed)
    cuts = np.zeros((3, len(USED_OFFSETS), *truth.shape), np.float32)
    for axis in range(3):
        for k, offset in enumerate(USED_OFFSETS):
            first, second = cut_pair(3, axis, offset)
            cuts[axis, k][first] = 200 * (truth[first] != truth[second])
    return np.clip(cuts + random.normal(0, noise, cuts.shape), 0, 255).astype(np.uint8)
