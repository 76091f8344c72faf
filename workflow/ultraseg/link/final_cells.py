"""The final cells of one slab: linked pieces at the size of the image, and what the user drew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.arrays.scale import upsample_labels
from ultraseg.link.apply_edits import edited_ids
from ultraseg.link.nodes import piece_luts, relabel_pieces
from ultraseg.storage.label_slices import LabelSlices


def final_cells(
    pieces: NDArray[Any],
    nodes: pd.DataFrame,
    zs: Sequence[int],
    stand_ins: Sequence[int],
    *,
    plane: tuple[int, int],
    downsample: int,
    drawn: Sequence[str],
    ids: pd.DataFrame,
) -> NDArray[np.uint32]:
    """Final cells of the slices of a slab; uint32 (n, Y, X).

    pieces: (len(zs), Y', X') of the good slices ``zs``; nodes: their rows of the table of pieces; stand_ins: for each
    slice of the slab the good slice whose cells it shows; plane: (Y, X) of the image; drawn: files with the user's
    labels, which are final but for the ids that edits change (``ids``).
    """
    cells = np.empty((len(zs), *plane), np.uint32)
    for one, large in zip(relabel_pieces(pieces, piece_luts(nodes, zs)), cells, strict=True):
        large[:] = upsample_labels(one, downsample, plane)
    for file in drawn:
        with LabelSlices(file) as given:
            for z in set(given.zs) & set(zs):
                known, i = given.known(z), list(zs).index(z)
                own = edited_ids(given.read(z), z, ids)
                cells[i] = own if known is None else np.where(known, own, cells[i])
    if list(stand_ins) == list(zs):
        return cells
    place = {z: i for i, z in enumerate(zs)}
    return cells[[place[z] for z in stand_ins]]
