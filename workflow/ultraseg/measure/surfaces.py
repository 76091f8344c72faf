"""Surface and contact areas of labels from counts of unlike neighbouring voxels in 13 directions.

The counts add up over slabs; areas follow from them by Crofton's formula, with the share of the sphere nearest
to each direction as its weight (as in J. Ohser and F. Muecklich, Statistical Analysis of Microstructures in
Materials Science, Wiley 2000, here for voxels of any shape).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.spatial import SphericalVoronoi

from ultraseg.base.tables import empty_table

# Every second of the 26 neighbours (dz, dy, dx): the others are their opposites.
DIRECTIONS = [(0, 0, 1), (0, 1, -1), (0, 1, 0), (0, 1, 1)]
DIRECTIONS += [(1, dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
COUNTS = [f"unlike_{d}" for d in range(len(DIRECTIONS))]
# The columns that count faces of voxels.
FACES = {"z": COUNTS[DIRECTIONS.index((1, 0, 0))], "y": COUNTS[2], "x": COUNTS[0]}
CONTACT_COLUMNS = ["structure", "id", "other", *COUNTS]
CONTACT_TYPES = dict.fromkeys(CONTACT_COLUMNS, "int64") | {"structure": "str"}


def slice_contacts(one: np.ndarray, after: np.ndarray | None, between: bool = False) -> pd.DataFrame:
    """Unlike neighbours within a slice of labels, and between it and the next slice.

    one, after: integers (Y, X), 0 = background; ``after`` is None behind the last slice of the volume. With
    ``between`` every pair of labels counts apart, else all that a label is not counts together. Returns id, other
    (the larger label of the pair or 0) and one column of counts per direction; pairs of labels occur once with
    id < other, and once per label with other = 0 where it meets background (without ``between``: anything else).
    """
    parts = []
    for number, (dz, dy, dx) in enumerate(DIRECTIONS):
        neighbour = after if dz else one
        if neighbour is None:
            continue
        a = one[max(0, -dy) : one.shape[0] - max(0, dy), max(0, -dx) : one.shape[1] - max(0, dx)]
        b = neighbour[max(0, dy) : one.shape[0] - max(0, -dy), max(0, dx) : one.shape[1] - max(0, -dx)]
        unlike = a != b
        keys, counts = (_pairs if between else _labels)(a[unlike], b[unlike])
        parts.append((number, keys, counts))
    pairs = np.unique(np.concatenate([keys for _, keys, _ in parts]))
    table = np.zeros((len(pairs), len(DIRECTIONS)), np.int64)
    for number, keys, counts in parts:
        table[np.searchsorted(pairs, keys), number] = counts
    low, high = (pairs >> np.uint64(32)).astype(np.int64), (pairs & np.uint64(2**32 - 1)).astype(np.int64)
    # Background is always the other, never the object itself.
    found = pd.DataFrame(table, columns=COUNTS)
    found.insert(0, "id", np.where(low == 0, high, low))
    found.insert(1, "other", np.where(low == 0, 0, high))
    return found


def _pairs(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unordered pairs of unlike labels, the lower one in the upper half of the key, and how often each occurs."""
    low, high = np.minimum(a, b).astype(np.uint64), np.maximum(a, b).astype(np.uint64)
    return np.unique(low << np.uint64(32) | high, return_counts=True)


def _labels(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels on either side, as pairs with background, and how often each occurs."""
    largest = int(max(a.max(initial=0), b.max(initial=0)))
    if largest > 2**24:
        ids, counts = np.unique(np.concatenate([a, b]), return_counts=True)
    else:  # numbered from 1, as organelles are: counting is quicker than sorting
        tally = np.bincount(a, minlength=largest + 1) + np.bincount(b, minlength=largest + 1)
        ids, counts = np.flatnonzero(tally), tally[tally > 0]
    return ids[ids > 0].astype(np.uint64), counts[ids > 0]


def add_contacts(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Add up tables of contacts; sorted by structure, id, other."""
    table = pd.concat([empty_table(CONTACT_TYPES), *tables], ignore_index=True)
    return table.groupby(CONTACT_COLUMNS[:3], as_index=False)[COUNTS].sum()


def direction_areas(voxel_size: Sequence[float]) -> np.ndarray:
    """Area that one unlike pair stands for in each direction; ``voxel_size`` z, y, x, area in its unit squared."""
    steps = np.array(DIRECTIONS) * np.asarray(voxel_size, float)
    lengths = np.linalg.norm(steps, axis=1)
    unit = steps / lengths[:, None]
    shares = SphericalVoronoi(np.concatenate([unit, -unit])).calculate_areas().reshape(2, -1).sum(0) / (
        4 * np.pi
    )
    # Lines along a step lie (voxel volume / length of the step) apart; a surface crosses them with half its area on
    # average over all directions.
    return 2 * shares * np.prod(voxel_size) / lengths


def surfaces(contacts: pd.DataFrame, voxel_size: Sequence[float]) -> pd.DataFrame:
    """Surface of every label: indexed by structure and id, columns ``surface`` and ``faces``, areas.

    ``faces`` is the area of the voxel faces, ``surface`` the smooth estimate. The border of the volume counts in
    neither.
    """
    ends = contacts[contacts["other"] > 0].assign(id=lambda table: table["other"])
    sides = pd.concat([contacts, ends]).groupby(["structure", "id"])[COUNTS].sum()
    return pd.DataFrame({"surface": _areas(sides, voxel_size), "faces": _face_areas(sides, voxel_size)})


def contact_areas(contacts: pd.DataFrame, structure: str, voxel_size: Sequence[float]) -> pd.DataFrame:
    """Pairs of touching labels of a structure: ``id`` < ``other``, ``area`` and ``faces`` as in ``surfaces``."""
    pairs = contacts[(contacts["structure"] == structure) & (contacts["other"] > 0)]
    # Voxels that meet at an edge or a corner alone do not touch.
    pairs = pairs[pairs[list(FACES.values())].sum(axis=1) > 0]
    areas = {"area": _areas(pairs, voxel_size), "faces": _face_areas(pairs, voxel_size)}
    found = pairs[["id", "other"]].assign(**areas)
    return found.reset_index(drop=True)


def _areas(counts: pd.DataFrame, voxel_size: Sequence[float]) -> np.ndarray:
    return counts[COUNTS].to_numpy() @ direction_areas(voxel_size)


def _face_areas(counts: pd.DataFrame, voxel_size: Sequence[float]) -> pd.Series:
    z, y, x = voxel_size
    return counts[FACES["z"]] * (y * x) + counts[FACES["y"]] * (z * x) + counts[FACES["x"]] * (z * y)
