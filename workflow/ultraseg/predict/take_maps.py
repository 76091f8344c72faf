"""Maps that another program made, in place of those of a network: their range of numbers, and the maps of a slab."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.scale import downsample_image
from ultraseg.base.errors import UserError
from ultraseg.base.ids import check_id
from ultraseg.objects.ready import as_ids
from ultraseg.predict.affinities import AffinitySource
from ultraseg.predict.map_source import MapSource
from ultraseg.predict.map_values import SLACK, Limits, probability
from ultraseg.predict.take_cuts import cell_maps, warn_of_turned_affinities
from ultraseg.storage.arrays import slab_writer

log = logging.getLogger(__name__)

THRESHOLD = 0.5
GIVE = "give the numbers that mean a probability of 0 and of 1: range: "


def find_limits(source: MapSource) -> Limits:
    """The numbers that mean a probability of 0 and of 1: those given, or what the values in some slices tell.

    Raises UserError where the values are no probabilities, or where their range is not clear.
    """
    if source.limits is not None:
        return source.limits
    volume, where = source.open(), f"{source.name}: {source.path}"
    low, high = np.inf, -np.inf
    for channel in source.channels:
        for plane in volume.planes(source.sampled, channel):
            low, high = min(low, float(plane.min())), max(high, float(plane.max()))
    told = f"{len(source.sampled)} slices hold numbers from {low:g} to {high:g}"
    if not np.isfinite([low, high]).all():
        raise UserError(f"{where}: holds NaN or infinite numbers", "Export the map without them.")
    if low < -SLACK or high > 255 * (1 + SLACK):
        raise UserError(
            f"{where}: {told}, so these are no probabilities from 0 to 1 or from 0 to 255",
            f"Export probabilities (after sigmoid or softmax), or {GIVE}[0, 65535].",
        )
    if high <= 0:
        raise UserError(
            f"{where}: {told}, so it is not clear which number means 1",
            f"Check that the map shows the structure; if so, {GIVE}[0, 255].",
        )
    if high <= 1 + SLACK:
        return 0.0, 1.0
    if high < 255 * THRESHOLD:
        raise UserError(
            f"{where}: {told}: more than 1, but too little for probabilities from 0 to 255",
            f"If these are classes, export the one class as a mask; if they are probabilities, {GIVE}[0, 255].",
        )
    return 0.0, 255.0


def check_ids(source: MapSource, of_cells: bool = False) -> None:
    """Raise UserError where some slices of ready objects, or of ready cells, hold numbers that are no ids."""
    name = f"{source.name}: {source.path}"
    for plane in source.open().planes(source.sampled):
        ids = as_ids(plane, name)
        if of_cells:
            check_id(int(ids.max(initial=0)), f"{name}: a cell")


def take_slab(
    sources: Sequence[MapSource],
    limits: Sequence[Limits],
    probability: str,
    *,
    slab: tuple[int, int],
    shown: Sequence[int],
    plane: tuple[int, int],
    crop: Sequence[Sequence[int]],
    downsample: int,
) -> float:
    """Write the maps of one slab to the array at ``probability``; returns their mean, 0 to 1.

    sources, limits: of every channel; shown: for each slice of the slab the slice of the whole stack whose maps it
    shows; plane: (Y, X) of the whole stack; crop: start and stop in y and x. Raises UserError for numbers beyond the
    limits.
    """
    maps = [
        cell_maps(source, range_, shown, crop, downsample)
        if isinstance(source, AffinitySource)
        else _maps(source, range_, shown, plane, crop, downsample)
        for source, range_ in zip(sources, limits, strict=True)
    ]
    start, stop = slab
    total = 0.0
    with slab_writer(probability, start, stop - start) as write:
        for channels in zip(*maps, strict=True):
            both = np.stack(channels)
            write(both)
            total += float(both.mean())
    return total / 255 / (stop - start)


def _maps(
    source: MapSource,
    limits: Limits,
    shown: Sequence[int],
    plane: tuple[int, int],
    crop: Sequence[Sequence[int]],
    downsample: int,
) -> Iterator[NDArray[np.uint8]]:
    """The map of each slice of ``shown`` at the scale of the run: uint8 (Y', X'), 255 = 1."""
    volume, rows = source.open(), source.rows(shown)
    last: tuple[int, NDArray[np.uint8] | None] = (-1, None)
    for places in zip(rows, *(volume.planes(rows, channel) for channel in source.channels), strict=True):
        row, planes = places[0], places[1:]
        if last[1] is None or row != last[0]:  # a coarse map shows several slices, a stand-in as well
            values = np.mean([probability(source, row, one, limits) for one in planes], axis=0)
            last = row, fitted(values, source.factor[1:], plane, crop, downsample)
        assert last[1] is not None
        yield last[1]


def fitted(
    values: NDArray[Any],
    factor: Sequence[int],
    plane: tuple[int, int],
    crop: Sequence[Sequence[int]],
    downsample: int,
) -> NDArray[np.uint8]:
    """A map (y, x) of 0 to 1 at the scale of the run: uint8.

    factor: pixels of the stack that one pixel of the map covers in y and x; plane, crop: as in ``take_slab``.
    """
    values = np.ascontiguousarray(values, np.float32)
    if any(downsample % f for f in factor):
        values = cv2.resize(
            values, (values.shape[1] * factor[1], values.shape[0] * factor[0]), interpolation=cv2.INTER_LINEAR
        )
    else:  # whole blocks lie in each pixel of the result, so that their mean is exact
        values = values.repeat(factor[0], 0).repeat(factor[1], 1)
    short = [max(0, n - have) for n, have in zip(plane, values.shape, strict=True)]
    if any(short):  # sizes that were rounded down
        values = np.pad(values, [(0, n) for n in short], mode="edge")
    (y0, y1), (x0, x1) = crop
    small = downsample_image(np.ascontiguousarray(values[y0:y1, x0:x1]), downsample)
    return np.round(255 * small).astype(np.uint8)


def maps_card(
    about: Mapping[str, Any], sources: Mapping[str, Mapping[str, MapSource]], thresholded: Sequence[str]
) -> dict[str, Any]:
    """The card of maps from elsewhere, in place of that of a network.

    about: what the card says of the run; sources: by volume and channel; thresholded: structures with objects or masks.
    """
    found: dict[str, dict[str, Any]] = {}
    for volume, by_channel in sources.items():
        found[volume] = {}
        for channel, source in by_channel.items():
            limits = find_limits(source)
            if isinstance(source, AffinitySource):
                warn_of_turned_affinities(source, limits)
            log.info("%s: %g means 0, %g means 1", source.name, *limits)
            found[volume][channel] = {"path": source.path, "range": limits}
    return dict(about) | {"thresholds": dict.fromkeys(thresholded, THRESHOLD), "maps": found}


def limits_of(card: str, volume: str, channels: Sequence[str]) -> list[Limits]:
    """The range of numbers of the map of each channel, from the file of the card."""
    found = json.loads(Path(card).read_text())["maps"][volume]
    return [(found[channel]["range"][0], found[channel]["range"][1]) for channel in channels]
