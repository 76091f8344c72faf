"""Training tiles: targets at the network's scale; tiles are cut once from image and labels and kept in a file."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import cv2
import fastremap
import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.normalise import normalise_slice
from ultraseg.base.errors import UserError
from ultraseg.networks.sizes import STRIDE, tile_overlap
from ultraseg.storage.hdf5 import Hdf5Writer, damage_told, new_hdf5, open_hdf5

log = logging.getLogger(__name__)

UNLABELLED = "unlabelled"  # the split of tiles that show slices without any label; their weight says where the slice is


def cell_targets(
    ids: NDArray[np.integer[Any]], width: int = 1, known: NDArray[np.bool] | None = None
) -> tuple[NDArray[np.bool], NDArray[np.bool]]:
    """Masks (interior, boundary) of a slice (y, x) of cell ids, 0 = no cell.

    Boundary is every pixel within ``width`` pixels of another id, background included; interior is the rest of
    the cells. The edge of the slice is no boundary, and neither is that of the part that is ``known`` (bool).
    """
    small, _ = fastremap.renumber(np.ascontiguousarray(ids), preserve_zero=True)
    # cv2's morphology takes no int32; exact up to 16 million cells in a slice
    lowest = highest = small.astype(np.float32)
    if known is not None:
        # What is unknown is neither the highest nor the lowest id anywhere, so that it makes no edge.
        lowest, highest = np.where(known, lowest, np.inf), np.where(known, highest, -np.inf)
    kernel = _disk(width)
    boundary = cv2.dilate(highest.astype(np.float32), kernel) != cv2.erode(lowest.astype(np.float32), kernel)
    if known is not None:
        boundary &= known
    return (small > 0) & ~boundary, boundary


def cell_weights(boundary: NDArray[np.bool], known: NDArray[np.bool], width: int = 1) -> NDArray[np.bool]:
    """Where the targets of ``cell_targets`` hold, bool (y, x): an unknown pixel nearby may be another cell's.

    A boundary found in the known part is one whatever lies in the unknown part.
    """
    near = cv2.dilate((~known).astype(np.uint8), _disk(width)) > 0
    return known & (boundary | ~near)


def _disk(radius: int) -> NDArray[np.uint8]:
    return np.asarray(
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8
    )


# ---------------------------------------------------------------- tiles
@dataclass
class Tiles:
    """Tiles of one or more slices: ``image`` (n, T, T, C), ``target`` and ``weight`` (n, T, T, K), all uint8.

    ``target`` is an area fraction (255 = 1), ``weight`` 0 where nothing is known and 255 elsewhere; z, y, x are the
    tile's corner at the network's scale, ``height`` and ``width`` the part that is no padding; ``stands_for`` is the
    number of places of its slice that a tile stands for, as not all of them are kept. ``ids`` are numbers of the cells
    (n, T, T), 0 where nothing is known; (n, 0, 0) where no cuts between cells are learned.
    """

    image: NDArray[np.uint8]
    target: NDArray[np.uint8]
    weight: NDArray[np.uint8]
    z: NDArray[np.int32]
    y: NDArray[np.int32]
    x: NDArray[np.int32]
    height: NDArray[np.int32]
    width: NDArray[np.int32]
    stands_for: NDArray[np.float32]
    ids: NDArray[np.uint16] = field(default_factory=lambda: np.zeros((0, 0, 0), np.uint16))

    def __post_init__(self) -> None:
        if not self.ids.size:
            self.ids = np.zeros((len(self.image), 0, 0), np.uint16)

    def __len__(self) -> int:
        return len(self.image)


def tile_size(shape: tuple[int, int], wanted: int, stride: int = STRIDE) -> int:
    """Side of the tiles for slices of ``shape``: a multiple of ``stride``, no larger than the slice needs."""
    return -(-min(wanted, max(shape)) // stride) * stride


def cut_tiles(
    image: NDArray[np.uint8],
    target: NDArray[np.uint8],
    weight: NDArray[Any],
    *,
    z: int,
    tile: int = 320,
    tiles_per_slice: int = 32,
    seed: int = 0,
    rich: bool = True,
    normalised: bool = False,
    ids: NDArray[np.integer[Any]] | None = None,
) -> Tiles:
    """Cut one labelled slice with its neighbours into overlapping tiles that cover it.

    ``image`` is uint8 (2 z_context + 1, y, x) at the network's scale, ``normalised`` or not; ``target`` uint8
    (K, y, x) area fractions; ``weight`` (K,) or (K, y, x), zero where a structure is not labelled. Places where nothing
    is known give no tile. With more than ``tiles_per_slice`` places, half are those richest in rare structures, the
    others are drawn evenly; without ``rich`` all are, so that shares of structures are those of the slice. ``ids``
    (y, x): cells as numbers from 1, 0 where nothing is known, for networks that learn cuts.
    """
    if image.shape[1:] != target.shape[1:]:
        raise ValueError(f"image {image.shape[1:]} and label {target.shape[1:]} of slice {z} differ in size")
    shape = target.shape[1:]
    known = (np.asarray(weight) != 0).astype(np.uint8) * 255
    known = np.broadcast_to(known.reshape(known.shape + (1,) * (3 - known.ndim)), target.shape)
    # Image, target and weight are one array from here on: they cannot be cut apart.
    shown = image if normalised else [normalise_slice(s) for s in image]
    stack = np.concatenate([shown, target, known]).transpose(1, 2, 0)
    corners = [(y, x) for y in _starts(shape[0], tile) for x in _starts(shape[1], tile)]
    anything = np.asarray(stack[..., len(image) + len(target) :].any(axis=-1))
    corners = [(y, x) for y, x in corners if anything[y : y + tile, x : x + tile].any()]
    corners, stands_for = _choose(
        corners, stack[..., len(image) :], tile, tiles_per_slice, np.random.default_rng([seed, z]), rich
    )
    pad = [(0, max(0, tile - s)) for s in shape]
    channels, structures = len(image), len(target)
    stack = np.concatenate(
        [
            np.pad(stack[..., :channels], [*pad, (0, 0)], mode="reflect"),
            np.pad(stack[..., channels:], [*pad, (0, 0)]),  # nothing is known beyond the slice
        ],
        axis=2,
    )
    cuts = np.stack([stack[y : y + tile, x : x + tile] for y, x in corners])
    corner = np.array(corners, np.int32)
    inside = [np.minimum(tile, shape[i] - corner[:, i]).astype(np.int32) for i in (0, 1)]
    return Tiles(
        cuts[..., :channels],
        cuts[..., channels : channels + structures],
        cuts[..., channels + structures :],
        z=np.full(len(cuts), z, np.int32),
        y=corner[:, 0],
        x=corner[:, 1],
        height=inside[0],
        width=inside[1],
        stands_for=stands_for.astype(np.float32),
        ids=np.zeros((0, 0, 0), np.uint16) if ids is None else _id_tiles(ids, corners, tile),
    )


def _id_tiles(
    ids: NDArray[np.integer[Any]], corners: Sequence[tuple[int, int]], tile: int
) -> NDArray[np.uint16]:
    """The ids of each tile, numbered anew from 1; 0 beyond the slice."""
    padded = np.pad(ids, [(0, max(0, tile - size)) for size in ids.shape])
    found = np.zeros((len(corners), tile, tile), np.uint16)
    for i, (y, x) in enumerate(corners):
        found[i], _ = fastremap.renumber(np.ascontiguousarray(padded[y : y + tile, x : x + tile]))
    return found


def _starts(size: int, tile: int) -> list[int]:
    if size <= tile:
        return [0]
    overlap = tile_overlap(tile)
    n = -(-(size - overlap) // (tile - overlap))
    return np.rint(np.linspace(0, size - tile, n)).astype(int).tolist()


def _choose(
    corners: list[tuple[int, int]],
    labels: NDArray[np.uint8],
    tile: int,
    most: int,
    rng: np.random.Generator,
    rich: bool,
) -> tuple[list[tuple[int, int]], NDArray[np.float64]]:
    """Some of the corners, and for how many of all corners each of them stands."""
    count = len(corners)
    if count <= most:
        return corners, np.ones(count)
    k = labels.shape[-1] // 2
    order, first = np.arange(count), 0
    if rich:
        fraction = np.array(
            [(labels[y : y + tile, x : x + tile, :k] > 127).mean((0, 1)) for y, x in corners]
        )  # (places, structures)
        richness = (fraction / np.maximum(fraction.mean(0), 1e-9)).sum(1)
        order, first = np.argsort(-richness, kind="stable"), most // 2
    drawn = rng.choice(order[first:], most - first, replace=False)
    stands_for = {i: 1.0 for i in order[:first]} | {i: (count - first) / len(drawn) for i in drawn}
    chosen = sorted(stands_for)
    return [corners[i] for i in chosen], np.array([stands_for[i] for i in chosen])


# ---------------------------------------------------------------- file
def write_tiles(
    path: str | Path, groups: Iterable[tuple[str, str, Tiles]], *, channels: Sequence[str], **attributes: Any
) -> dict[str, int]:
    """Write groups of (split, volume, tiles) to one HDF5 file, a chunk per tile; returns tiles per split.

    Tiles of test slices are refused: they have no place in what a network is trained on.
    """
    counts = {"train": 0, "validation": 0, UNLABELLED: 0}
    with new_hdf5(path) as file:
        file.attrs.update(channels=list(channels), **attributes)
        for split, volume, tiles in groups:
            if split not in counts:
                raise ValueError(f"tiles of the split {split!r} must not be written for training")
            counts[split] += len(tiles)
            _append_tiles(file, split, volume, tiles)
        if not counts["train"]:
            raise UserError(
                "there is no tile to train on", cure="check the labels and the split of the slices"
            )
    log.info("%d training, %d validation and %d unlabelled tiles", *counts.values())
    return counts


def _append_tiles(file: Hdf5Writer, split: str, volume: str, tiles: Tiles) -> None:
    import h5py

    text = h5py.string_dtype()
    columns = {f.name: getattr(tiles, f.name) for f in fields(Tiles)}
    columns |= {"split": np.full(len(tiles), split, object), "volume": np.full(len(tiles), volume, object)}
    for name, values in columns.items():
        if values.ndim == 3 and not values.shape[1]:
            continue  # no ids: nothing learns cuts
        if values.ndim >= 3:
            file.append(name, values, 1, compression="gzip", compression_opts=1, shuffle=False)
        else:
            file.append(name, values, 256, text if values.dtype == object else values.dtype)


def read_tiles(path: str | Path, split: str) -> tuple[Tiles, list[str]]:
    """Tiles of one split, in memory, and the names of their channels."""
    with damage_told(path), open_hdf5(path) as file:
        rows = np.flatnonzero(file["split"].asstr()[:] == split)
        channels = [str(c) for c in file.attrs["channels"]]
        # Whole-column reads: h5py's index reads are slower than decompressing both splits.
        found = {f.name: file[f.name][:][rows] for f in fields(Tiles) if f.name in file}
        return Tiles(**found), channels


def count_slices(path: str | Path) -> int:
    """Number of labelled slices, of all volumes, whose tiles train or validate."""
    with damage_told(path), open_hdf5(path) as file:
        columns = (file["split"].asstr()[:], file["volume"].asstr()[:], file["z"][:])
        return len(
            {(volume, int(z)) for split, volume, z in zip(*columns, strict=True) if split != UNLABELLED}
        )


def read_downsample(path: str | Path) -> int:
    """Pixels of the image per pixel of the tiles in a file, in y and in x; 1 where the file does not say."""
    with damage_told(path), open_hdf5(path) as file:
        return int(file.attrs.get("downsample", 1))
