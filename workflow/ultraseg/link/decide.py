"""Join protrusions and fragments to cells through z: each 2D piece goes to one cell, a new one or none."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ultraseg.base.ids import check_new_ids
from ultraseg.link.decisions import Decisions
from ultraseg.link.flood import Flood, flood, groups
from ultraseg.link.nodes import NOBODY, indexed_edges, sorted_nodes
from ultraseg.link.tables import fragment_table, protrusion_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LinkResult:
    """Outcome of linking.

    nodes: the given pieces, sorted by z, piece, with final (cell id, 0 = none), outcome, fragment, protrusion
    (0 = none), best_cell, strength, runner_up_cell, runner_up, margin. links: one row per fragment, see
    `tables.fragment_table`. protrusions: one row per protrusion, see `tables.protrusion_table`.
    """

    nodes: pd.DataFrame
    links: pd.DataFrame
    protrusions: pd.DataFrame


def link_pieces(
    nodes: pd.DataFrame, edges: pd.DataFrame, *, min_protrusion_slices: int = 3, **settings: Any
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
) -> tuple[pd.DataFrame, tuple[NDArray[np.integer], NDArray[np.integer]]]:
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
    links, iou = _affinities(nodes, edges, containment_weight, gap_penalty)
    decisions = Decisions.of_terminals(nodes, min_confidence)
    evidence = carried_weight * nodes["confidence"].to_numpy()
    _leave_out(nodes, decisions, links, evidence, min_strength, min_margin)
    usable = ~(decisions.blocked[links.a] | decisions.blocked[links.b])
    links, iou = links.only(usable), iou[usable]

    persistence = Persistence(min_cell_slices, min_cell_voxels)
    next_id = max(max_user_id, int(nodes["cell"].max()) if len(nodes) else 0) + 1
    next_id = _join_bodies(
        nodes,
        decisions,
        links._replace(weight=iou),
        evidence,
        (min_body_iou, min_margin),
        persistence,
        next_id,
    )
    rest = np.flatnonzero((decisions.outcome == "") & ~decisions.blocked)
    found = _flood_rest(nodes, decisions, rest, links, evidence)
    decisions.accept(rest, found, min_strength, min_margin)
    weak = rest[decisions.outcome[rest] == "unassigned_weak"]
    strong = links.only(links.weight >= min_strength)
    _new_cells(nodes, decisions, weak, strong, persistence, next_id)
    return decisions.added_to(nodes), (strong.a, strong.b)


class Links(NamedTuple):
    """Edges of the graph of pieces: rows of both pieces in the table of pieces, and a weight from 0 to 1."""

    a: NDArray[np.integer]
    b: NDArray[np.integer]
    weight: NDArray[np.float64]

    def only(self, chosen: NDArray[np.bool_]) -> Links:
        """The chosen edges."""
        return Links(self.a[chosen], self.b[chosen], self.weight[chosen])


class Persistence(NamedTuple):
    """How long and how large connected pieces must be to become a new cell: slices and voxels."""

    slices: int
    voxels: int


def _affinities(
    nodes: pd.DataFrame, edges: pd.DataFrame, containment_weight: float, gap_penalty: float
) -> tuple[Links, NDArray[np.float64]]:
    """The edges with their affinities, and the IoU of each, lowered per bridged slice."""
    a, b, rows = indexed_edges(nodes, edges)
    penalty = gap_penalty ** (edges["gap"].to_numpy()[rows].astype(float) - 1)
    iou = edges["iou"].to_numpy()[rows] * penalty
    affinity = containment_weight * edges["containment"].to_numpy()[rows] ** 2 * penalty
    np.maximum(affinity, iou, out=affinity)
    body = nodes["body"].to_numpy()
    np.copyto(affinity, iou, where=body[a] & body[b])
    return Links(a, b, affinity), iou


def _leave_out(
    nodes: pd.DataFrame,
    decisions: Decisions,
    links: Links,
    evidence: NDArray[np.float64],
    min_strength: float,
    min_margin: float,
) -> None:
    """Leave pieces to nobody that lead to what the user left out on a labelled slice, more than to any cell.

    Only pieces without a carried id that are no bodies: a carried id is the user's own word for another slice.
    """
    blocked, final, cell = decisions.blocked, decisions.final, nodes["cell"].to_numpy()
    rest = np.flatnonzero((cell == 0) & ~nodes["body"].to_numpy() & ~blocked)
    owner = np.where(blocked, NOBODY, np.where(final > 0, final, cell))
    belief = np.where(blocked | (final > 0), 1.0, evidence)
    local = _position(rest, len(nodes))
    node, there, weight = _from_outside(local, links, owner > 0)
    seeds = (node, owner[there], np.minimum(weight, belief[there]))
    decisions.leave_out(
        rest, flood(len(rest), _within(local, links), seeds), NOBODY, min_strength, min_margin
    )


def _flood_rest(
    nodes: pd.DataFrame,
    decisions: Decisions,
    rest: NDArray[np.intp],
    links: Links,
    evidence: NDArray[np.float64],
) -> Flood:
    """Flood the pieces `rest` (rows) from the decided pieces around them and from their carried ids."""
    local = _position(rest, len(nodes))
    carried = nodes["cell"].to_numpy()[rest]
    known = carried > 0
    node, there, weight = _from_outside(local, links, decisions.final > 0)
    seeds = (
        np.concatenate([local[rest][known], node]),
        np.concatenate([carried[known], decisions.final[there]]),
        np.concatenate([evidence[rest][known], weight]),
    )
    return flood(len(rest), _within(local, links), seeds)


def _position(rows: NDArray[np.intp], count: int) -> NDArray[np.int64]:
    """Place of each of `count` pieces within `rows`, -1 for the others."""
    local = np.full(count, -1)
    local[rows] = np.arange(len(rows))
    return local


def _within(local: NDArray[np.int64], links: Links) -> Links:
    """The edges between pieces with a place in `local`, in terms of these places."""
    inner = links.only((local[links.a] >= 0) & (local[links.b] >= 0))
    return Links(local[inner.a], local[inner.b], inner.weight)


def _from_outside(
    local: NDArray[np.int64], links: Links, sources: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.integer], NDArray[np.float64]]:
    """The edges that lead from `sources` to a piece with a place in `local`: that place, the source, the weight."""
    parts = []
    for here, there in ((links.a, links.b), (links.b, links.a)):
        chosen = (local[here] >= 0) & sources[there]
        parts.append((local[here[chosen]], there[chosen], links.weight[chosen]))
    node, source, weight = (np.concatenate(column) for column in zip(*parts, strict=True))
    return node, source, weight


def _join_bodies(
    nodes: pd.DataFrame,
    decisions: Decisions,
    links: Links,
    evidence: NDArray[np.float64],
    limits: tuple[float, float],
    persistence: Persistence,
    next_id: int,
) -> int:
    """Bodies without a sure id: join them to a cell by IoU alone or make new cells of them; next free id.

    Bodies come before the fragments, because a new cell must be a terminal before a fragment could connect the new
    cell to a neighbour. links: with the IoU as weight; limits: smallest IoU and smallest margin.
    """
    min_body_iou, min_margin = limits
    is_body = nodes["body"].to_numpy()
    rest = np.flatnonzero(is_body & (decisions.outcome == ""))
    links = links.only(is_body[links.a] & is_body[links.b])
    found = _flood_rest(nodes, decisions, rest, links, evidence)
    decisions.accept(rest, found, min_body_iou, min_margin, only_assigned=True)
    lonely = rest[(found.strength < min_body_iou) & (decisions.outcome[rest] == "")]
    return _new_cells(
        nodes, decisions, lonely, links.only(links.weight >= min_body_iou), persistence, next_id
    )


def _new_cells(
    nodes: pd.DataFrame,
    decisions: Decisions,
    rows: NDArray[np.intp],
    links: Links,
    persistence: Persistence,
    next_id: int,
) -> int:
    """Give ids from `next_id` on to connected groups of the pieces `rows` that persist; next free id."""
    if not len(rows):
        return next_id
    inner = _within(_position(rows, len(nodes)), links)
    group = groups(len(rows), inner.a, inner.b)
    z, area = nodes["z"].to_numpy()[rows], nodes["area"].to_numpy()[rows]
    table = pd.DataFrame({"group": group, "z": z, "area": area}).groupby("group")
    lasting, large = table["z"].nunique() >= persistence.slices, table["area"].sum() >= persistence.voxels
    persists = (lasting & large).to_numpy()
    ids = np.where(persists, next_id + np.cumsum(persists) - 1, 0)
    new = rows[persists[group]]
    decisions.final[new] = ids[group[persists[group]]]
    decisions.outcome[new] = "new_cell"
    return next_id + int(persists.sum())


def with_tables(
    nodes: pd.DataFrame,
    strong_edges: tuple[NDArray[np.integer], NDArray[np.integer]],
    min_protrusion_slices: int = 3,
) -> LinkResult:
    """The decisions of `decide_pieces` with the tables of fragments and protrusions."""
    check_new_ids(int(nodes["final"].max()) if len(nodes) else 0)
    nodes["fragment"], links = fragment_table(nodes, *strong_edges)
    nodes["protrusion"], protrusions = protrusion_table(
        nodes, *strong_edges, min_slices=min_protrusion_slices
    )
    log.info("linked %d pieces: %s", len(nodes), nodes["outcome"].value_counts().to_dict())
    return LinkResult(nodes, links, protrusions)
