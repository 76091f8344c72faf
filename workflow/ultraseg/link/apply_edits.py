"""Linking with a user's edits: cells merged and split, fragments given to a cell or kept from one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ultraseg.base.errors import Problems, UserError
from ultraseg.link.decide import Decided, LinkResult, decide_pieces, with_tables
from ultraseg.link.edit_file import CellEdit
from ultraseg.link.nodes import indexed_edges, sorted_nodes

log = logging.getLogger(__name__)
NEAR = 2  # pixels: the outlines that people see are smoothed, so a voxel may lie just beside its piece
PiecesAt: TypeAlias = Mapping[tuple[int, int, int], tuple[int, int]]  # voxel (z, y, x) -> slice and piece
ID_TYPES = {"cell": "int64", "z_first": "int64", "becomes": "int64"}


@dataclass
class Planned:
    """The edits, worked out: rows of pieces with their new cell, or with the cell they may not have; ids that change.

    splits: cell -> (first slice, new id), ...; merges: id -> the id that stays.
    """

    assigned: list[tuple[np.ndarray, int]] = field(default_factory=list)
    forbidden: list[tuple[np.ndarray, int]] = field(default_factory=list)
    splits: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    merges: dict[int, int] = field(default_factory=dict)

    def kept(self, cell: int) -> int:
        """The id that a cell has after all merges."""
        while cell in self.merges:
            cell = self.merges[cell]
        return cell

    def id_table(self) -> pd.DataFrame:
        """Columns cell, z_first, becomes: from which slice on an id becomes which."""
        rows = [(cell, 0, self.kept(cell)) for cell in self.merges if cell not in self.splits]
        for cell, cuts in self.splits.items():
            rows += [(cell, 0, self.kept(cell)), *((cell, z, self.kept(new)) for z, new in cuts)]
        return pd.DataFrame(sorted(rows), columns=list(ID_TYPES)).astype(ID_TYPES)


def edited_ids(ids: np.ndarray, z: int | np.ndarray, table: pd.DataFrame) -> np.ndarray:
    """Ids after merges and splits: ids of any shape in slice z (or z of each), table as `link_edited` returns it."""
    out = ids.copy()
    for row in table.sort_values("z_first").itertuples():
        out[(ids == row.cell) & (np.asarray(z) >= row.z_first)] = row.becomes
    return out


def pieces_at(
    voxels: Mapping[tuple[int, int, int], int], read_pieces: Callable[[int], np.ndarray], downsample: int
) -> dict[tuple[int, int, int], tuple[int, int]]:
    """Slice and piece at voxels of the image, 0 where there is none; voxels: (z, y, x) -> the good slice that z shows.

    read_pieces: slice -> pieces (Y, X), which are ``downsample`` times smaller. A voxel beside a piece means the
    nearest one within NEAR pixels of it.
    """
    found = {}
    for voxel, z in voxels.items():
        y, x = (v // downsample for v in voxel[1:])
        top, left = max(y - NEAR, 0), max(x - NEAR, 0)
        part = read_pieces(z)[top : y + NEAR + 1, left : x + NEAR + 1]
        places = np.argwhere(part)
        distance = np.hypot(*(places - [y - top, x - left]).T)
        near = places[distance.argmin()] if len(places) and distance.min() <= NEAR else None
        found[voxel] = (z, int(part[tuple(near)]) if near is not None else 0)
    return found


def link_edited(
    nodes: pd.DataFrame,
    edges: pd.DataFrame,
    edits: Sequence[CellEdit],
    pieces: PiecesAt,
    *,
    min_protrusion_slices: int = 3,
    max_user_id: int = 0,
    **settings: Any,
) -> tuple[LinkResult, pd.DataFrame]:
    """Link pieces as `decide.link_pieces` does, then once more under the edits.

    pieces: slice and piece at each voxel that an edit names. Cells and fragments are those of the linking without
    edits, so the other edits do not change what an edit means. Cells that linking itself found keep their ids. Returns
    the result and the table of ids (cell, z_first, becomes) for `edited_ids`. Raises one UserError for all edits that
    name unknown cells or places without a fragment, or that contradict each other.
    """
    nodes = sorted_nodes(nodes)
    before = decide_pieces(nodes, edges, max_user_id=max_user_id, **settings)
    first, result = before.nodes, with_tables(before, min_protrusion_slices)
    if not edits:
        return result, Planned().id_table()
    plan = planned_edits(result.nodes, edits, pieces, max_user_id)
    table, z = plan.id_table(), nodes["z"].to_numpy()
    changed = nodes.assign(cell=edited_ids(nodes["cell"].to_numpy(), z, table))
    changed, kept_edges = _apply(changed, edges, plan, first)
    ids = (changed["cell"], first["final"], table["becomes"])
    highest = max(max_user_id, *(int(column.max()) for column in ids if len(column)))
    forbidden = [(rows, plan.kept(cell)) for rows, cell in plan.forbidden]
    after = decide_pieces(changed, kept_edges, max_user_id=highest, banned=forbidden, **settings)
    second = after.nodes.drop(columns=["fixed", "apart"])
    _keep_ids(first, second)
    for name in ("final", "best_cell", "runner_up_cell"):
        second[name] = edited_ids(second[name].to_numpy(), z, table)
    for rows, cell in plan.forbidden:
        rows = rows[second["final"].to_numpy()[rows] == plan.kept(cell)]
        second.loc[rows, ["final", "outcome"]] = [0, "forbidden"]
    for rows, cell in plan.assigned:
        second.loc[rows, ["final", "best_cell", "outcome"]] = [plan.kept(cell), plan.kept(cell), "corrected"]
        second.loc[rows, ["strength", "runner_up_cell", "runner_up", "margin"]] = [1.0, 0, 0.0, 1.0]
    different = int((second["final"] != first["final"]).sum())
    log.info("%d edits changed the cell of %d pieces", len(edits), different)
    return with_tables(Decided(second, after.strong, after.bodies), min_protrusion_slices), table


def planned_edits(
    nodes: pd.DataFrame, edits: Sequence[CellEdit], pieces: PiecesAt, max_user_id: int
) -> Planned:
    """The edits in terms of pieces and ids. Raises one UserError that names every problem.

    nodes: with z, piece, cell, final, outcome, fragment, and the number of each piece as index. Of all pieces it needs
    those of the fragments that edits name, and of each id the first and the last one.
    """
    plan, problems = Planned(), Problems()
    known = {*nodes["final"], *nodes["cell"]} - {0}
    next_id = max(max_user_id, *known, *(e.new or 0 for e in edits), 0) + 1
    for edit in edits:
        with problems.caught():
            if edit.kind == "split":
                _check_known(edit, known)
                new = edit.new or next_id
                next_id += edit.new is None
                _split(plan, nodes, edit, new, known)
                known.add(new)
    for edit in edits:
        with problems.caught():
            if edit.kind != "split":  # the new cells of splits are known by now
                _check_known(edit, known)
            if edit.kind == "merge":
                keep, *others = edit.cells
                plan.merges |= dict.fromkeys(others, keep)
            elif edit.voxel is not None:  # assign or forbid
                rows = _fragment(nodes, edit, pieces[edit.voxel])
                (plan.assigned if edit.kind == "assign" else plan.forbidden).append((rows, edit.cells[0]))
    with problems.caught():
        _check_contradictions(plan)
    problems.raise_all()
    return plan


def _check_known(edit: CellEdit, known: set[int]) -> None:
    unknown = [cell for cell in edit.cells if cell not in known]
    if unknown:
        raise UserError(
            f"{edit.text}: there is no cell {', '.join(map(str, unknown))}",
            "Take the ids from the viewer or tables/cells.csv of a run without these edits.",
        )


def _split(plan: Planned, nodes: pd.DataFrame, edit: CellEdit, new: int, known: set[int]) -> None:
    cell = edit.cells[0]
    zs = nodes["z"][(nodes["final"] == cell) | (nodes["cell"] == cell)]
    if not zs.min() < edit.z <= zs.max():
        raise UserError(
            f"{edit.text}: cell {cell} lies in the slices {zs.min()} to {zs.max()} of the volume",
            "Choose a slice after its first one.",
        )
    if new in known:
        raise UserError(f"{edit.text}: the id {new} is in use", "Choose another one, or leave out 'new'.")
    cuts = plan.splits.setdefault(cell, [])
    if any(z == edit.z for z, _ in cuts):
        raise UserError(f"{edit.text}: cell {cell} is split there twice", "Remove one of the two.")
    cuts.append((edit.z, new))


def _fragment(nodes: pd.DataFrame, edit: CellEdit, place: tuple[int, int]) -> np.ndarray:
    """Rows of the fragment to which a piece belongs."""
    z, piece = place
    here = nodes[(nodes["z"] == z) & (nodes["piece"] == piece)]
    if here.empty:
        raise UserError(
            f"{edit.text}: there is neither cell nor fragment at this voxel",
            "Give z, y, x in voxels as the viewer shows them (its own order is x, y, z).",
        )
    row = here.iloc[0]
    if not row["fragment"]:
        drawn = row["outcome"] in ("given", "background")
        raise UserError(
            f"{edit.text}: this is no fragment, but "
            + ("drawn on a labelled slice" if drawn else f"the body of cell {row['final']}"),
            "Change the label of that slice." if drawn else "Split or merge cells, or label a slice here.",
        )
    return nodes.index[nodes["fragment"] == row["fragment"]].to_numpy()


def _check_contradictions(plan: Planned) -> None:
    both = set(plan.splits) & {*plan.merges, *plan.merges.values()}
    if both:
        raise UserError(
            f"cell {min(both)} is split and merged",
            "Give the new cell of the split an id (new), and merge that, or leave out one of the two.",
        )
    chosen: dict[int, int] = {}
    for rows, cell in plan.assigned:
        cell = plan.kept(cell)
        if chosen.setdefault(rows[0], cell) != cell:
            raise UserError(
                f"one fragment is assigned to the cells {chosen[rows[0]]} and {cell}", "Leave one of the two."
            )
    for rows, cell in plan.forbidden:
        if chosen.get(rows[0]) == plan.kept(cell):
            raise UserError(
                f"one fragment is assigned to cell {chosen[rows[0]]} and forbidden to it",
                "Leave one of the two.",
            )


def _apply(
    nodes: pd.DataFrame, edges: pd.DataFrame, plan: Planned, first: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pieces with assigned fragments fixed to their cells, and the edges without those of forbidden fragments."""
    cell, fixed = nodes["cell"].to_numpy(copy=True), np.zeros(len(nodes), bool)
    apart = np.zeros(len(nodes), np.int64)
    final = first["final"].to_numpy()
    a, b, kept = indexed_edges(nodes, edges)
    drop = np.zeros(len(kept), bool)
    for rows, unwanted in plan.forbidden:
        inside = np.zeros(len(nodes), bool)
        inside[rows] = True
        cell[rows[cell[rows] == plan.kept(unwanted)]] = 0
        other = ~inside & (final == unwanted)
        drop |= (inside[a] & other[b]) | (inside[b] & other[a])
    found_here = set(final[first["outcome"] == "new_cell"])
    for rows, wanted in plan.assigned:
        # A cell that linking found (new_cell) gets its id only after the second linking. Until then its fragments are
        # cut off from all others, so that no other cell takes them.
        waits = wanted in found_here
        cell[rows], fixed[rows] = (0 if waits else plan.kept(wanted)), not waits
        if waits:
            apart[rows] = 1 + apart.max()
    return nodes.assign(cell=cell, fixed=fixed, apart=apart), edges.iloc[kept[~drop]]


def _keep_ids(first: pd.DataFrame, second: pd.DataFrame) -> None:
    """Give cells that linking found the second time the ids of the first time, by the voxels they share; in place."""
    was_new = set(first["final"][first["outcome"] == "new_cell"])
    ids = kept_ids(shared_areas(second.assign(before=first["final"])), was_new)
    for name in ("final", "best_cell", "runner_up_cell"):
        second[name] = with_ids(second[name], ids)


def shared_areas(nodes: pd.DataFrame) -> pd.DataFrame:
    """Area that new cells (now) share with the cells of the first linking (before).

    nodes: final, outcome and area of pieces after the second linking, and their cells before.
    """
    new = nodes[nodes["outcome"] == "new_cell"].rename(columns={"final": "now"})
    return new.groupby(["now", "before"], as_index=False)["area"].sum()


def kept_ids(shared: pd.DataFrame, was_new: set[int]) -> dict[int, int]:
    """The ids that new cells of the second linking take over from new cells of the first one (was_new)."""
    shared = shared[shared["before"].isin(was_new)].sort_values(["area", "now"], ascending=[False, True])
    shared = shared.drop_duplicates("now").drop_duplicates("before")
    return dict(zip(shared["now"], shared["before"], strict=True))


def with_ids(cells: pd.Series, ids: Mapping[int, int]) -> pd.Series:
    """Cells with the ids that they take over."""
    return cells.map(lambda cell: ids.get(cell, cell)).astype("int64")
