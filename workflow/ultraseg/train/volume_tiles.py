"""Training tiles of one volume from its image and its checked labels."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.cuts import cut_targets
from ultraseg.arrays.normalise import normalise_slice
from ultraseg.arrays.scale import downsample_ids, downsample_image, downsample_known, downsample_mask
from ultraseg.grid.planes import AXES, plane_number, plane_rows, turned
from ultraseg.grid.slabs import ceil_div
from ultraseg.networks.channels import CELLS, channels_of
from ultraseg.networks.sizes import STRIDE
from ultraseg.storage.arrays import read_image
from ultraseg.storage.label_slices import LabelSlices
from ultraseg.train.tiles import UNLABELLED, Tiles, cell_targets, cell_weights, cut_tiles, tile_size

log = logging.getLogger(__name__)

PLANE_BYTES = 2**28  # of images of planes across the slices that are held at a time, but for one plane
Labelled = tuple[NDArray[Any], NDArray[np.bool] | None]  # labels of a slice, and where they are known


def volume_tiles(
    folder: str,
    volume: str,
    *,
    split: Mapping[int, str],
    labelled: Mapping[str, list[int]],
    kinds: Mapping[str, str],
    contexts: Mapping[int, list[int]],
    downsample: int,
    boundary_width: int,
    tile: int,
    tiles_per_slice: int,
    seed: int,
    stride: int = STRIDE,
    cuts: Sequence[int] = (),
) -> Iterator[tuple[str, str, Tiles]]:
    """Yield (split, volume, tiles) of every labelled slice but the test slices, one slice in memory at a time.

    ``folder`` is the folder of the volume's results. ``split``: the split of every labelled slice. ``labelled``: the
    labelled slices of every structure. ``kinds``: the kind of every structure. ``contexts``: for each labelled slice
    the slices that the network sees, the labelled slice in the middle. A structure that is not labelled on a slice, or
    on a part of the slice, has weight 0 there. Slices of the split ``unlabelled`` have none of all labels, and weight
    where the slice is. ``cuts``: offsets of the cuts between cells that are learned besides.
    """
    for z, use in split.items():
        if use == "test":
            continue
        image = np.stack(
            [
                downsample_image(read_image(f"{folder}/image.zarr/0", i, i + 1)[0], downsample)
                for i in contexts[z]
            ]
        )
        given = {}
        for structure in (s for s in kinds if z in labelled[s]):
            with LabelSlices(f"{folder}/work/labels/{structure}.h5") as file:
                given[structure] = file.read(z), file.known(z)
        targets, weights, ids = _all_targets(
            given, kinds, image.shape[1:], downsample, boundary_width, cuts, free=use == UNLABELLED
        )
        if not any(weight.any() for weight in weights):
            log.warning("%s: the labelled part of slice %d is too small to train on", volume, z)
            continue
        yield (
            use,
            volume,
            cut_tiles(
                image,
                np.stack(targets),
                np.stack(weights),
                z=z,
                tile=tile_size(image.shape[1:], tile, stride),
                tiles_per_slice=tiles_per_slice,
                seed=seed,
                rich=use == "train",  # thresholds are chosen at the shares that structures have
                ids=ids,
            ),
        )


def plane_tiles(
    folder: str,
    volume: str,
    *,
    planes: Mapping[str, Sequence[str]],
    shape: Sequence[int],
    shown: Sequence[int],
    hidden: Sequence[int],
    step: int,
    kinds: Mapping[str, str],
    z_context: int,
    downsample: int,
    boundary_width: int,
    tile: int,
    tiles_per_slice: int,
    seed: int,
    stride: int = STRIDE,
    cuts: Sequence[int] = (),
) -> Iterator[tuple[str, str, Tiles]]:
    """As ``volume_tiles``, of the labelled planes across the slices; all of them train.

    A plane is an image of its own: its rows are every ``step``-th slice, its context the planes beside it. planes: the
    kinds of planes (xz, yz) of every structure that has some. shape: z, y, x of the volume. shown: the slice that each
    row shows, which stands in for a bad one. Nothing is taught on the slices ``hidden``. The slices are read once, or
    as often as the planes of one reading would take more than ``PLANE_BYTES``.
    """
    files = {s: {p: f"{folder}/work/labels/{s}.{p}.h5" for p in planes.get(s, ())} for s in kinds}
    rows = plane_rows(range(0, shape[0], step), shape[0], step, downsample)
    for group in _plane_groups(files, shape, len(shown), z_context, downsample):
        images = _plane_images(f"{folder}/image.zarr/0", group, shape, shown, z_context, downsample)
        for (plane, at), image in zip(group, images, strict=True):
            given = {
                s: labels for s in kinds if (labels := _plane_labels(files[s].get(plane), at, rows, hidden))
            }
            targets, weights, ids = _all_targets(
                given, kinds, image.shape[1:], downsample, boundary_width, cuts
            )
            if not any(weight.any() for weight in weights):
                continue
            tiles = cut_tiles(
                image,
                np.stack(targets),
                np.stack(weights),
                z=plane_number(plane, at, shape),
                tile=tile_size(image.shape[1:], tile, stride),
                tiles_per_slice=tiles_per_slice,
                seed=seed,
                normalised=True,
                ids=ids,
            )
            yield "train", volume, tiles


def _plane_groups(
    files: Mapping[str, Mapping[str, str]],
    shape: Sequence[int],
    rows: int,
    z_context: int,
    downsample: int,
) -> Iterator[list[tuple[str, int]]]:
    """All planes, xz and yz with their places, in groups whose images fit into ``PLANE_BYTES``."""
    group: list[tuple[str, int]] = []
    held = 0
    for plane in AXES:
        places: set[int] = set()
        for by_plane in (one for one in files.values() if plane in one):
            with LabelSlices(by_plane[plane]) as given:
                places.update(given.zs)
        size = (2 * z_context + 1) * rows * ceil_div(turned(shape, plane)[2], downsample)
        for at in sorted(places):
            if group and held + size > PLANE_BYTES:
                yield group
                group, held = [], 0
            group.append((plane, at))
            held += size
    if group:
        yield group


def _plane_images(
    path: str,
    planes: Sequence[tuple[str, int]],
    shape: Sequence[int],
    shown: Sequence[int],
    z_context: int,
    downsample: int,
) -> list[NDArray[np.uint8]]:
    """The image of each plane with the planes beside it, uint8 (2 z_context + 1, rows, columns), normalised by slices.

    As `predict.across` shows planes to the network: the edge plane repeats.
    """
    small = [ceil_div(size, downsample) for size in shape]
    near = np.arange(-z_context, z_context + 1)
    places = [np.clip(at // downsample + near, 0, turned(small, plane)[0] - 1) for plane, at in planes]
    images = [np.empty((len(near), len(shown), turned(small, plane)[2]), np.uint8) for plane, _ in planes]
    last, slice_ = None, np.zeros((0, 0), np.uint8)
    for row, z in enumerate(shown):
        if z != last:
            slice_ = normalise_slice(downsample_image(read_image(path, z, z + 1)[0], downsample))
            last = z
        for (plane, _), place, image in zip(planes, places, images, strict=True):
            image[:, row] = slice_[place] if plane == "xz" else slice_[:, place].T
    return images


def _plane_labels(file: str | None, at: int, rows: Sequence[int], hidden: Sequence[int]) -> Labelled | None:
    """The labels of the ``rows`` of a plane, and where they are known; None where the structure has no such plane."""
    if file is None:
        return None
    with LabelSlices(file) as given:
        if at not in given:
            return None
        labels, known = given.read(at), given.known(at)
    known = np.ones(labels.shape, bool) if known is None else known
    known[list(hidden)] = False
    return np.ascontiguousarray(labels[rows]), known[rows]


def _all_targets(
    given: Mapping[str, Labelled],
    kinds: Mapping[str, str],
    shape: tuple[int, ...],
    downsample: int,
    boundary_width: int,
    cuts: Sequence[int],
    free: bool = False,
) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.bool]], NDArray[np.integer[Any]] | None]:
    """Targets and weights of all channels of a slice of ``shape``, and numbers of its cells where cuts are learned.

    given: the labels of the structures that are labelled there. free: whether a structure without labels weighs.
    """
    ids: NDArray[np.integer[Any]] | None = np.zeros(shape, np.int64) if cuts else None
    targets: list[NDArray[np.uint8]] = []
    weights: list[NDArray[np.bool]] = []
    for structure, kind in kinds.items():
        if structure in given:
            labels, known = given[structure]
            target, weight = _targets(labels, known, kind, downsample, boundary_width)
            if kind == CELLS and cuts:
                ids = _numbers(labels, known, downsample)
                more, hold = _cuts(ids, cuts)
                target, weight = target + more, weight + hold
        else:
            target = [np.zeros(shape, np.uint8)] * len(channels_of(structure, kind, cuts))
            weight = [np.full(shape, free)] * len(target)
        targets += target
        weights += weight
    return targets, weights, ids


def _numbers(
    labels: NDArray[np.integer[Any]], known: NDArray[np.bool] | None, downsample: int
) -> NDArray[np.integer[Any]]:
    """Ids at the network's scale, numbered from 1, which may be what is no cell; 0 where nothing is known."""
    _, numbers = np.unique(downsample_ids(labels, downsample), return_inverse=True)
    return numbers + 1 if known is None else np.where(downsample_known(known, downsample), numbers + 1, 0)


def _cuts(
    ids: NDArray[np.integer[Any]], offsets: Sequence[int]
) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.bool]]]:
    """Targets and weights of the channels of cuts, from what `_numbers` returns."""
    target, holds = cut_targets(ids, ids > 0, offsets)
    return list(target * np.uint8(255)), list(holds)


def _targets(
    labels: NDArray[np.integer[Any]],
    known: NDArray[np.bool] | None,
    kind: str,
    downsample: int,
    boundary_width: int,
) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.bool]]]:
    """Targets (uint8) and where they hold (bool) of the channels of one structure, at the network's scale."""
    small = None if known is None else downsample_known(known, downsample)
    if kind != CELLS:
        target = downsample_mask(labels, downsample)
        if small is None:
            return [target], [np.ones(target.shape, bool)]
        # Turned and scaled crops mix each pixel with its neighbours: these must be known as well.
        return [target], [cell_weights(np.zeros(target.shape, bool), small)]
    masks = cell_targets(downsample_ids(labels, downsample), boundary_width, small)
    holds = np.ones(masks[0].shape, bool) if small is None else cell_weights(masks[1], small, boundary_width)
    return [mask.astype(np.uint8) * 255 for mask in masks], [holds, holds]
