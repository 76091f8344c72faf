"""Join protrusions and fragments to cells through z: each 2D piece goes to one cell, a new one or none."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ultraseg.base.ids import check_new_ids, gap_of_number
from ultraseg.link.calibrate import KNOWN, learned
from ultraseg.link.chains import Pieces, chains_of
from ultraseg.link.chances import Joins, Overlaps, join_chances, overlap_chances, possible_joins
from ultraseg.link.decisions import Decisions
from ultraseg.link.groups import groups
from ultraseg.link.nodes import indexed_edges, own_size, sorted_nodes
from ultraseg.link.paths import Graph, Links, Seeds, likeliest_paths, weighed
from ultraseg.link.tables import ONE_BODY, fragment_table, meeting_table, protrusion_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger(__name__)
OWN = 0.33  # smaller pieces, measured by the body of their cell, are no bodies, whatever id they carry
# On phantoms, ids of less confidence on large pieces are right where a chain of overlaps leads to a piece drawn as that
# cell (776 pieces, none wrong), and mostly wrong where none does (0.30 right of 220).
SURELY_CARRIED = 0.8
# Evidence of an id, per confidence, on a piece too large for a fragment and too small for the body of that id.
CARRIED_BODY = 0.3
# From this confidence on the volume knows more than paths from slice to slice do (fib25, labels on every 40th slice).
TRACED = 0.6
STRONG = 0.5  # links that join pieces of one fragment or protrusion
# Below 1, so that of two cells along one chain of bodies the nearer one has the likelier path.
STEP_OF_BODY = 0.998
LEAST_LINK = 0.003


@dataclass(frozen=True)
class LinkResult:
    """Outcome of linking.

    nodes: the given pieces, sorted by z, piece, with final (cell id, 0 = none), outcome, fragment, protrusion
    (0 = none), best_cell, strength, runner_up_cell, runner_up, margin, path. links: one row per fragment, see
    `tables.fragment_table`. protrusions: one row per protrusion, see `tables.protrusion_table`. meetings: one row per
    place where two ids meet within one body, see `tables.meeting_table`.
    """

    nodes: pd.DataFrame
    links: pd.DataFrame
    protrusions: pd.DataFrame
    meetings: pd.DataFrame


@dataclass
class Decided:
    """Pieces with their decisions, the links within fragments, and the links within bodies with their IoU."""

    nodes: pd.DataFrame
    strong: Links
    bodies: Links


class Persistence(NamedTuple):
    """How long and how large connected pieces must be to become a new cell: slices and voxels."""

    slices: int
    voxels: int


def link_pieces(
    nodes: pd.DataFrame, edges: pd.DataFrame, *, min_protrusion_slices: int = 3, **settings: Any
) -> LinkResult:
    """Join every piece to at most one cell, as `decide_pieces` does, and list fragments and protrusions."""
    return with_tables(decide_pieces(nodes, edges, **settings), min_protrusion_slices)


def decide_pieces(
    nodes: pd.DataFrame,
    edges: pd.DataFrame,
    *,
    min_strength: float = 0.35,
    min_margin: float = 0.1,
    carried_weight: float = 1.0,
    min_confidence: float = 0.25,
    min_body_iou: float = 0.4,
    min_cell_slices: int = 5,
    min_cell_voxels: int = 5000,
    bridge_slices: int = 4,
    learn: bool = True,
    max_user_id: int = 0,
    banned: Sequence[tuple[NDArray[np.intp], int]] = (),
) -> Decided:
    """Join every piece to at most one cell along its likeliest path, or leave it unassigned.

    nodes: columns z, piece, area, y, x, cell (carried id or 0), confidence (0..1), body, given, and where known yy, yx,
    xx (variances and covariance of its pixels); edges: as from `slab_edges`, of all slabs, in any order (an edge that
    two slabs report counts once). Every overlap in neighbouring slices, and every place where the course of a broken
    chain of pieces leads to another chain within `bridge_slices` lost slices, has a probability (`chances`). The
    probability of a path is the product along it.

    Pieces of labelled slices (given) and bodies with an id of at least `min_confidence` are their cell's terminals;
    pieces that the user left out are terminals of nobody. Any other carried id is evidence of strength
    carried_weight * confidence. No path leads through a terminal, so cells are never merged.

    First bodies without id: they join a cell through bodies whose IoU reaches `min_body_iou`, of two cells the nearer
    one. Bodies that reach none and persist over `min_cell_slices` slices and `min_cell_voxels` voxels become new cells,
    numbered above `max_user_id` and all carried ids. Then all other pieces: assigned when the probability of the best
    cell (`calibrate`) is at least `min_strength` and leads that of the runner-up by `min_margin`. Pieces that reach no
    cell but persist as above become a new cell as well. learn: whether probabilities follow the user's own labels, by
    foretelling each labelled slice from the others.

    Pieces of an optional column ``traced`` got their ids in three dimensions, in competition with all cells around:
    such an id stands from a confidence of `TRACED` on. There, cells that no label shows have numbers, in an optional
    column ``new``: those on `min_cell_slices` slices are new cells from the start. Pieces of an optional column
    ``fixed`` are terminals of their cell too: the user said so. Pieces with different numbers in an optional column
    ``apart`` are never linked. banned: rows and a cell that they may not have. Raises ValueError when an edge names an
    unknown piece or columns are missing.
    """
    nodes = sorted_nodes(nodes)
    overlaps, direct = overlaps_of(nodes, edges)
    decisions = Decisions.of_terminals(nodes, min_confidence)
    body, size = nodes["body"].to_numpy(), own_size(nodes)
    # An id that a piece carries from a slice far away need not be its own.
    fragment = (size < OWN) | _unsupported(nodes, overlaps, min_body_iou)
    decisions.reopen((decisions.outcome == "body") & fragment)
    decisions.settle(surely_traced(nodes, decisions), nodes)
    evidence = carried_weight * nodes["confidence"].to_numpy() * np.where(body, CARRIED_BODY, 1.0)
    persistence = Persistence(min_cell_slices, min_cell_voxels)
    next_id = max(max_user_id, int(nodes["cell"].max()) if len(nodes) else 0) + 1
    large = body & ~fragment
    bodies = Links(overlaps.a, overlaps.b, overlaps.iou)
    meeting = bodies.only(overlaps.iou >= min_body_iou)
    next_id = _numbered_cells(nodes, decisions, meeting, min_cell_slices, next_id)
    joined = bodies.only(large[overlaps.a] & large[overlaps.b] & (overlaps.iou >= min_body_iou))
    next_id = _join_bodies(nodes, decisions, large, joined, persistence, next_id)

    links = all_links(nodes, overlaps, direct, decisions, large, bridge_slices)
    graph = Graph(nodes, decisions, links, evidence, banned)
    weights = learned(graph, nodes, large) if learn else KNOWN
    rest = np.flatnonzero((decisions.outcome == "") & ~decisions.blocked)
    decisions.decide(rest, graph.posterior()[rest], weights, min_strength, min_margin, body[rest])
    strong = strong_links(links, decisions, large, bodies.only(direct))
    weak = rest[decisions.outcome[rest] == "unassigned_weak"]
    _new_cells(nodes, decisions, weak, strong, persistence, next_id)
    within = direct & body[bodies.a] & body[bodies.b]
    within &= reaches(nodes, decisions, large, bodies, min_body_iou)
    return Decided(decisions.added_to(nodes), strong, bodies.only(within))


def _unsupported(nodes: pd.DataFrame, overlaps: Overlaps, min_iou: float) -> NDArray[np.bool_]:
    """Pieces that carry an id to which no chain of overlaps leads from a piece that the user drew as that cell.

    Ids of the confidence `SURELY_CARRIED`, and ids that were found in three dimensions, need no such chain.
    """
    alike = overlaps.only(overlaps.iou >= min_iou)
    chain = groups(len(nodes), alike.a, alike.b)
    place = pd.MultiIndex.from_arrays([chain, nodes["cell"].to_numpy()])
    return doubtfully_carried(nodes) & ~place.isin(place[as_drawn(nodes)])


def as_drawn(nodes: pd.DataFrame) -> NDArray[np.bool_]:
    """Pieces whose cell the user told: by labels or by corrections."""
    drawn = nodes["given"].to_numpy()
    return drawn | nodes["fixed"].to_numpy() if "fixed" in nodes else drawn


def doubtfully_carried(nodes: pd.DataFrame) -> NDArray[np.bool_]:
    """Pieces that carry an id of less confidence than `SURELY_CARRIED`, along the flow."""
    doubtful = (nodes["cell"].to_numpy() > 0) & (nodes["confidence"].to_numpy() < SURELY_CARRIED)
    return doubtful & ~nodes["traced"].to_numpy() if "traced" in nodes else doubtful


def surely_traced(nodes: pd.DataFrame, decisions: Decisions) -> NDArray[np.intp]:
    """Open pieces whose ids were found in three dimensions and are sure enough to stand."""
    if "traced" not in nodes:
        return np.zeros(0, np.intp)
    sure = nodes["traced"].to_numpy() & (nodes["confidence"].to_numpy() >= TRACED)
    return np.flatnonzero(
        sure & (nodes["cell"].to_numpy() > 0) & (decisions.outcome == "") & ~decisions.blocked
    )


def _numbered_cells(
    nodes: pd.DataFrame, decisions: Decisions, overlapping: Links, min_slices: int, next_id: int
) -> int:
    """New cells of the pieces that have one number of a new cell, or whose numbers meet between gaps; next free id.

    They come first: the three dimensions found that they belong to none of the cells around them, and that they have
    enough voxels.
    """
    if "new" not in nodes:
        return next_id
    number = nodes["new"].to_numpy()
    rows = np.flatnonzero((number > 0) & (decisions.outcome == "") & ~decisions.blocked)
    columns = nodes[["new", "apart"] if "apart" in nodes else ["new"]].iloc[rows]
    cell = columns.groupby(list(columns), sort=False).ngroup().to_numpy()
    ordered = rows[np.argsort(cell, kind="stable")]
    same = np.flatnonzero(np.diff(np.sort(cell)) == 0)
    beyond = overlapping.only(gap_of_number(number[overlapping.a]) != gap_of_number(number[overlapping.b]))
    within = Links(ordered[same], ordered[same + 1], np.ones(len(same)))
    links = Links(*(np.concatenate(ends) for ends in zip(within, beyond, strict=True)))
    return _new_cells(nodes, decisions, rows, links, Persistence(min_slices, 0), next_id)


def overlaps_of(nodes: pd.DataFrame, edges: pd.DataFrame) -> tuple[Overlaps, NDArray[np.bool_]]:
    """The edges as rows of pieces, and which of them join neighbouring slices."""
    a, b, rows = indexed_edges(nodes, edges)
    iou, containment = (edges[name].to_numpy()[rows] for name in ("iou", "containment"))
    direct = edges["gap"].to_numpy()[rows] == 1
    overlaps = Overlaps(a, b, iou, containment)
    if "apart" not in nodes:
        return overlaps, direct
    apart = nodes["apart"].to_numpy()
    together = apart[a] == apart[b]
    return overlaps.only(together), direct[together]


def all_links(
    nodes: pd.DataFrame,
    overlaps: Overlaps,
    direct: NDArray[np.bool_],
    decisions: Decisions,
    large: NDArray[np.bool_],
    bridge_slices: int,
) -> Links:
    """All links of pieces with their probabilities: overlaps in neighbouring slices, and joins of broken chains."""
    pieces = Pieces.of(nodes)
    near = overlaps.only(direct)
    chains = chains_of(pieces, near.a, near.b, near.iou)
    open_pieces = (decisions.final == 0) | nodes["given"].to_numpy()
    over = Joins(overlaps.a[~direct], overlaps.b[~direct])
    joins = possible_joins(pieces, chains, open_pieces, bridge_slices, over)
    if "apart" in nodes:
        apart = nodes["apart"].to_numpy()
        joins = Joins(*(rows[apart[joins.end] == apart[joins.start]] for rows in joins))
    chance = (overlap_chances(pieces, chains, near, large), join_chances(pieces, chains, joins))
    links = Links(
        np.concatenate([near.a, joins.end]), np.concatenate([near.b, joins.start]), np.concatenate(chance)
    )
    return links.only(links.weight >= LEAST_LINK)


def strong_links(links: Links, decisions: Decisions, large: NDArray[np.bool_], overlaps: Links) -> Links:
    """The links within fragments and protrusions: likely ones, but none from one side of a body to the other."""
    strong = links.only(links.weight >= STRONG)
    strong = strong.only(~(decisions.blocked[strong.a] | decisions.blocked[strong.b]))
    into, out_of = np.zeros((2, len(large)), bool)
    into[strong.a[large[strong.b]]] = True
    out_of[strong.b[large[strong.a]]] = True
    count = len(large)
    overlapping = np.isin(
        strong.a.astype(np.int64) * count + strong.b, overlaps.a.astype(np.int64) * count + overlaps.b
    )
    return strong.only(overlapping | ~(into[strong.a] & out_of[strong.b]))


def _join_bodies(
    nodes: pd.DataFrame,
    decisions: Decisions,
    large: NDArray[np.bool_],
    links: Links,
    persistence: Persistence,
    next_id: int,
) -> int:
    """Large bodies without a sure id: join them to the nearest cell or make new cells of them; next free id.

    Bodies come before the fragments, because a new cell must be a terminal before a fragment could connect the new
    cell to a neighbour. links: of large bodies, with the IoU as weight. Of two cells along one chain of bodies the
    nearer one has it: a body is never left as a hole.
    """
    usable = ~(decisions.blocked[links.a] | decisions.blocked[links.b])
    links = links.only(usable)
    near = links._replace(weight=STEP_OF_BODY * links.weight**0.02)
    sources = np.flatnonzero(large & (decisions.final > 0))
    seeds = Seeds(sources, decisions.final[sources], np.ones(len(sources)), np.zeros(len(sources), np.int64))
    found = weighed(*likeliest_paths(len(nodes), near, seeds, decisions.final > 0))
    rest = np.flatnonzero(large & (decisions.outcome == "") & ~decisions.blocked)
    reached = rest[found.cell[rest] > 0]
    decisions.give(reached, found[reached])
    lonely = rest[found.cell[rest] == 0]
    return _new_cells(nodes, decisions, lonely, links, persistence, next_id)


def reaches(
    nodes: pd.DataFrame, decisions: Decisions, large: NDArray[np.bool_], links: Links, min_iou: float
) -> NDArray[np.bool_]:
    """Links along one body: outlines that are alike, and from a body that got its id through links every link that
    could have given it one.
    """
    through = large & (decisions.final != nodes["cell"].to_numpy())
    either = (through[links.a] | through[links.b]) & large[links.a] & large[links.b]
    return links.weight >= np.where(either, np.minimum(min_iou, ONE_BODY), ONE_BODY)


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
    local = np.full(len(nodes), -1)
    local[rows] = np.arange(len(rows))
    inner = links.only((local[links.a] >= 0) & (local[links.b] >= 0))
    group = groups(len(rows), local[inner.a], local[inner.b])
    z, area = nodes["z"].to_numpy()[rows], nodes["area"].to_numpy()[rows]
    table = pd.DataFrame({"group": group, "z": z, "area": area}).groupby("group")
    lasting, large = table["z"].nunique() >= persistence.slices, table["area"].sum() >= persistence.voxels
    persists = (lasting & large).to_numpy()
    ids = np.where(persists, next_id + np.cumsum(persists) - 1, 0)
    new = rows[persists[group]]
    decisions.final[new] = ids[group[persists[group]]]
    decisions.outcome[new] = "new_cell"
    return next_id + int(persists.sum())


def with_tables(decided: Decided, min_protrusion_slices: int = 3) -> LinkResult:
    """The decisions of `decide_pieces` with the tables of fragments, protrusions and meetings."""
    nodes, ends = decided.nodes, (decided.strong.a, decided.strong.b)
    check_new_ids(int(nodes["final"].max()) if len(nodes) else 0)
    nodes["fragment"], links = fragment_table(nodes, *ends)
    nodes["protrusion"], protrusions = protrusion_table(nodes, *ends, min_slices=min_protrusion_slices)
    meetings = meeting_table(nodes, *decided.bodies)
    log.info("linked %d pieces: %s", len(nodes), nodes["outcome"].value_counts().to_dict())
    return LinkResult(nodes, links, protrusions, meetings)
