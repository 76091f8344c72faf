"""The final cells of one slab: linked pieces at the size of the image without holes, and what the user drew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cc3d
import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.arrays.labels import relabel
from ultraseg.arrays.scale import downsample_mask, upsample_labels
from ultraseg.cells.pieces import holes
from ultraseg.grid.slabs import ceil_div
from ultraseg.link.apply_edits import edited_ids
from ultraseg.link.nodes import piece_luts
from ultraseg.storage.label_slices import LabelSlices

NODE_COLUMNS = ["z", "piece", "final", "area", "y", "x", "body"]
FREE, HELD = 0, 1  # codes of pixels without a piece, and of pieces without a cell; the codes of cells follow
# Pixels: what lies between two slices of a cell may be the space beside it where it is narrow. A hole is so wide
# everywhere, and somewhere as wide as the second.
LEAST_WIDTH, SURE_WIDTH = 3, 5
SURE_SHIFT = 5  # bodies that must go on before their median movement counts as a shift of the slice


def final_cells(
    read: Callable[[int], NDArray[Any]],
    nodes: pd.DataFrame,
    walk: Sequence[int],
    stand_ins: Sequence[int],
    *,
    plane: tuple[int, int],
    downsample: int,
    drawn: Sequence[str],
    ids: pd.DataFrame,
    span: int = 0,
    max_hole_area: int = 0,
) -> NDArray[np.uint32]:
    """Final cells of the slices of a slab; uint32 (n, Y, X).

    read: gives the pieces (Y', X') of a good slice; walk: the good slices that the slab shows, and ``span`` more on
    either side where the volume goes on; nodes: their rows of the table of pieces, with NODE_COLUMNS; stand_ins: for
    each slice of the slab the good slice whose cells it shows; plane: (Y, X) of the image; drawn: files with the user's
    labels, which are final but for the ids that edits change (``ids``).

    A body is never left as a hole. Pixels without a piece get the cell that both the slices below and above show there,
    if at most ``span`` slices lie between these two, and the cell that alone surrounds them in their slice, if they are
    at most ``max_hole_area`` pixels (at the scale of the pieces). Where the user labelled, nothing is filled. In memory
    are the slab and 2 span + 1 slices of pieces.
    """
    shown = sorted(set(stand_ins))
    known = _Drawn(drawn, downsample)
    small = tuple(ceil_div(n, downsample) for n in plane)
    stack = _Stack(read, (small[0], small[1]), nodes, walk, span)
    cells = np.empty((len(shown), *plane), np.uint32)
    for z, large in zip(shown, cells, strict=True):
        given = known.pixels(z, stack.shape)
        codes = stack.bridged(z, given, known.zs) if span else stack.codes(z)
        if max_hole_area and not given.all():
            codes = codes + holes(codes, given, max_hole_area)
        large[:] = upsample_labels(stack.ids(codes), downsample, plane)
    for file in drawn:
        with LabelSlices(file) as labels:
            for z in set(labels.zs) & set(shown):
                there, i = labels.known(z), shown.index(z)
                own = edited_ids(labels.read(z), z, ids)
                cells[i] = own if there is None else np.where(there, own, cells[i])
    if list(stand_ins) == shown:
        return cells
    place = {z: i for i, z in enumerate(shown)}
    return cells[[place[z] for z in stand_ins]]


class _Drawn:
    """Where the user labelled a slice, at the scale of the pieces."""

    def __init__(self, files: Sequence[str], downsample: int):
        self._downsample = downsample
        self._files: dict[int, str] = {}
        for file in files:
            with LabelSlices(file) as labels:
                self._files |= dict.fromkeys(labels.zs, file)

    @property
    def zs(self) -> set[int]:
        """The slices of which the user labelled anything."""
        return set(self._files)

    def pixels(self, z: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """The pixels (Y', X') of slice z of which the user labelled any part."""
        if z not in self._files:
            return np.zeros(shape, bool)
        with LabelSlices(self._files[z]) as labels:
            known = labels.known(z)
        return np.ones(shape, bool) if known is None else downsample_mask(known, self._downsample) > 0


class _Stack:
    """The pieces of some good slices as codes of their cells, read when they are needed and dropped when not."""

    def __init__(
        self,
        read: Callable[[int], NDArray[Any]],
        shape: tuple[int, int],
        nodes: pd.DataFrame,
        walk: Sequence[int],
        span: int,
    ):
        self._read, self.shape, self._walk, self._span = read, shape, list(walk), span
        nodes = nodes[nodes["z"].isin(self._walk)]
        self._cells = np.unique(nodes.loc[nodes["final"] > 0, "final"].to_numpy())
        final = nodes["final"].to_numpy()
        code = np.where(final > 0, HELD + 1 + np.searchsorted(self._cells, final), HELD)
        tables = piece_luts(nodes.assign(code=code), self._walk, "code")
        self._tables = dict(zip(self._walk, tables, strict=True))
        self._steps = _steps(nodes, self._walk) if span else {}
        self._held: dict[int, NDArray[np.int32]] = {}

    def codes(self, z: int) -> NDArray[np.int32]:
        """FREE, HELD, or a cell's code for every pixel of a good slice (Y', X')."""
        if z not in self._held:
            near = self._walk.index(z) - 2 * self._span - 1
            self._held = {other: one for other, one in self._held.items() if self._walk.index(other) > near}
            self._held[z] = relabel(self._read(z), self._tables[z]).view(np.int32)
        return self._held[z]

    def ids(self, codes: NDArray[np.int32]) -> NDArray[np.uint32]:
        """The cells of codes; 0 for FREE and HELD."""
        return np.concatenate([[0, 0], self._cells]).astype(np.uint32)[codes]

    def bridged(self, z: int, given: NDArray[np.bool_], drawn: set[int]) -> NDArray[np.int32]:
        """The codes of slice z, where FREE pixels between two slices of one cell have its code.

        given: pixels that stay; drawn: slices beyond which nothing is looked for.
        """
        here = self.codes(z)
        below, under = self._nearest(z, -1, drawn)
        above, over = self._nearest(z, 1, drawn)
        between = (
            (here == FREE) & (below > HELD) & (below == above) & (under + over <= self._span + 1) & ~given
        )
        return np.where(_wide(between), below, here)

    def _nearest(self, z: int, way: int, drawn: set[int]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """The first code that is not FREE on one way from slice z, FREE where there is none, and how far it lies."""
        found = np.zeros(self.shape, np.int32)
        away = np.zeros(self.shape, np.uint8)
        place, moved = self._walk.index(z), np.zeros(2)
        for distance in range(1, self._span + 1):
            i = place + way * distance
            if not 0 <= i < len(self._walk):
                break
            moved = moved + way * self._steps[self._walk[i if way > 0 else i + 1]]
            codes = _moved(self.codes(self._walk[i]), -np.round(moved).astype(int))
            new = (found == FREE) & (codes != FREE)
            found[new], away[new] = codes[new], distance
            if self._walk[i] in drawn:
                break
        return found, away


def _wide(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The parts of a mask that are LEAST_WIDTH wide, if they hang together with a part that is SURE_WIDTH wide."""
    wide, sure = (
        cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((width, width), np.uint8))
        for width in (LEAST_WIDTH, SURE_WIDTH)
    )
    if not sure.any():
        return np.zeros_like(mask)
    parts, n = cc3d.connected_components(wide, connectivity=4, return_N=True)
    kept = np.zeros(n + 1, bool)
    kept[parts[sure > 0]] = True
    return kept[parts]


def _steps(nodes: pd.DataFrame, walk: Sequence[int]) -> dict[int, NDArray[np.float64]]:
    """How far each slice is shifted against the one before, y and x: the median movement of the bodies of cells."""
    bodies = nodes[nodes["body"] & (nodes["final"] > 0)].sort_values("area", kind="stable")
    bodies = bodies.drop_duplicates(["z", "final"], keep="last").set_index("final")
    places = {z: group[["y", "x"]] for z, group in bodies.groupby("z")}
    none = bodies[["y", "x"]].iloc[:0]
    steps = {walk[0]: np.zeros(2)} if walk else {}
    for before, z in zip(walk[:-1], walk[1:], strict=True):
        moved = (places.get(z, none) - places.get(before, none)).dropna().to_numpy()
        steps[z] = np.median(moved, axis=0) if len(moved) >= SURE_SHIFT else np.zeros(2)
    return steps


def _moved(codes: NDArray[np.int32], by: NDArray[np.int_]) -> NDArray[np.int32]:
    """The slice moved by whole pixels, y and x; FREE where it comes from outside."""
    if not by.any():
        return codes
    out = np.zeros_like(codes)
    parts = [
        (slice(max(d, 0), n + min(d, 0)), slice(max(-d, 0), n + min(-d, 0)))
        for d, n in zip(by, codes.shape, strict=True)
    ]
    if all(target.start < target.stop for target, _ in parts):
        out[parts[0][0], parts[1][0]] = codes[parts[0][1], parts[1][1]]
    return out
