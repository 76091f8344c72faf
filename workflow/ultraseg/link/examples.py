"""Examples of what linking decided: which fragments to show, and a small part of the volume around each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd

from ultraseg.grid.good_slices import GoodSlices
from ultraseg.grid.paths import VolumeFiles
from ultraseg.storage.arrays import read_image, read_slices

EACH = 4  # examples per kind
SLICES = 5  # per example, the middle one with the piece that was least clear
SIDES = (48, 320)  # smallest and largest width of an example, in pixels of the image
CONTEXT = 3.0  # width of an example, as a multiple of that of its piece

KINDS = {
    "assigned": "Joined to a cell",
    "bridged": "Joined to a cell across a bad slice",
    "ambiguous": "Left alone: two cells claim it about equally",
    "weak": "Left alone: its path to a cell is too weak",
    "orphan": "Left alone: no path to any cell",
    "left_out": "Left alone: it leads to what a labelled slice shows as no cell",
    "new_cell": "Made into a new cell",
    "corrected": "Given to a cell by your edit",
    "forbidden": "Kept from a cell by your edit",
}


@dataclass(frozen=True)
class Example:
    """A fragment (its row of the link table) with crops around its least clear piece, all (SLICES, Y, X).

    images: uint8; cells: ids; own: where the fragment is; bad: which of the slices ``zs`` are stepped over.
    """

    kind: str
    row: Mapping[Any, Any]
    zs: list[int]
    bad: list[bool]
    images: np.ndarray
    cells: np.ndarray
    own: np.ndarray


def choose_examples(
    links: pd.DataFrame, bad: Iterable[int] = (), each: int = EACH
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Rows of the link table to show, up to ``each`` per kind, with a column ``kind``, and fragments per kind.

    The fragments of a kind are divided in order of z, y, x; each part gives the one at the upper quartile of
    piece size, because the smallest are hard to see and the largest are not typical. bad: slices that are stepped over.
    """
    crossed = np.zeros(len(links), int)
    for z in bad:
        crossed += ((links["z_first"] < z) & (z < links["z_last"])).to_numpy()
    outcome, reached = links["outcome"], links["best_cell"] > 0
    members = {
        "assigned": (outcome == "assigned") & (crossed == 0),
        "bridged": (outcome == "assigned") & (crossed > 0),
        "ambiguous": outcome == "unassigned_ambiguous",
        "weak": (outcome == "unassigned_weak") & reached,
        "orphan": (outcome == "unassigned_weak") & ~reached,
        "left_out": outcome == "unassigned_left_out",
        "new_cell": outcome == "new_cell",
        "corrected": outcome == "corrected",
        "forbidden": outcome == "forbidden",
    }
    chosen = [_spread(links[members[kind]], each).assign(kind=kind) for kind in KINDS]
    return pd.concat(chosen, ignore_index=True), {kind: int(members[kind].sum()) for kind in KINDS}


def _spread(rows: pd.DataFrame, each: int) -> pd.DataFrame:
    size = rows["voxels"] / rows["pieces"].clip(lower=1)
    rows = rows.assign(size=size).sort_values(["z", "y", "x", "fragment"], kind="stable")
    taken = []
    for part in np.array_split(np.arange(len(rows)), min(each, len(rows)) or 1):
        ordered = rows.iloc[part].sort_values("size", kind="stable")
        taken.append(ordered.iloc[round(0.75 * (len(part) - 1)) :][:1])
    return pd.concat(taken).drop(columns="size")


def read_example(
    folder: str,
    cells: str,
    row: Mapping[Any, Any],
    nodes: pd.DataFrame,
    shape: Sequence[int],
    downsample: int,
    good_slices: GoodSlices,
) -> Example:
    """Cut out the surroundings of a fragment: a row of `choose_examples`, and the pieces of linking with its number.

    Memory: one chunk of the image and of each label array at a time, whatever the size of the volume.
    """
    files = VolumeFiles(folder)
    nodes = nodes[nodes["fragment"] == row["fragment"]]
    worst = nodes.sort_values(["margin", "strength", "area"], ascending=[True, True, False], kind="stable")
    middle = worst.iloc[0]
    z = int(middle["z"])
    if row["kind"] == "bridged":
        z = next(b for b in good_slices.bad if row["z_first"] < b < row["z_last"])
        middle = nodes.iloc[(nodes["z"] - z).abs().argsort(kind="stable").iloc[0]]
    start = min(max(z - SLICES // 2, 0), max(shape[0] - SLICES, 0))
    zs = list(range(start, min(start + SLICES, shape[0])))
    width = CONTEXT * downsample * float(np.sqrt(middle["area"]))
    box = [
        _window((middle[axis] + 0.5) * downsample, np.clip(width, *SIDES), extent)
        for axis, extent in zip("yx", shape[1:], strict=True)
    ]
    small = tuple(slice(side.start // downsample, -(-side.stop // downsample)) for side in box)
    images, ids, own = [], [], []
    for at in zs:
        good = good_slices.stand_in(at)
        images.append(read_image(files.image_level(), at, at + 1, tuple(box))[0])
        ids.append(read_slices(files.labels_level(cells), at, at + 1, tuple(box))[0])
        pieces = read_slices(files.pieces, good, good + 1, small)[0]
        mask = np.isin(pieces, nodes.loc[nodes["z"] == good, "piece"].to_numpy()).astype(np.uint8)
        large = np.kron(mask, np.ones((downsample, downsample), np.uint8))
        corner = [side.start - part.start * downsample for side, part in zip(box, small, strict=True)]
        height, breadth = images[-1].shape
        own.append(_smooth(large, downsample)[corner[0] :, corner[1] :][:height, :breadth])
    bad = [at in set(good_slices.bad) for at in zs]
    return Example(row["kind"], row, zs, bad, np.stack(images), np.stack(ids), np.stack(own))


def _window(centre: float, width: float, extent: int) -> slice:
    """Whole pixels around a centre, within the slice."""
    size = min(int(round(width)), extent)
    start = min(max(int(round(centre - size / 2)), 0), extent - size)
    return slice(start, start + size)


def _smooth(mask: np.ndarray, downsample: int) -> np.ndarray:
    """A mask enlarged from a smaller scale, without its steps; bool."""
    if downsample == 1:
        return mask > 0
    return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), downsample / 2) >= 0.5
