"""The table of 2D pieces that linking works on: checks, first state, and lookup tables for relabelling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ultraseg.labels3d import relabel
from ultraseg.link_edges import EDGE_KEY, EDGE_TYPES

NOBODY = 2**62  # stands for a cell where the user left out what is there: above all ids
NODE_COLUMNS = ["z", "piece", "area", "y", "x", "cell", "confidence", "body", "given"]


def sorted_nodes(nodes: pd.DataFrame) -> pd.DataFrame:
    """Nodes in order of z and piece, with the types that linking counts on."""
    missing = [name for name in NODE_COLUMNS if name not in nodes]
    if missing:
        raise ValueError(f"the table of pieces lacks {', '.join(missing)}")
    types = {"z": "int64", "piece": "int64", "area": "int64", "cell": "int64", "body": bool, "given": bool}
    nodes = nodes.astype(types).sort_values(["z", "piece"], ignore_index=True)
    if nodes.duplicated(["z", "piece"]).any():
        raise ValueError("the table of pieces names a piece twice")
    return nodes


def indexed_edges(nodes: pd.DataFrame, edges: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Row of both pieces of every edge in `nodes`, and the edges in a fixed order without repeats."""
    edges = edges.astype(EDGE_TYPES).drop_duplicates(EDGE_KEY).sort_values(EDGE_KEY, ignore_index=True)
    index = pd.MultiIndex.from_frame(nodes[["z", "piece"]])
    a = index.get_indexer(pd.MultiIndex.from_frame(edges[["z", "piece_a"]]))
    b = index.get_indexer(pd.MultiIndex.from_frame(edges[["z_b", "piece_b"]]))
    unknown = np.flatnonzero((a < 0) | (b < 0))
    if len(unknown):
        raise ValueError(
            f"{len(unknown)} edges name unknown pieces, first {edges.iloc[unknown[0]].to_dict()}"
        )
    return a, b, edges


def initial_state(nodes: pd.DataFrame, min_confidence: float) -> dict[str, np.ndarray]:
    """Working arrays per piece; terminals have their outcome and final id from the start."""
    cell, given = nodes["cell"].to_numpy(), nodes["given"].to_numpy()
    trusted = nodes["body"].to_numpy() & (nodes["confidence"].to_numpy() >= min_confidence)
    # What the user gave to a cell is its own, like what the user drew.
    fixed = nodes["fixed"].to_numpy() if "fixed" in nodes else np.zeros(len(nodes), bool)
    terminal = (cell > 0) & (given | trusted | fixed)
    blocked = given & (cell == 0)  # the user says: no cell here
    outcome = np.full(len(nodes), "", object)
    outcome[terminal & ~given], outcome[terminal & given], outcome[blocked] = "body", "given", "background"
    outcome[fixed & terminal] = "corrected"
    empty = np.zeros(len(nodes), np.int64)
    return {
        "outcome": outcome,
        "blocked": blocked,
        "final": np.where(terminal, cell, 0),
        "best_cell": np.where(terminal, cell, 0),
        "strength": terminal.astype(float),
        "runner_up_cell": empty.copy(),
        "runner_up": empty.astype(float),
    }


def piece_luts(nodes: pd.DataFrame, zs: Sequence[int], column: str = "final") -> list[np.ndarray]:
    """Lookup tables piece -> id for the slices ``zs``, from the node table of `link_pieces`.

    column: `final` for cells, `protrusion` or `fragment` for those. Returns uint32 arrays, entry 0 = 0.
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
