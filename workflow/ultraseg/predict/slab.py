"""The prediction of one slab: slices read, reduced, predicted, blended and written one after another."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing

from ultraseg.predict.predictor import Predictor, predict_stream
from ultraseg.storage.arrays import slab_writer
from ultraseg.storage.slice_stacks import image_slices

log = logging.getLogger(__name__)


def predict_slab(
    predictor: Predictor,
    image: str,
    probability: str,
    *,
    slab: tuple[int, int],
    window: tuple[Sequence[int], Sequence[int]],
    downsample: int,
    z_context: int,
    predict_tile: int,
    overlap: int,
    stride: int,
    views: int,
) -> float:
    """Write the maps of the slices slab[0] <= z < slab[1]; returns their mean, 0 to 1.

    ``image`` and ``probability`` are paths of arrays; ``window`` are the slices to read and which prediction each slice
    of the slab shows, in ascending order (``GoodSlices.window``). ``stride`` and ``views`` as in ``predict_stream``.
    """
    (start, stop), (read, shown) = slab, window
    if list(shown) != list(range(stop - start)):
        log.info("bad slices show the maps of the nearest good slice")
    found = predict_stream(
        predictor, image_slices(image, read, downsample), z_context=z_context, tile=predict_tile,
        overlap=overlap, stride=stride, views=views,
    )  # fmt: skip
    total = 0.0
    with closing(found), slab_writer(probability, start, stop - start) as write:
        position, maps = 0, next(found)
        for wanted in shown:
            while position < wanted:
                position, maps = position + 1, next(found)
            write(maps)
            total += float(maps.mean())
    return total / 255 / (stop - start)
