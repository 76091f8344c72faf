"""Training tiles of one volume from its image and its checked labels."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.cuts import cut_targets
from ultraseg.arrays.scale import downsample_ids, downsample_image, downsample_known, downsample_mask
from ultraseg.networks.channels import CELLS, channels_of
from ultraseg.networks.sizes import STRIDE
from ultraseg.storage.arrays import read_image
from ultraseg.storage.label_slices import LabelSlices
from ultraseg.train.tiles import UNLABELLED, Tiles, cell_targets, cell_weights, cut_tiles, tile_size

log = logging.getLogger(__name__)


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
        free = use == UNLABELLED
        image = np.stack(
            [
                downsample_image(read_image(f"{folder}/image.zarr/0", i, i + 1)[0], downsample)
                for i in contexts[z]
            ]
        )
        ids: NDArray[np.integer[Any]] | None = np.zeros(image.shape[1:], np.int64) if cuts else None
        targets: list[NDArray[np.uint8]] = []
        weights: list[NDArray[np.bool]] = []
        for structure, kind in kinds.items():
            if z in labelled[structure]:
                with LabelSlices(f"{folder}/work/labels/{structure}.h5") as given:
                    labels, known = given.read(z), given.known(z)
                target, weight = _targets(labels, known, kind, downsample, boundary_width)
                if kind == CELLS and cuts:
                    ids = _numbers(labels, known, downsample)
                    more, hold = _cuts(ids, cuts)
                    target, weight = target + more, weight + hold
            else:
                target = [np.zeros(image.shape[1:], np.uint8)] * len(channels_of(structure, kind, cuts))
                weight = [np.full(image.shape[1:], free)] * len(target)
            targets += target
            weights += weight
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
