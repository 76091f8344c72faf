"""Linking of a volume of any depth under a user's edits, as `link.apply_edits` does it at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.link.apply_edits import (
    PiecesAt,
    Planned,
    edited_ids,
    kept_ids,
    planned_edits,
    shared_areas,
    with_ids,
)
from ultraseg.link.edit_file import CellEdit
from ultraseg.sweep.columns import Rows
from ultraseg.sweep.decide import CODES, OUTCOMES, Decided, Settings, decide_volume
from ultraseg.sweep.tables import Tables
from ultraseg.sweep.volume import (
    BLOCK_PIECES,
    BLOCK_SLICES,
    EDGE_VALUES,
    Pairs,
    Volume,
    load_edges,
    load_pieces,
)

log = logging.getLogger(__name__)
CELLS = ("final", "best_cell", "runner_up_cell")


def link_volume(
    folder: Path,
    tables: Iterable[pd.DataFrame],
    edges: Iterable[pd.DataFrame],
    edits: Sequence[CellEdit] = (),
    pieces: PiecesAt | None = None,
    *,
    min_protrusion_slices: int = 3,
    block: tuple[int, int] = (BLOCK_PIECES, BLOCK_SLICES),
    **settings: Any,
) -> tuple[Tables, pd.DataFrame]:
    """Link the pieces of a volume as `link.apply_edits.link_edited` does, with the same results to the bit.

    folder: an empty one, for columns of about 0.5 kB per piece, which the tables are read from; tables, edges: of all
    slabs in their order; block: least number of pieces and slices that are worked on at a time; settings: as
    `sweep.decide.Settings` has them. Memory does not depend on the depth of the volume but for what `decide_volume` and
    `Tables` name. Raises UserError and ValueError as `link_edited` does.
    """
    volume = load_pieces(folder / "pieces", tables, block)
    load_edges(volume, edges)
    chosen = Settings(**settings)
    before = volume.own(folder / "first")
    before.edges = volume.edges
    first = decide_volume(before, folder / "first_steps", chosen)
    result = Tables(first, folder / "first_tables", min_protrusion_slices)
    if not edits:
        return result, Planned().id_table()
    plan = planned_edits(
        _looked_at(before, result, edits, pieces or {}), edits, pieces or {}, chosen.max_user_id
    )
    table = plan.id_table()
    changed = volume.own(folder / "second")
    highest = _change(changed, before, plan, table)
    highest = max([chosen.max_user_id, highest, *table["becomes"].tolist()])
    forbidden = [(rows, plan.kept(cell)) for rows, cell in plan.forbidden]
    again = Settings(**{**settings, "max_user_id": highest})
    second = decide_volume(changed, folder / "second_steps", again, forbidden)
    different = _keep_to_edits(second, before, plan, table)
    log.info("%d edits changed the cell of %d pieces", len(edits), different)
    return Tables(second, folder / "second_tables", min_protrusion_slices), table


def _looked_at(volume: Volume, result: Tables, edits: Sequence[CellEdit], pieces: PiecesAt) -> pd.DataFrame:
    """The pieces that `planned_edits` looks at: those of fragments that edits name, and the ends of every cell."""
    names = ["z", "piece", "cell", "final", "outcome"]
    places = {pieces[edit.voxel] for edit in edits if edit.voxel is not None}
    chosen, ends = [], pd.DataFrame({name: np.zeros(0, np.int64) for name in [*names, "fragment"]})
    for block, number in result.fragments.blocks():
        table = volume.read(*block, names).assign(fragment=number)
        at_place = (
            [place in places for place in zip(table["z"], table["piece"], strict=True)] if places else []
        )
        chosen.append(table[np.array(at_place, bool)] if places else table[:0])
        ends = _ends(pd.concat([ends, table]))
    named = np.unique(np.concatenate([part["fragment"] for part in chosen]))
    for block, number in result.fragments.blocks():
        member = (number > 0) & np.isin(number, named)
        chosen.append(volume.read(*block, names).assign(fragment=number)[member])
    found = pd.concat([*chosen, ends])
    found = found[~found.index.duplicated()].sort_index()
    return found.assign(outcome=OUTCOMES[found["outcome"].to_numpy()])


def _ends(nodes: pd.DataFrame) -> pd.DataFrame:
    """The first and the last piece of every cell, by the id that it carries and by that which linking gave it."""
    end = np.zeros(len(nodes), bool)
    for name in ("cell", "final"):
        for keep in ("first", "last"):
            end |= ~nodes[name].duplicated(keep=keep).to_numpy()
    return nodes[end]


def _change(changed: Volume, before: Volume, plan: Planned, table: pd.DataFrame) -> int:
    """Write carried ids and overlaps as edits change them, as `link_edited` does; returns the highest id."""
    columns, slices = changed.columns, changed.slices
    for name, dtype in {"cell": "int64", "fixed": "bool", "apart": "int64"}.items():
        columns.add(name, dtype, slices.count)
    for block in slices.blocks:
        nodes = before.read(*block, ["cell", "z"])
        cell = edited_ids(nodes["cell"].to_numpy(), nodes["z"].to_numpy(), table)
        columns.write("cell", slices.rows(*block)[0], cell)
    for rows, unwanted in plan.forbidden:
        columns.put("cell", rows[columns.at("cell", rows) == plan.kept(unwanted)], 0)
    found_here = _new_cells(before)
    for number, (rows, wanted) in enumerate(plan.assigned, 1):
        # As in `link_edited`: a cell that linking found has its id only after the second linking.
        waits = wanted in found_here
        columns.put("cell", rows, 0 if waits else plan.kept(wanted))
        columns.put("fixed", rows, not waits)
        if waits:
            columns.put("apart", rows, number)
    changed.edges = Pairs(columns, "edge", slices, EDGE_VALUES)
    for block in slices.blocks:
        found = before.edges.read(*block)
        a, b = found["a"].to_numpy(), found["b"].to_numpy()
        kept = columns.at("apart", a) == columns.at("apart", b)
        for rows, unwanted in plan.forbidden:
            kept &= ~(_leads_to(before, rows, unwanted, a, b) | _leads_to(before, rows, unwanted, b, a))
        changed.edges.append(a[kept], b[kept], *(found[name].to_numpy()[kept] for name in EDGE_VALUES))
    highest = [0]
    for block in slices.blocks:
        highest += [
            int(changed.read(*block, ["cell"])["cell"].max()),
            int(before.read(*block, ["final"])["final"].max()),
        ]
    return max(highest)


def _leads_to(volume: Volume, rows: Rows, cell: int, here: Rows, there: Rows) -> NDArray[np.bool_]:
    """Which overlaps lead from some pieces to others of a cell."""
    return np.isin(here, rows) & ~np.isin(there, rows) & (volume.columns.at("final", there) == cell)


def _new_cells(volume: Volume) -> set[int]:
    """The cells that linking found."""
    found: set[int] = set()
    for block in volume.slices.blocks:
        nodes = volume.read(*block, ["final", "outcome"])
        found |= {*nodes["final"][nodes["outcome"] == CODES["new_cell"]]}
    return found


def _keep_to_edits(second: Decided, before: Volume, plan: Planned, table: pd.DataFrame) -> int:
    """Give cells the ids of the first linking, fragments the cells of the edits; returns how many pieces changed."""
    volume, columns, slices = second.volume, second.volume.columns, second.volume.slices
    parts: list[pd.DataFrame] = []
    for block in slices.blocks:
        nodes = volume.read(*block, ["final", "outcome", "area"])
        nodes = nodes.assign(
            outcome=OUTCOMES[nodes["outcome"]], before=before.read(*block, ["final"])["final"]
        )
        parts = [
            pd.concat([*parts, shared_areas(nodes)]).groupby(["now", "before"], as_index=False)["area"].sum()
        ]
    ids = kept_ids(parts[0], _new_cells(before)) if parts else {}
    for block in slices.blocks:
        nodes = volume.read(*block, ["z", *CELLS])
        for name in CELLS:
            cells = with_ids(nodes[name], ids).to_numpy()
            columns.write(name, slices.rows(*block)[0], edited_ids(cells, nodes["z"].to_numpy(), table))
    for rows, cell in plan.forbidden:
        rows = rows[columns.at("final", rows) == plan.kept(cell)]
        columns.put("final", rows, 0)
        columns.put("outcome", rows, CODES["forbidden"])
    for rows, cell in plan.assigned:
        sure = {"final": plan.kept(cell), "best_cell": plan.kept(cell), "outcome": CODES["corrected"]}
        for name, value in {**sure, "strength": 1.0, "runner_up_cell": 0, "runner_up": 0.0}.items():
            columns.put(name, rows, value)
    different = 0
    for block in slices.blocks:
        now, then = (one.read(*block, ["final"])["final"] for one in (volume, before))
        different += int((now != then).sum())
    return different
