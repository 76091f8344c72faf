"""The cut maps of one brick: image and maps of the slices read, the planes across predicted, the cuts written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ultraseg.arrays.normalise import normalise_slice
from ultraseg.predict.across import brick_cuts
from ultraseg.predict.predictor import Predictor
from ultraseg.storage.arrays import read_listed, write_slab
from ultraseg.storage.slice_stacks import image_slices


def predict_brick(
    predictor: Predictor,
    image: str,
    probability: str,
    cuts: str,
    *,
    brick: tuple[int, int],
    read: Sequence[int],
    rows: slice,
    downsample: int,
    z_context: int,
    channels: Sequence[str],
    views: int,
) -> float:
    """Write the cut maps of the slices brick[0] <= z < brick[1]; returns their mean, 0 to 1.

    image, probability, cuts: paths of arrays; ``cuts`` is uint8 (Z, 3 * offsets, Y, X), whose slabs are bricks. read:
    the slices of the brick's window (`across.brick_window`), each bad one replaced by its stand-in; ``rows`` of them
    are the brick's. predictor: takes planes of any size. channels: names of its outputs.
    """
    if predictor.tile is not None:
        raise ValueError("planes across have a size of their own: take the .keras file of the network")
    volume = np.stack([normalise_slice(one) for one in image_slices(image, read, downsample)])
    within = read_listed(probability, read[rows])
    found = brick_cuts(
        predictor.run, volume, within, rows, z_context=z_context, channels=channels, views=views
    )
    write_slab(cuts, brick[0], found.reshape(-1, *found.shape[2:]).swapaxes(0, 1))
    return float(found.mean()) / 255
