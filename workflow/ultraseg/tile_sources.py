"""Training tiles of one volume from its image and its checked labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ultraseg.labelstore import LabelSlices
from ultraseg.splits import context_slices
from ultraseg.store import read_image
from ultraseg.tiles import (
    Tiles,
    cell_targets,
    cut_tiles,
    downsample_ids,
    downsample_image,
    downsample_mask,
    tile_size,
)


def volume_tiles(
    folder: str,
    volume: str,
    *,
    split: Mapping[int, str],
    labelled: Mapping[str, list[int]],
    kinds: Mapping[str, str],
    n_slices: int,
    downsample: int,
    z_context: int,
    boundary_width: int,
    tile: int,
    tiles_per_slice: int,
    seed: int,
) -> Iterator[tuple[str, str, Tiles]]:
    """Yield (split, volume, tiles) of every labelled slice but the test slices, one slice in memory at a time.

    A structure that is not labelled on a slice has weight 0 there.
    """
    for z, use in split.items():
        if use == "test":
            continue
        image = np.stack(
            [
                downsample_image(read_image(f"{folder}/image.zarr/0", i, i + 1)[0], downsample)
                for i in context_slices(z, z_context, n_slices)
            ]
        )
        targets, weights = [], []
        for structure, kind in kinds.items():
            known = z in labelled[structure]
            channels = 2 if kind == "cells" else 1
            weights += [known] * channels
            if known:
                with LabelSlices(f"{folder}/work/labels/{structure}.h5") as given:
                    targets += _targets(given.read(z), kind, downsample, boundary_width)
            else:
                targets += [np.zeros(image.shape[1:], np.uint8)] * channels
        yield (
            use,
            volume,
            cut_tiles(
                image,
                np.stack(targets),
                np.array(weights),
                z=z,
                tile=tile_size(image.shape[1:], tile),
                tiles_per_slice=tiles_per_slice,
                seed=seed,
            ),
        )


def _targets(labels: np.ndarray, kind: str, downsample: int, boundary_width: int) -> list[np.ndarray]:
    if kind != "cells":
        return [downsample_mask(labels, downsample)]
    masks = cell_targets(downsample_ids(labels, downsample), boundary_width)
    return [mask.astype(np.uint8) * 255 for mask in masks]
