"""Final 2D cells of one slice: carried labels and newcomers, cut into connected pieces, with a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import cc3d
import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.arrays.scale import downsample_ids
from ultraseg.base.ids import check_id, number_in_volume
from ultraseg.cells.reconcile import foreground
from ultraseg.objects.ready import ready_labels
from ultraseg.storage.slice_stacks import Propagated

CERTAIN = 255  # confidence of an id that is given
COLUMNS = ["piece", "area", "y", "x", "cell", "confidence", "body", "yy", "yx", "xx"]


def newcomers(
    labels: NDArray[Any],
    interior: NDArray[np.uint8],
    boundary: NDArray[np.uint8],
    *,
    foreground_threshold: float = 0.5,
    seed_distance: float = 1.0,
) -> NDArray[np.int32]:
    """Regions that look like the inside of a cell but that no label reached.

    labels: integers; interior, boundary: uint8; all (Y, X). Interior without a label, more than
    `seed_distance` pixels from everything else, seeds one region per connected component; these grow by
    watershed up to the membranes. Returns int32 (Y, X), numbered from 1, 0 elsewhere.
    """
    from skimage.segmentation import watershed  # slices without newcomers do not wait for it

    free = labels == 0
    inside = free & (interior >= 128) & (interior > boundary)
    if not inside.any():
        return np.zeros(labels.shape, np.int32)
    # The rim of a carried cell is no newcomer, so a seed keeps its distance from everything else.
    depth = cv2.distanceTransform(np.pad(inside, 1, mode="edge").astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    seeds = cc3d.connected_components((depth > seed_distance).astype(np.uint8), connectivity=4)
    area = free & foreground(interior, boundary, threshold=foreground_threshold)
    return watershed(boundary, seeds.astype(np.int32), mask=area).astype(np.int32)


def empty_table() -> pd.DataFrame:
    """The table of a slab without a good slice: no rows, with the columns and types of `piece_table`."""
    zero = np.zeros((1, 1), np.int32)
    return piece_table(zero, zero.astype(np.uint32), zero.astype(np.uint8), min_body_area=1).assign(
        z=np.zeros(0, np.int64), given=np.zeros(0, bool), traced=np.zeros(0, bool), new=np.zeros(0, np.int64)
    )


def piece_table(
    pieces: NDArray[np.int32], labels: NDArray[Any], confidence: NDArray[np.uint8], *, min_body_area: int
) -> pd.DataFrame:
    """One row per piece: area, centroid, carried id, mean confidence 0..1, whether it is a cell body, and its shape.

    The shape is the variance of its pixels along y, their covariance, and the variance along x (yy, yx, xx).

    pieces: int32 (Y, X), numbered 1..n; labels: ids (Y, X), constant within a piece; confidence: uint8 (Y,
    X).
    """
    n = int(pieces.max()) if pieces.size else 0
    y, x = np.nonzero(pieces)
    piece = pieces[y, x]
    area = np.bincount(piece, minlength=n + 1)[1:]
    mean = [
        np.bincount(piece, v, minlength=n + 1)[1:] / np.maximum(area, 1)
        for v in (y, x, confidence[y, x] / 255)
    ]
    cell = np.zeros(n + 1, np.uint32)
    cell[piece] = labels[y, x]
    values = [
        np.arange(1, n + 1, dtype=np.int32),
        area,
        mean[0],
        mean[1],
        cell[1:],
        mean[2],
        area >= min_body_area,
    ]
    dy, dx = y - np.append(0, mean[0])[piece], x - np.append(0, mean[1])[piece]
    values += [
        np.bincount(piece, v, minlength=n + 1)[1:] / np.maximum(area, 1) for v in (dy * dy, dy * dx, dx * dx)
    ]
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)))


def holes(pieces: NDArray[np.int32], given: NDArray[np.bool_], most: int) -> NDArray[np.int32]:
    """The piece that encloses each pixel of a hole of up to `most` pixels; 0 elsewhere.

    A hole is background (8 neighbours) that touches one piece alone, not the edge of the slice and nothing that is
    `given`. pieces: int32 (Y, X), given: bool (Y, X). Returns int32 (Y, X).
    """
    parts, n = cc3d.connected_components((pieces == 0).astype(np.uint8), connectivity=8, return_N=True)
    small = np.bincount(parts.ravel(), minlength=n + 1) <= most
    small[0] = False
    for edge in (parts[0], parts[-1], parts[:, 0], parts[:, -1], parts[given]):
        small[edge] = False
    if not small.any():
        return np.zeros_like(pieces)
    # Background after the numbers of the pieces, so that one graph tells what touches what.
    first = int(pieces.max()) + 1
    touching = cc3d.region_graph(
        np.where(parts > 0, parts.astype(np.uint32) + first, pieces.astype(np.uint32)), 4
    )
    around: dict[int, set[int]] = {}
    for piece, part in touching:
        if piece < first < part and small[part - first]:
            around.setdefault(part - first, set()).add(piece)
    owner = np.zeros(n + 1, np.int32)
    for part, found in around.items():
        owner[part] = found.pop() if len(found) == 1 else 0
    return owner[parts]


def slice_cells(
    labels: NDArray[Any],
    confidence: NDArray[np.uint8],
    interior: NDArray[np.uint8],
    boundary: NDArray[np.uint8],
    *,
    given: bool | NDArray[np.bool_],
    new: NDArray[np.uint32] | None = None,
    min_body_area: int = 200,
    min_fragment_area: int = 4,
    max_hole_area: int = 1000,
    foreground_threshold: float = 0.5,
) -> tuple[NDArray[np.int32], pd.DataFrame]:
    """Cut the cells of one slice into connected 2D pieces and describe them.

    Carried labels keep their place; interior that no label reached becomes pieces without an id (cell 0), cut
    along membranes (`newcomers`). On a slice the user labelled (`given`: all of it, none, or bool (Y, X)), ids
    stay untouched; pieces without an id there are what the user left out: no cell. labels: ids (Y, X) of
    `propagate_gap` or `cells_of_gap`; confidence, interior, boundary: uint8 (Y, X). new: cells without an id that
    `cells_of_gap` found, numbers (Y, X), 0 elsewhere; they keep their place as well.
    min_body_area: pixels from which a piece is a cell body; min_fragment_area: smaller pieces are dropped
    (never on a given slice); max_hole_area: holes of up to so many pixels in one piece are filled, but where the user
    labelled any of their pixels. Connectivity is 4, so that cells that touch at a corner stay apart.
    Returns pieces int32 (Y, X), 1..n, 0 = background, and a table: piece, area, y, x (centroid, pixels), cell
    (carried id or 0), confidence (mean, 0..1), body, new (the number of a cell without an id, or 0).
    """
    shapes = {a.shape for a in (labels, confidence, interior, boundary)}
    if len(shapes) != 1 or labels.ndim != 2:
        raise ValueError(f"labels, confidence and maps must be equal 2D shapes, got {sorted(shapes)}")
    pieces = cc3d.connected_components(labels.astype(np.uint32), connectivity=4).astype(np.int32)
    given = np.broadcast_to(given, labels.shape)
    drawn = np.unique(pieces[given])
    found: NDArray[Any] = np.zeros(labels.shape, np.int32)
    if new is not None:
        found = cc3d.connected_components(np.where(given | (labels > 0), 0, new), connectivity=4)
        pieces = np.where(found > 0, found.astype(np.int32) + pieces.max(), pieces)
    # Pixels that the user labelled as no cell and pixels that nobody labelled never share a piece.
    for part in (given, ~given):
        taken = np.where(part, pieces, 1)
        if taken.all():
            continue
        fresh = newcomers(taken, interior, boundary, foreground_threshold=foreground_threshold)
        fresh = cc3d.connected_components(fresh.astype(np.uint32), connectivity=4).astype(np.int32)
        pieces = np.where(fresh > 0, fresh + pieces.max(), pieces)
    keep = np.bincount(pieces.ravel()) >= min_fragment_area
    keep[drawn] = True
    keep[0] = False
    pieces = np.where(keep, np.cumsum(keep), 0).astype(np.int32)[pieces]
    cell = np.zeros(int(pieces.max(initial=0)) + 1, labels.dtype)
    cell[pieces] = labels
    number = np.zeros(len(cell), np.int64)
    if new is not None:
        number[pieces[found > 0]] = new[found > 0]
        number[0] = 0
    pieces += holes(pieces, given, max_hole_area)
    table = piece_table(
        pieces, np.where(pieces > 0, cell[pieces], 0), confidence, min_body_area=min_body_area
    )
    return pieces, table.assign(new=number[1:])


def given_pieces(pieces: NDArray[np.int32], given: bool | NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether the user labelled any pixel of each piece 1..n; pieces: int32 (Y, X), given as in `slice_cells`."""
    seen = np.zeros(int(pieces.max(initial=0)) + 1, bool)
    seen[pieces[np.broadcast_to(given, pieces.shape)]] = True
    return seen[1:]


def slab_pieces(
    carried: Iterable[tuple[int, Propagated]],
    interior: NDArray[np.uint8],
    boundary: NDArray[np.uint8],
    *,
    start: int,
    **settings: Any,
) -> tuple[NDArray[np.uint32], pd.DataFrame]:
    """The pieces of the good slices of one slab, and one table of them with the columns z, given, traced and new.

    carried: each good slice's number z and what was carried there; interior, boundary: uint8 (n, Y, X) from slice
    ``start`` on; settings: of `slice_cells`. Bad slices have no pieces. traced:
    whether the ids of the slice were found in three dimensions. new: as in `slice_cells`, but one number within
    the volume (`number_in_volume`), as each gap counts its cells from 1. Returns pieces uint32 (n, Y, X).
    """
    pieces, tables = np.zeros(interior.shape, np.uint32), []
    for z, (labels, confidence, given, new, gap) in carried:
        i = z - start
        pieces[i], table = slice_cells(
            labels, confidence, interior[i], boundary[i], given=given, new=new, **settings
        )
        seen = given_pieces(pieces[i].astype(np.int32), given)
        number = number_in_volume(table["new"], gap)
        tables.append(table.assign(z=z, given=seen, traced=new is not None, new=number))
    # A slab of bad slices alone has no pieces, but a table all the same.
    return pieces, pd.concat(tables, ignore_index=True) if tables else empty_table()


def ready_slab(
    planes: Iterable[NDArray[Any]],
    zs: Sequence[int],
    name: str,
    *,
    slab: tuple[int, int],
    plane: tuple[int, int],
    downsample: int,
    factor: Sequence[int],
    crop: Sequence[Sequence[int]],
    **settings: Any,
) -> tuple[NDArray[np.uint32], pd.DataFrame]:
    """The pieces (n, Y, X) of the good slices ``zs`` of a slab, and their table, as `slab_pieces`.

    Each slice counts as drawn by the user: every id stays. planes: slices of ids in the order of ``zs``; name: of the
    file, for messages; plane: (Y, X) of the pieces, ``downsample`` times smaller than the slices of the image; factor,
    crop: as ``objects.ready.ready_labels`` takes them; settings: of `slice_cells`. Raises UserError for
    numbers that are no ids of cells.
    """

    def drawn() -> Iterable[tuple[int, Propagated]]:
        for z, values in zip(zs, planes, strict=True):
            ids = ready_labels([values], name, factor=factor, crop=crop, is_mask=False)[0]
            check_id(int(ids.max(initial=0)), f"{name}: a cell")
            small = downsample_ids(ids, downsample)
            yield z, Propagated(small, np.full(plane, CERTAIN, np.uint8), True)

    nothing = np.zeros(
        (slab[1] - slab[0], *plane), np.uint8
    )  # no maps: no cell is looked for beside those given
    return slab_pieces(drawn(), nothing, nothing, start=slab[0], **settings)
