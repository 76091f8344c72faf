"""Cuts between cells, and maps of cells, from the affinities of another program."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ultraseg.grid.cut_maps import USED_OFFSETS
from ultraseg.networks.channels import INTERIOR
from ultraseg.predict.affinities import AffinitySource, Channel, steps_of
from ultraseg.predict.map_values import Limits, probability
from ultraseg.storage.arrays import slab_writer

log = logging.getLogger(__name__)

Plane = NDArray[np.uint8]
Crop = Sequence[Sequence[int]]
FEW = 0.5  # a mean affinity of neighbours below it is strange: most voxels lie inside a cell
MOST = max(USED_OFFSETS)


class _Rows:
    """Cuts of the rows of some channels of a file: each row is decoded once, in order, and given up when it is past."""

    def __init__(self, source: AffinitySource, limits: Limits, wanted: Mapping[int, Collection[int]]):
        volume, rows = source.open(), {channel: sorted({*found}) for channel, found in wanted.items()}
        self._source, self._limits = source, limits
        self._coming = {
            channel: zip(found, volume.planes(found, channel), strict=True) for channel, found in rows.items()
        }
        self._held: dict[int, dict[int, Plane]] = {channel: {} for channel in rows}

    def get(self, channel: int, row: int, first: int) -> Plane:
        """The cuts of a row (Y, X), 255 = two cells; rows before ``first`` are not asked for again."""
        held = self._held[channel]
        while row not in held:
            found, plane = next(self._coming[channel])
            same = probability(self._source, found, plane, self._limits)
            held[found] = np.rint(255 * (1 - same)).astype(np.uint8)
        for past in [one for one in held if one < first]:
            del held[past]
        return held[row]


def take_brick(
    source: AffinitySource,
    limits: Limits,
    cuts: str,
    *,
    brick: tuple[int, int],
    shown: Sequence[int],
    crop: Crop,
    downsample: int,
) -> float:
    """Write the cut maps of the slices brick[0] <= i < brick[1] to the array at ``cuts``; returns their mean, 0 to 1.

    shown: slices of the whole stack that these show, rising, followed by those that the cuts along z reach; crop: start
    and stop in y and x of the whole stack. Where the file lacks a distance, the highest cut on the way counts. Raises
    UserError for numbers beyond the limits.
    """
    rows, count = source.rows(shown), brick[1] - brick[0]
    known = [source.along(axis) for axis in range(3)]
    walks = [[_steps_along_z(rows, i, offset, known[0]) for offset in USED_OFFSETS] for i in range(count)]
    wanted: dict[int, set[int]] = {}
    for found in walks:
        for channel, row in (step for steps in found for step in steps):
            wanted.setdefault(channel, set()).add(row)
    for channels in known[1:]:
        wanted |= {channel.number: {*rows[:count]} for channel in channels.values()}
    planes = _Rows(source, limits, wanted)
    size = _size(crop, downsample)
    total = 0.0
    with slab_writer(cuts, brick[0], count) as write:
        for i, found in enumerate(walks):
            maps = []
            for steps in found:
                along = [planes.get(channel, row, rows[i]) for channel, row in steps]
                highest = np.maximum.reduce(along) if along else None
                maps.append(
                    np.zeros(size, np.uint8)
                    if highest is None
                    else _fitted(source, highest, crop, downsample)
                )
            for axis in (1, 2):
                here = {n: planes.get(c.number, rows[i], rows[i]) for n, c in known[axis].items()}
                maps += [_within(source, here, axis, offset, crop, downsample) for offset in USED_OFFSETS]
            both = np.stack(maps)
            write(both)
            total += float(both.mean())
    return total / 255 / count


def _steps_along_z(
    rows: Sequence[int], i: int, offset: int, known: Mapping[int, Channel]
) -> list[tuple[int, int]]:
    """Channel and row of the affinities on the way from slice i to the one ``offset`` further; none beyond the end."""
    if i + offset >= len(rows):
        return []
    steps = steps_of(rows[i + offset] - rows[i], known)
    return [(known[n].number, rows[i] + at + known[n].shift) for at, n in steps]


def _within(
    source: AffinitySource,
    planes: Mapping[int, Plane],
    axis: int,
    offset: int,
    crop: Crop,
    downsample: int,
) -> Plane:
    """The cuts of a slice at an offset along its rows (axis 1 = y) or columns (2 = x), at the scale of the run.

    planes: cuts (Y, X) of the file by distance.
    """
    distance = offset * source.scale(downsample)[axis - 1]
    known, lines = source.along(axis), next(iter(planes.values())).shape[axis - 1]
    result = np.zeros_like(next(iter(planes.values())))
    n = lines - distance
    if n > 0:
        whole = np.moveaxis(result, axis - 1, 0)
        for at, length in steps_of(distance, planes):
            first = at + known[length].shift
            part = np.moveaxis(planes[length], axis - 1, 0)[first : first + n]
            np.maximum(whole[:n], part, out=whole[:n])
    return _fitted(source, result, crop, downsample)


def _size(crop: Crop, downsample: int) -> tuple[int, int]:
    height, width = (-(-(stop - start) // downsample) for start, stop in crop)
    return height, width


def _fitted(source: AffinitySource, values: Plane, crop: Crop, downsample: int) -> Plane:
    """A plane of the file, cut out, as means of the blocks that are pixels of the run."""
    scale, size = source.scale(downsample), _size(crop, downsample)
    start = [round(begin / f) for (begin, _), f in zip(crop, source.factor[1:], strict=True)]
    stop = [a + n * r for a, n, r in zip(start, size, scale, strict=True)]
    part = values[start[0] : stop[0], start[1] : stop[1]]
    short = [(0, b - a - n) for a, b, n in zip(start, stop, part.shape, strict=True)]
    if any(n for _, n in short):
        part = np.pad(part, short, mode="edge")
    if scale == (1, 1):
        return np.ascontiguousarray(part)
    return cv2.resize(np.ascontiguousarray(part), size[::-1], interpolation=cv2.INTER_AREA).astype(np.uint8)


def cell_maps(
    source: AffinitySource, limits: Limits, shown: Sequence[int], crop: Crop, downsample: int
) -> Iterator[Plane]:
    """The interior or the boundary (``source.shown_as``) of cells in slices of the whole stack: uint8 (Y', X').

    The boundary is the highest cut within the slice between a pixel and its four neighbours, the interior the rest.
    """
    rows, known = source.rows(shown), [source.along(axis) for axis in (1, 2)]
    wanted = {channels[n].number: rows for channels in known for n in channels}
    planes = _Rows(source, limits, wanted)
    for row in rows:
        boundary = np.zeros(_size(crop, downsample), np.uint8)
        for axis, channels in zip((1, 2), known, strict=True):
            here = {n: planes.get(c.number, row, row) for n, c in channels.items()}
            cut = _within(source, here, axis, 1, crop, downsample)
            np.maximum(boundary, cut, out=boundary)
            after = np.moveaxis(boundary, axis - 1, 0)[1:]
            before = np.moveaxis(cut, axis - 1, 0)[:-1]
            np.maximum(after, before, out=after)
        yield 255 - boundary if source.shown_as == INTERIOR else boundary


def warn_of_turned_affinities(source: AffinitySource, limits: Limits) -> None:
    """Warn where neighbours rarely belong to one cell: such a file holds cuts, not affinities."""
    volume, means = source.open(), []
    for axis in (1, 2):
        channel = source.along(axis)[1].number
        for row, plane in zip(source.sampled, volume.planes(source.sampled, channel), strict=True):
            means.append(_mean(source, row, plane, limits))
    mean = float(np.mean(means))
    if mean < FEW:
        log.warning(
            "%s: %s: the mean affinity of neighbours within slices is %.2f, so most of them would belong to two cells; "
            "if high numbers mean a boundary in this file, say so with range: [%g, %g]",
            source.name, source.path, mean, limits[1], limits[0],
        )  # fmt: skip


def _mean(source: AffinitySource, row: int, plane: NDArray[Any], limits: Limits) -> float:
    return float(probability(source, row, plane, limits).mean())
