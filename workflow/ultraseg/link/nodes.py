"""The table of 2D pieces that linking works on: checks, order, and lookup tables for relabelling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ultraseg.arrays.labels import relabel
from ultraseg.base.files import read_table

# A volume has several edges per piece, so the columns of edges take the smallest types.
READ = {
    "z": "int32",
    "piece_a": "int32",
    "gap": "int8",
    "z_b": "int32",
    "piece_b": "int32",
    "iou": "float64",
    "containment": "float64",
}
NOBODY = 2**62  # in place of a cell, where the user left a piece out; above all ids
NODE_COLUMNS = ["z", "piece", "area", "y", "x", "cell", "confidence", "body", "given"]


def sorted_nodes(nodes: pd.DataFrame) -> pd.DataFrame:
    """Nodes in order of z and piece, with the types that linking counts on."""
    missing = [name for name in NODE_COLUMNS if name not in nodes]
    if missing:
        raise ValueError(f"the table of pieces lacks {', '.join(missing)}")
    types = {"z": "int64", "piece": "int64", "area": "int64", "cell": "int64", "body": bool, "given": bool}
    nodes = nodes.astype(types).sort_values(["z", "piece"], ignore_index=True)
    if (np.diff(_key(nodes["z"], nodes["piece"])) == 0).any():
        raise ValueError("the table of pieces names a piece twice")
    return nodes


def indexed_edges(nodes: pd.DataFrame, edges: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows in `nodes` of both pieces of every edge, and its row in `edges`, in a fixed order without repeats.

    nodes: as from `sorted_nodes`. The search is in sorted numbers, because an index of pandas takes several times the
    memory of the tables, and no job of a large volume holds more than this one. Raises ValueError when an edge names an
    unknown piece.
    """
    known = _key(nodes["z"], nodes["piece"])
    ends = []
    for z, piece in (("z", "piece_a"), ("z_b", "piece_b")):
        wanted = _key(edges[z], edges[piece])
        row = np.searchsorted(known, wanted)
        found = np.append(known, -1)[row] == wanted
        if not found.all():
            first = edges.iloc[int(np.argmin(found))].to_dict()
            raise ValueError(f"{np.count_nonzero(~found)} edges name unknown pieces, first {first}")
        ends.append(row)
    # Pieces are in order of z and number, so this is the order of slices and pieces.
    pair, rows = np.unique(ends[0] * max(len(nodes), 1) + ends[1], return_index=True)
    small = np.int32 if len(nodes) < 2**31 else np.int64
    return *(end[rows].astype(small) for end in ends), rows


def read_tables(nodes: Sequence[str], edges: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One table of the pieces and one of the edges of all slabs; of edges only the columns that linking reads."""
    return (
        pd.concat([read_table(file) for file in nodes], ignore_index=True),
        pd.concat([read_edges(file) for file in edges], ignore_index=True),
    )


def read_edges(file: str) -> pd.DataFrame:
    """The edges of a slab, only the columns that linking reads."""
    return read_table(file, columns=list(READ)).astype(READ)


def _key(z: pd.Series, piece: pd.Series) -> np.ndarray:
    """One number for slice and piece, in the order of both."""
    return (z.to_numpy().astype(np.int64) << 32) | piece.to_numpy().astype(np.int64)


def own_size(nodes: pd.DataFrame) -> np.ndarray:
    """Area of each piece, measured by the body of its cell (n,); of pieces without an id, by the usual body.

    The body of a cell is its largest piece in a slice, the median over slices; the usual one is the mean over pixels.
    Without any cell, all sizes are 1.
    """
    return size_by_bodies(nodes, largest_areas(nodes).groupby("cell").median())


def largest_areas(nodes: pd.DataFrame) -> pd.Series:
    """Area of the largest piece of each cell in each slice, by cell and z."""
    return nodes.loc[nodes["cell"] > 0, ["cell", "z", "area"]].groupby(["cell", "z"])["area"].max()


def size_by_bodies(nodes: pd.DataFrame, bodies: pd.Series) -> np.ndarray:
    """Area of each piece, measured as in `own_size`; bodies: area of the body of each cell of the whole volume."""
    cell, area = nodes["cell"].to_numpy(), nodes["area"].to_numpy(float)
    if not len(bodies):
        return np.ones(len(nodes))
    usual = float((bodies**2).sum() / bodies.sum())  # cells of which only protrusions show count little
    body = np.where(cell > 0, bodies.reindex(cell).to_numpy(float), usual)
    return area / np.nan_to_num(body, nan=usual)


def piece_luts(nodes: pd.DataFrame, zs: Sequence[int], column: str = "final") -> list[np.ndarray]:
    """Lookup tables piece -> id for the slices ``zs``, from the node table of `link_pieces`.

    column: `final` for cells, or another column of whole numbers. Returns uint32 arrays, entry 0 = 0.
    """
    nodes = nodes[nodes["z"].isin(list(zs))]
    luts = []
    for z in zs:
        here = nodes[nodes["z"] == z]
        lut = np.zeros(int(here["piece"].max()) + 1 if len(here) else 1, np.uint32)
        lut[here["piece"].to_numpy()] = here[column].to_numpy()
        luts.append(lut)
    return luts


def relabel_pieces(pieces: np.ndarray, luts: Sequence[np.ndarray]) -> np.ndarray:
    """Replace piece numbers by ids, slice by slice: pieces (n, Y, X), one table per slice; uint32 (n, Y, X).

    Raises ValueError when a piece is beyond its slice's table.
    """
    if len(pieces) != len(luts):
        raise ValueError(f"{len(pieces)} slices but {len(luts)} tables")
    out = np.empty(pieces.shape, np.uint32)
    for one, lut, target in zip(pieces, luts, out, strict=True):
        target[:] = relabel(one, lut)
    return out
