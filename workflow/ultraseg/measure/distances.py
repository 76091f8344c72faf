"""How far organelles lie from the nucleus and the membrane of their cell, on a coarse copy of the labels."""

from __future__ import annotations

from collections.abc import Sequence

import fastremap
import numpy as np
import pandas as pd
from scipy import ndimage

COLUMNS = ["nucleus_distance_um", "membrane_distance_um"]
PLACE = ["centroid_z_um", "centroid_y_um", "centroid_x_um"]


def organelle_distances(
    organelles: pd.DataFrame,
    cells: np.ndarray | None,
    nuclei: np.ndarray | None,
    spacing_um: Sequence[float],
    nucleus: str | None = None,
) -> pd.DataFrame:
    """Distances of the centroids of organelles: ``nucleus_distance_um`` and ``membrane_distance_um``.

    organelles: table with structure, id, cell and centroids in um; cells, nuclei: labels (Z, Y, X) on one grid of
    voxels of ``spacing_um``, whose corner is the volume's; nucleus: name of that structure. Measured to the nearest
    voxel of any nucleus of the organelle's own cell, 0 inside one, and to the nearest voxel that is not of its cell,
    so right to about one voxel of the grid; the border of the volume is no membrane. NaN where an organelle is in no
    cell, its cell has no nucleus, or the cell fills the volume. Index as in ``organelles``.
    """
    found = pd.DataFrame(np.nan, index=organelles.index, columns=COLUMNS)
    if cells is None:
        return found
    spacing = np.asarray(spacing_um, float)
    # Users' ids may be anywhere below 2**32; find_objects makes a list as long as the highest.
    cells, numbers = fastremap.renumber(cells, preserve_zero=True)
    boxes = ndimage.find_objects(cells)
    is_nucleus = organelles["structure"] == nucleus
    for cell, rows in organelles[organelles["cell"] > 0].groupby("cell"):
        number = numbers.get(cell)
        if number is None:  # too small to be seen on this grid
            continue
        # One voxel more on each side, as far as the volume goes: what lies there is outside of the cell.
        box = tuple(
            slice(max(s.start - 1, 0), min(s.stop + 1, n))
            for s, n in zip(boxes[number - 1], cells.shape, strict=True)
        )
        last = [s.stop - s.start - 1 for s in box]
        places = np.floor(rows[PLACE].to_numpy() / spacing).astype(int) - [s.start for s in box]
        places = tuple(np.clip(places, 0, last).T)
        inside = cells[box] == number
        found.loc[rows.index, COLUMNS[1]] = _distance(inside, spacing)[places]
        own = organelles.loc[is_nucleus & (organelles["cell"] == cell), "id"]
        if nuclei is not None and len(own):
            outside = ~np.isin(nuclei[box], own.to_numpy())
            found.loc[rows.index, COLUMNS[0]] = _distance(outside, spacing)[places]
    return found


def _distance(inside: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Distance of every voxel of ``inside`` to the nearest one that is not; NaN where there is none."""
    if inside.all():
        return np.full(inside.shape, np.nan)
    return ndimage.distance_transform_edt(inside, sampling=spacing)
