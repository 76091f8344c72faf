"""Adds to a written volume what a run makes of its cells: pieces, carried ids, links, tables."""

from pathlib import Path

import numpy as np
import pandas as pd
from ultraseg.base.files import write_table
from ultraseg.grid.paths import VolumeFiles
from ultraseg.storage.arrays import write_slab
from ultraseg.storage.create import create_array
from ultraseg.storage.label_slices import write_slices

PROTRUSION, TRUST = 3, 155  # number of the one protrusion, and trust in all carried ids


def add_links(folder: Path, cells: np.ndarray, protrusion: np.ndarray, depth: int) -> None:
    """Pieces are the cells themselves at half the size; ``protrusion``: where the protrusion of its first cell is.

    cells: ids (Z, Y, X) with even Y and X; depth: of a slab.
    """
    files, ids = VolumeFiles(str(folder)), [int(i) for i in np.unique(cells) if i]
    small, inside = cells[:, ::2, ::2], protrusion[:, ::2, ::2]
    pieces = np.searchsorted(ids, small).astype(np.uint32) + 1
    pieces[small == 0] = 0
    pieces[inside] = len(ids) + 1
    n, plane = len(small), small.shape[1:]
    create_array(files.pieces, small.shape, (1, *plane), (depth, *plane), "uint32", "zyx")
    for start in range(0, n, depth):
        write_slab(files.pieces, start, pieces[start : start + depth])
    trust = np.where(small > 0, TRUST, 0).astype(np.uint8)
    carried = [(z, {"labels": small[z], "confidence": trust[z]}) for z in range(n)]
    write_slices(files.propagated(f"00000-{n - 1:05d}"), plane, carried)
    rows = [(z, i + 1, 0, i == 0, cell) for z in range(n) for i, cell in enumerate(ids)]
    rows += [(z, len(ids) + 1, PROTRUSION, False, ids[0]) for z in range(n)]
    columns = ["z", "piece", "protrusion", "given", "final"]
    write_table(files.link("nodes"), pd.DataFrame(rows, columns=columns))
    volumes = [float((cells == i).sum()) for i in ids]
    table = {
        "cell": ids,
        "volume_um3": volumes,
        "n_slices": n,
        "cut_by_edge": True,
        "nucleus_to_cell_ratio": np.nan,
    }
    write_table(files.table("cells"), pd.DataFrame(table))
    found = {"protrusion": [PROTRUSION], "cell": ids[:1], "strength": 0.8, "length_um": 1.5}
    write_table(files.table("protrusions"), pd.DataFrame(found))
    z, y, x = (int(axis.mean()) for axis in np.nonzero(cells == ids[0]))
    link = {
        "fragment": 1,
        "z": z,
        "y": y,
        "x": x,
        "cell": 0,
        "outcome": "unassigned_weak",
        "best_cell": ids[0],
    }
    link |= {"strength": 0.4, "runner_up_cell": 0, "runner_up": 0.0, "margin": 0.1}
    write_table(files.table("links"), pd.DataFrame([link]))
    advice = {"rank": [1.0, np.nan], "z": [n // 2, 0], "relief_um3": [0.5, 0], "disagreement_um2": [0.1, 0]}
    write_table(files.table("label_next"), pd.DataFrame(advice))
