"""Join protrusions and fragments to cells through z: each 2D piece goes to one cell, a new one or none."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ultraseg.base.ids import check_new_ids
from ultraseg.link.edges import slab_edges
from ultraseg.link.flood import Flood, flood, groups
from ultraseg.link.nodes import NOBODY, indexed_edges, initial_state, piece_luts, relabel_pieces, sorted_nodes
from ultraseg.link.tables import fragment_table, protrusion_table

__all__ = [
    "LinkResult", "decide_pieces", "link_pieces", "piece_luts", "relabel_pieces", "slab_edges", "with_tables",
]  # fmt: skip

log = logging.getLogger(__name__)
TOLERANCE = 1e-9


@dataclass(frozen=True)
class LinkResult:
    """Outcome of linking.

    nodes: the given pieces, sorted by z, piece, with final (cell id, 0 = none), outcome, fragment, protrusion
    (0 = none), best_cell, strength, runner_up_cell, runner_up, margin. links: one row per fragment, see
    `link_tables.fragment_table`. protrusions: one row per protrusion, see `link_tables.protrusion_table`.
    """

    nodes: pd.DataFrame
    links: pd.DataFrame
    protrusions: pd.DataFrame


def link_pieces(
    nodes: pd.DataFrame, edges: pd.DataFrame, *, min_protrusion_slices: int = 3, **settings
) -> LinkResult:
    """Join every piece to at most one cell, as `decide_pieces` does, and list fragments and protrusions."""
    return with_tables(*decide_pieces(nodes, edges, **settings), min_protrusion_slices)


def decide_pieces(
    nodes: pd.DataFrame,
    edges: pd.DataFrame,
    *,
    min_strength: float = 0.2,
    min_margin: float = 0.1,
    containment_weight: float = 0.6,
    carried_weight: float = 1.0,
    gap_penalty: float = 0.8,
    min_confidence: float = 0.25,
    min_body_iou: float = 0.4,
    min_cell_slices: int = 5,
    min_cell_voxels: int = 5000,
    max_user_id: int = 0,
) -> tuple[pd.DataFrame, tuple[np.ndarray, np.ndarray]]:
    """Join every piece to at most one cell along its strongest path, or leave it unassigned.

    nodes: columns z, piece, area, y, x, cell (carried id or 0), confidence (0..1), body, given; edges: as
    from `slab_edges`, of all slabs, in any order (an edge that two slabs report counts once). The affinity of
    an edge is its IoU or, unless both pieces are bodies, containment_weight * containment**2 (a tip that
    several neighbours cover counts little), whichever is higher, times gap_penalty per bridged slice. Pieces
    of labelled slices (given) and bodies with an id of at least `min_confidence` are their cell's terminals.
    Any other carried id is evidence of strength carried_weight * confidence. No path leads through a
    terminal, so cells are never merged.

    First bodies without id: they join a cell through bodies whose IoU reaches `min_body_iou`; those left that
    persist over `min_cell_slices` slices and `min_cell_voxels` voxels become new cells, numbered above
    `max_user_id` and all carried ids. Then all other pieces: assigned when strength >= min_strength and
    strength - runner-up >= min_margin. What reaches no cell but persists as above becomes a new cell as well.
    Pieces of labelled slices without a cell are what the user left out. It competes like a cell for pieces without a
    carried id, which then stay without one.
    Pieces of an optional column ``fixed`` are terminals of their cell too: the user said so. Returns the nodes with
    their decisions, and the rows of the pieces that strong edges join. Raises ValueError when an edge names an unknown
    piece or columns are missing.
    """
    nodes = sorted_nodes(nodes)
    a, b, rows = indexed_edges(nodes, edges)
    state = initial_state(nodes, min_confidence)
    next_id = max(max_user_id, int(nodes["cell"].max()) if len(nodes) else 0) + 1
    penalty = gap_penalty ** (edges["gap"].to_numpy()[rows].astype(float) - 1)
    iou = edges["iou"].to_numpy()[rows] * penalty
    affinity = containment_weight * edges["containment"].to_numpy()[rows] ** 2 * penalty
    del rows, penalty, edges
    np.maximum(affinity, iou, out=affinity)
    body = nodes["body"].to_numpy()
    np.copyto(affinity, iou, where=body[a] & body[b])
    evidence = carried_weight * nodes["confidence"].to_numpy()
    _leave_out(nodes, state, (a, b, affinity), evidence, min_strength, min_margin)
    usable = ~(state["blocked"][a] | state["blocked"][b])
    a, b = a[usable], b[usable]  # one after the other, as each is as long as the table of edges
    iou = iou[usable]
    affinity = affinity[usable]

    next_id = _settle_bodies(
        nodes,
        state,
        (a, b, iou),
        evidence,
        (min_body_iou, min_margin, min_cell_slices, min_cell_voxels),
        next_id,
    )
    rest = np.flatnonzero((state["outcome"] == "") & ~state["blocked"])
    result = _flood_rest(nodes, state, rest, (a, b, affinity), evidence)
    _accept(state, rest, result, min_strength, min_margin)
    weak = rest[state["outcome"][rest] == "unassigned_weak"]
    strong = affinity >= min_strength
    _new_cells(nodes, state, weak, (a[strong], b[strong]), min_cell_slices, min_cell_voxels, next_id)
    names = ("final", "outcome", "best_cell", "strength", "runner_up_cell", "runner_up")
    nodes = nodes.assign(**{name: state[name] for name in names})
    nodes["outcome"] = nodes["outcome"].astype(str)
    nodes["margin"] = nodes["strength"] - nodes["runner_up"]
    return nodes, (a[strong], b[strong])


def _leave_out(
    nodes: pd.DataFrame,
    state: dict,
    edges: tuple,
    evidence: np.ndarray,
    min_strength: float,
    min_margin: float,
) -> None:
    """Leave pieces to nobody that lead to what the user left out on a labelled slice, more than to any cell.

    Only pieces without a carried id that are no bodies: a carried id is the user's own word for another slice.
    """
    a, b, affinity = edges
    blocked, cell = state["blocked"], nodes["cell"].to_numpy()
    rest = np.flatnonzero((cell == 0) & ~nodes["body"].to_numpy() & ~blocked)
    owner = np.where(blocked, NOBODY, np.where(state["final"] > 0, state["final"], cell))
    belief = np.where(blocked | (state["final"] > 0), 1.0, evidence)
    local = np.full(len(nodes), -1)
    local[rest] = np.arange(len(rest))
    inner = (local[a] >= 0) & (local[b] >= 0)
    seeds = []
    for here, there in ((a, b), (b, a)):
        chosen = (local[here] >= 0) & (owner[there] > 0)
        strength = np.minimum(affinity[chosen], belief[there[chosen]])
        seeds.append((local[here[chosen]], owner[there[chosen]], strength))
    seeds = tuple(np.concatenate(column) for column in zip(*seeds, strict=True))
    result = flood(len(rest), (local[a[inner]], local[b[inner]], affinity[inner]), seeds)
    left_out = (result.cell == NOBODY) & (result.strength >= min_strength - TOLERANCE)
    left_out &= result.strength - result.runner >= min_margin - TOLERANCE
    rows = rest[left_out]
    state["outcome"][rows], state["blocked"][rows] = "unassigned_left_out", True
    for name, values in (
        ("strength", result.strength),
        ("runner_up_cell", result.runner_cell),
        ("runner_up", result.runner),
    ):
        state[name][rows] = values[left_out]


def _flood_rest(
    nodes: pd.DataFrame, state: dict, rest: np.ndarray, edges: tuple, evidence: np.ndarray
) -> Flood:
    """Flood the pieces `rest` (rows) from the settled pieces around them and from their carried ids."""
    a, b, affinity = edges
    local = np.full(len(nodes), -1)
    local[rest] = np.arange(len(rest))
    inner = (local[a] >= 0) & (local[b] >= 0)
    seeds = [(local[rest], nodes["cell"].to_numpy()[rest], evidence[rest])]
    for here, there in ((a, b), (b, a)):
        chosen = (local[here] >= 0) & (state["final"][there] > 0)
        seeds.append((local[here[chosen]], state["final"][there[chosen]], affinity[chosen]))
    node, cell, strength = (np.concatenate(column) for column in zip(*seeds, strict=True))
    known = cell > 0
    inner_edges = (local[a[inner]], local[b[inner]], affinity[inner])
    return flood(len(rest), inner_edges, (node[known], cell[known], strength[known]))


def _accept(
    state: dict,
    rows: np.ndarray,
    result: Flood,
    min_strength: float,
    min_margin: float,
    *,
    final: bool = True,
) -> None:
    """Assign the pieces that are strong and clear enough; `final` writes why the others are not."""
    strong = (result.cell > 0) & (result.strength >= min_strength - TOLERANCE)
    clear = result.strength - result.runner >= min_margin - TOLERANCE
    outcome = np.where(strong, np.where(clear, "assigned", "unassigned_ambiguous"), "unassigned_weak")
    chosen = np.ones(len(rows), bool) if final else strong & clear
    rows = rows[chosen]
    state["outcome"][rows] = outcome[chosen]
    state["final"][rows] = np.where(strong & clear, result.cell, 0)[chosen]
    for name, values in (
        ("best_cell", result.cell),
        ("strength", result.strength),
        ("runner_up_cell", result.runner_cell),
        ("runner_up", result.runner),
    ):
        state[name][rows] = values[chosen]


def _settle_bodies(
    nodes: pd.DataFrame, state: dict, edges: tuple, evidence: np.ndarray, limits: tuple, next_id: int
) -> int:
    """Bodies without a sure id: join them to a cell by IoU alone or make new cells of them; next free id.

    They come before the fragments because a new cell must be a terminal before a fragment could connect it to
    a neighbour.
    """
    min_body_iou, min_margin, min_slices, min_voxels = limits
    is_body = nodes["body"].to_numpy()
    a, b, iou = edges
    rest = np.flatnonzero(is_body & (state["outcome"] == ""))
    keep = is_body[a] & is_body[b]
    result = _flood_rest(nodes, state, rest, (a[keep], b[keep], iou[keep]), evidence)
    _accept(state, rest, result, min_body_iou, min_margin, final=False)
    strong = keep & (iou >= min_body_iou)
    lonely = rest[(result.strength < min_body_iou) & (state["outcome"][rest] == "")]
    return _new_cells(nodes, state, lonely, (a[strong], b[strong]), min_slices, min_voxels, next_id)


def _new_cells(
    nodes: pd.DataFrame,
    state: dict,
    rows: np.ndarray,
    edges: tuple,
    min_slices: int,
    min_voxels: int,
    next_id: int,
) -> int:
    """Give ids from `next_id` on to connected groups of the pieces `rows` that persist; next free id."""
    if not len(rows):
        return next_id
    local = np.full(len(nodes), -1)
    local[rows] = np.arange(len(rows))
    a, b = local[edges[0]], local[edges[1]]
    inner = (a >= 0) & (b >= 0)
    group = groups(len(rows), a[inner], b[inner])
    z, area = nodes["z"].to_numpy()[rows], nodes["area"].to_numpy()[rows]
    table = pd.DataFrame({"group": group, "z": z, "area": area}).groupby("group")
    persists = ((table["z"].nunique() >= min_slices) & (table["area"].sum() >= min_voxels)).to_numpy()
    ids = np.where(persists, next_id + np.cumsum(persists) - 1, 0)
    new = rows[persists[group]]
    state["final"][new] = ids[group[persists[group]]]
    state["outcome"][new] = "new_cell"
    return next_id + int(persists.sum())


def with_tables(
    nodes: pd.DataFrame, strong_edges: tuple[np.ndarray, np.ndarray], min_protrusion_slices: int = 3
) -> LinkResult:
    """The decisions of `decide_pieces` with the tables of fragments and protrusions."""
    check_new_ids(int(nodes["final"].max()) if len(nodes) else 0)
    nodes["fragment"], links = fragment_table(nodes, *strong_edges)
    nodes["protrusion"], protrusions = protrusion_table(
        nodes, *strong_edges, min_slices=min_protrusion_slices
    )
    log.info("linked %d pieces: %s", len(nodes), nodes["outcome"].value_counts().to_dict())
    return LinkResult(nodes, links, protrusions)
