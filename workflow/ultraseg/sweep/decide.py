"""Join the pieces of a volume of any depth to cells, with the decisions of `link.decide` to the bit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.base.ids import gap_of_number
from ultraseg.link.calibrate import KNOWN, halves, weights_by
from ultraseg.link.decide import (
    CARRIED_BODY,
    OWN,
    STEP_OF_BODY,
    Persistence,
    as_drawn,
    doubtfully_carried,
    reaches,
    strong_links,
    surely_traced,
)
from ultraseg.link.decisions import Decisions
from ultraseg.link.nodes import NOBODY, size_by_bodies
from ultraseg.link.paths import Graph, Links, Posterior
from ultraseg.sweep.columns import Columns, Rows
from ultraseg.sweep.groups import Block, Groups
from ultraseg.sweep.links import WEIGHT, direct_overlaps, slice_shifts, window, write_links
from ultraseg.sweep.paths import BLOCK, Starts, posteriors
from ultraseg.sweep.volume import Pairs, Volume, body_areas

log = logging.getLogger(__name__)
# Outcomes are numbers in columns.
OUTCOMES = np.array(
    [
        "", "given", "body", "background", "corrected", "assigned", "new_cell", "unassigned_weak",
        "unassigned_ambiguous", "unassigned_left_out", "forbidden",
    ],
    object,
)  # fmt: skip
CODES = {name: code for code, name in enumerate(OUTCOMES)}

STATE = {
    "outcome": "uint8", "blocked": "bool", "final": "int64", "best_cell": "int64", "strength": "float64",
    "runner_up_cell": "int64", "runner_up": "float64", "nobody": "float64", "path": "float64",
}  # fmt: skip
POSTERIOR = {"cell": "int64", "chance": "float64", "other": "int64", "other_chance": "float64"}
# Columns of pieces that decisions depend on, where a volume has them.
KNOWN_OF_PIECES = [
    "z", "piece", "area", "cell", "confidence", "body", "given", "traced", "new", "fixed", "apart",
]  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """The settings of `link.decide.decide_pieces`."""

    min_strength: float = 0.35
    min_margin: float = 0.1
    carried_weight: float = 1.0
    min_confidence: float = 0.25
    min_body_iou: float = 0.4
    min_cell_slices: int = 5
    min_cell_voxels: int = 5000
    bridge_slices: int = 4
    learn: bool = True
    max_user_id: int = 0


def decide_volume(
    volume: Volume, folder: Path, settings: Settings, banned: Iterable[tuple[Rows, int]] = ()
) -> Decided:
    """Join every piece of a volume to at most one cell, or leave it unassigned, as `link.decide.decide_pieces` does.

    volume: its own columns take up the decisions; folder: a new one, for what is needed only in between; banned: rows
    and a cell that they may not have.

    In memory are a block of slices with those around it, the pieces before it of which paths from later blocks may
    still decide (`paths.posteriors`), one number per cell, and the pieces of labelled slices that `link.calibrate`
    learns from.
    """
    folder.mkdir()
    bans: dict[int, set[int]] = {}
    for rows, one in banned:
        for row in rows.tolist():
            bans.setdefault(row, set()).add(one)
    return _Deciding(volume, folder, settings, bans).all()


@dataclass
class Decided:
    """A volume with decisions in its columns, the links within fragments, and those within bodies with their IoU."""

    volume: Volume
    strong: Pairs
    bodies: Pairs


def decisions_of(volume: Volume, slices: Block) -> Decisions:
    """What was decided so far of the pieces of some slices."""
    columns = volume.read(*slices, STATE)
    outcome = OUTCOMES[columns["outcome"].to_numpy()]
    return Decisions(
        outcome=outcome, **{name: columns[name].to_numpy(copy=True) for name in STATE if name != "outcome"}
    )


class _Deciding:
    """The steps of linking, in their order."""

    def __init__(self, volume: Volume, folder: Path, settings: Settings, banned: Mapping[int, set[int]]):
        self._volume, self._folder, self._set, self._banned = volume, folder, settings, banned
        self._columns, self._slices = volume.columns, volume.slices
        self._next_id = settings.max_user_id + 1
        self._links: list[Pairs] = []
        self._path_block = min(BLOCK, volume.slices.least)

    def all(self) -> Decided:
        persistence = Persistence(self._set.min_cell_slices, self._set.min_cell_voxels)
        self._settle_terminals()
        if "new" in self._columns:
            self._make_cells(self._numbered(), Persistence(self._set.min_cell_slices, 0))
        self._join_bodies()
        self._make_cells(self._lonely_bodies(), persistence)
        shifts = slice_shifts(self._volume)
        self._links = write_links(self._volume, self._joinable, shifts, self._set.bridge_slices)
        self._decide_rest(self._weights() if self._set.learn else KNOWN)
        strong = self._write_strong()
        self._make_cells(self._weak(strong), persistence)
        return Decided(self._volume, strong, self._write_bodies())

    # Reading and writing ---------------------------------------------------------------------------------------------

    def _pieces(self, slices: Block) -> pd.DataFrame:
        return self._volume.read(*slices, [name for name in KNOWN_OF_PIECES if name in self._columns])

    def _column(self, name: str, slices: Block) -> NDArray[Any]:
        return self._columns.read(name, *self._slices.rows(*slices))

    def _write(self, slices: Block, decisions: Decisions) -> None:
        start = self._slices.rows(*slices)[0]
        for name in STATE:
            values = getattr(decisions, name)
            if name == "outcome":
                values = np.array([CODES[one] for one in values], np.uint8)
            self._columns.write(name, start, values)

    def _open(self, slices: Block) -> NDArray[np.bool_]:
        """Pieces that nothing is decided of."""
        return (self._column("outcome", slices) == CODES[""]) & ~self._column("blocked", slices)

    def _joinable(self, slices: Block) -> NDArray[np.bool_]:
        return (self._column("final", slices) == 0) | self._column("given", slices)

    def _groups(
        self,
        name: str,
        reach: int,
        members: Callable[[Block], NDArray[np.bool_]],
        links: Callable[[Block], pd.DataFrame],
        keys: Callable[[Block], NDArray[np.int64]] | None = None,
    ) -> Groups:
        def ends(block: Block) -> tuple[Rows, Rows]:
            found = links(block)
            return found["a"].to_numpy(), found["b"].to_numpy()

        return Groups(self._folder / name, self._slices, reach, members, ends, keys)

    # The steps -------------------------------------------------------------------------------------------------------

    def _settle_terminals(self) -> None:
        for name, dtype in STATE.items():
            self._columns.add(name, dtype, self._slices.count)
        self._columns.add("large", "bool", self._slices.count)
        bodies = body_areas(self._volume, self._folder / "bodies")
        chains, drawn = self._drawn_chains()
        for block in self._slices.blocks:
            nodes = self._pieces(block)
            decisions = Decisions.of_terminals(nodes, self._set.min_confidence)
            fragment = size_by_bodies(nodes, bodies) < OWN
            chain = chains.of(*self._slices.rows(*block))
            supported = pd.MultiIndex.from_arrays([chain, nodes["cell"].to_numpy()]).isin(drawn)
            fragment |= doubtfully_carried(nodes) & ~supported
            decisions.reopen((decisions.outcome == "body") & fragment)
            decisions.settle(surely_traced(nodes, decisions), nodes)
            self._write(block, decisions)
            large = nodes["body"].to_numpy() & ~fragment
            self._columns.write("large", self._slices.rows(*block)[0], large)
            self._next_id = max(self._next_id, int(nodes["cell"].max()) + 1)

    def _drawn_chains(self) -> tuple[Groups, pd.MultiIndex]:
        """Chains of overlapping pieces, and of each chain the cells that the user drew in it."""

        def links(block: Block) -> pd.DataFrame:
            found = self._volume.edges.ending(*block)
            return found[found["iou"] >= self._set.min_body_iou]

        def members(block: Block) -> NDArray[np.bool_]:
            first, last = self._slices.rows(*block)
            return np.ones(last - first, bool)

        chains = self._groups("chains", self._volume.edges.reach, members, links)
        drawn = pd.MultiIndex.from_arrays([np.zeros(0, np.int64)] * 2)
        for block, chain in chains.blocks():
            nodes = self._pieces(block)
            here = pd.MultiIndex.from_arrays([chain, nodes["cell"].to_numpy()])[as_drawn(nodes)]
            drawn = drawn.append(here).unique()
        return chains, drawn

    def _numbered(self) -> Groups:
        """Open pieces that have one number of a new cell, or whose numbers meet between gaps."""
        codes: dict[tuple[int, int], int] = {}

        def members(block: Block) -> NDArray[np.bool_]:
            return (self._column("new", block) > 0) & self._open(block)

        def keys(block: Block) -> NDArray[np.int64]:
            number = self._column("new", block)
            if "apart" in self._columns:
                apart = self._column("apart", block)
                for i in np.flatnonzero(apart):
                    number[i] = -codes.setdefault((int(number[i]), int(apart[i])), len(codes) + 1)
            return number

        def links(block: Block) -> pd.DataFrame:
            found = self._volume.edges.ending(*block)
            found = found[found["iou"] >= self._set.min_body_iou]
            gaps = (gap_of_number(self._columns.at("new", found[end].to_numpy())) for end in ("a", "b"))
            return found[np.not_equal(*gaps)]

        return self._groups("numbered", self._volume.edges.reach, members, links, keys)

    def _body_links(self, found: pd.DataFrame) -> pd.DataFrame:
        """Of overlaps those along which bodies are joined, with the IoU as weight."""
        found = found[found["iou"] >= self._set.min_body_iou]
        usable = np.ones(len(found), bool)
        for end in ("a", "b"):
            rows = found[end].to_numpy()
            usable &= self._columns.at("large", rows) & ~self._columns.at("blocked", rows)
        found = found[usable]
        return found.assign(weight=found["iou"])

    def _join_bodies(self) -> None:
        edges = self._volume.edges

        def near(found: pd.DataFrame) -> pd.DataFrame:
            found = self._body_links(found)
            return found.assign(weight=STEP_OF_BODY * found["weight"].to_numpy() ** 0.02)

        def starts(block: Block) -> Starts:
            final = self._column("final", block)
            begins = (self._column("large", block) & (final > 0)).astype(float)
            none = np.zeros(len(final), np.int64)
            return self._starts(block, near(edges.read(*block)), final, begins, none, final > 0, none > 0)

        for rows, found in posteriors(
            self._slices, starts, lambda block: _as_links(near(edges.ending(*block))), block=self._path_block
        ):
            outcome, large, blocked = (
                self._columns.at(name, rows) for name in ("outcome", "large", "blocked")
            )
            given = np.flatnonzero(large & (outcome == CODES[""]) & ~blocked & (found.cell > 0))
            decisions = Decisions(*(np.zeros(len(given), kind) for kind in STATE_TYPES))
            decisions.give(np.arange(len(given)), found[given])
            for name in GIVEN:
                values = getattr(decisions, name)
                self._columns.put(name, rows[given], CODES["assigned"] if name == "outcome" else values)

    def _lonely_bodies(self) -> Groups:
        """Large bodies that reached no cell."""
        return self._groups(
            "lonely",
            self._volume.edges.reach,
            lambda block: self._column("large", block) & self._open(block),
            lambda block: self._body_links(self._volume.edges.ending(*block)),
        )

    def _make_cells(self, groups: Groups, persistence: Persistence) -> None:
        """Make new cells of the groups that persist."""
        lasts = Columns(self._folder / f"cells{self._next_id}-{len(list(self._folder.iterdir()))}")
        for name in ("slices", "voxels"):
            lasts.add(name, np.int64, groups.count + 1)
        for block, group in groups.blocks():
            table = self._volume.read(*block, ["z", "area"]).assign(group=group)
            table = table[group > 0].groupby("group").agg({"z": "nunique", "area": "sum"})
            lasts.increase("slices", table.index.to_numpy(), table["z"].to_numpy())
            lasts.increase("voxels", table.index.to_numpy(), table["area"].to_numpy())
        groups.keep(
            lambda start, stop: (
                (lasts.read("slices", start, stop) >= persistence.slices)
                & (lasts.read("voxels", start, stop) >= persistence.voxels)
            )
        )
        for block, group in groups.blocks():
            rows = np.flatnonzero(group) + self._slices.rows(*block)[0]
            self._columns.put("final", rows, self._next_id + group[group > 0] - 1)
            self._columns.put("outcome", rows, CODES["new_cell"])
        self._next_id += groups.count

    def _starts(
        self,
        block: Block,
        ahead: pd.DataFrame,
        cell: NDArray[np.int64],
        chance: NDArray[np.float64],
        source: NDArray[np.int64],
        closed: NDArray[np.bool_],
        named: NDArray[np.bool_],
    ) -> Starts:
        """ahead: all links whose first piece is in the block."""
        last, best = np.full(len(cell), -1, np.int64), np.zeros(len(cell))
        at = ahead["a"].to_numpy() - self._slices.rows(*block)[0]
        np.maximum.at(last, at, ahead["b"].to_numpy())
        np.maximum.at(best, at, ahead["weight"].to_numpy())
        return Starts(cell, chance, source, closed, named, last, best)

    def _posterior(self, hidden: Callable[[Block], NDArray[np.bool_]] | None = None) -> None:
        """Write what paths say of every open piece, as if nothing were known of ``hidden`` ones."""
        weight = self._set.carried_weight

        def starts(block: Block) -> Starts:
            nodes = self._pieces(block)
            trust = np.where(nodes["body"].to_numpy(), CARRIED_BODY, 1.0)
            evidence = weight * nodes["confidence"].to_numpy() * trust
            graph = Graph(nodes, decisions_of(self._volume, block), NO_LINKS, evidence)
            chance, closed = graph.belief, graph.closed
            if hidden is not None:
                chance, closed = np.where(hidden(block), 0.0, chance), closed & ~hidden(block)
            ahead = self._links_of(block, ahead=True)
            return self._starts(block, ahead, graph.owner, chance, graph.source, closed, graph.named)

        for name, dtype in POSTERIOR.items():
            self._columns.add(f"found_{name}", dtype, self._slices.count)

        def links(block: Block) -> Links:
            return _as_links(self._links_of(block))

        for rows, found in posteriors(self._slices, starts, links, self._banned, self._path_block):
            for name in POSTERIOR:
                self._columns.put(f"found_{name}", rows, getattr(found, name))

    def _links_of(self, block: Block, ahead: bool = False) -> pd.DataFrame:
        """All links that end in a block, or all that begin there."""
        return pd.concat([pairs.read(*block) if ahead else pairs.ending(*block) for pairs in self._links])

    def _weights(self) -> NDArray[np.float64]:
        """Weights of paths under which labelled slices foretell each other best, as `calibrate.learned` finds them."""
        labelled = [
            np.unique(nodes["z"][nodes["given"]])
            for nodes in (self._volume.read(*block, ["z", "given"]) for block in self._slices.blocks)
        ]
        paths, right = [], []
        for part in halves(np.concatenate([*labelled, np.zeros(0, np.int64)])):
            hidden = self._hidden(part)
            self._posterior(hidden)
            for block in self._slices.blocks:
                chance, cell = self._column("found_chance", block), self._column("found_cell", block)
                rows = np.flatnonzero(hidden(block) & (cell > 0) & (cell != NOBODY))
                paths.append(chance[rows])
                right.append(cell[rows] == self._column("cell", block)[rows])
        return weights_by(np.concatenate(paths), np.concatenate(right)) if paths else KNOWN

    def _hidden(self, zs: NDArray[np.integer[Any]]) -> Callable[[Block], NDArray[np.bool_]]:
        def hidden(block: Block) -> NDArray[np.bool_]:
            drawn = self._column("given", block) & ~self._column("large", block)
            return drawn & np.isin(self._column("z", block), zs)

        return hidden

    def _decide_rest(self, weights: NDArray[np.float64]) -> None:
        self._posterior()
        for block in self._slices.blocks:
            decisions = decisions_of(self._volume, block)
            rest = np.flatnonzero(self._open(block))
            found = Posterior(*(self._column(f"found_{name}", block)[rest] for name in POSTERIOR))
            body = self._column("body", block)[rest]
            decisions.decide(rest, found, weights, self._set.min_strength, self._set.min_margin, body)
            self._write(block, decisions)

    def _write_strong(self) -> Pairs:
        """The links within fragments and protrusions."""
        strong = Pairs(self._columns, "strong", self._slices, WEIGHT)
        reach = max(1, *(pairs.reach for pairs in self._links))
        for block in self._slices.blocks:
            wide = window(block, reach)
            arrays = window(block, reach, reach)
            start, first, last = (self._slices.rows(*arrays)[0], *self._slices.rows(*block))
            found = self._links_of(wide, ahead=True)
            links = Links(
                found["a"].to_numpy() - start, found["b"].to_numpy() - start, found["weight"].to_numpy()
            )
            near = direct_overlaps(self._volume, arrays)
            overlaps = Links(near.a, near.b, near.iou)
            large = self._column("large", arrays)
            chosen = strong_links(links, decisions_of(self._volume, arrays), large, overlaps)
            own = (chosen.a + start >= first) & (chosen.a + start < last)
            strong.append(chosen.a[own] + start, chosen.b[own] + start, chosen.weight[own])
        return strong

    def _weak(self, strong: Pairs) -> Groups:
        """Pieces that reach no cell."""
        weak = CODES["unassigned_weak"]
        return self._groups(
            "weak", strong.reach, lambda block: self._column("outcome", block) == weak,
            lambda block: strong.ending(*block),
        )  # fmt: skip

    def _write_bodies(self) -> Pairs:
        """The links along one body."""
        bodies = Pairs(self._columns, "within", self._slices, {"iou": "float64"})
        for block in self._slices.blocks:
            wide = window(block, 0, max(self._volume.edges.reach, 1))
            start, _ = self._slices.rows(*wide)
            found = self._volume.edges.read(*block)
            found = found[found["direct"]]
            links = Links(
                found["a"].to_numpy() - start, found["b"].to_numpy() - start, found["iou"].to_numpy()
            )
            body, large = self._column("body", wide), self._column("large", wide)
            within = body[links.a] & body[links.b]
            nodes = self._volume.read(*wide, ["cell"])
            within &= reaches(nodes, decisions_of(self._volume, wide), large, links, self._set.min_body_iou)
            bodies.append(links.a[within] + start, links.b[within] + start, links.weight[within])
        return bodies


NO_LINKS = Links(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
STATE_TYPES = [object, bool, np.int64, np.int64, float, np.int64, float, float, float]
GIVEN = ["outcome", "final", "best_cell", "strength", "path", "runner_up_cell", "runner_up"]


def _as_links(found: pd.DataFrame) -> Links:
    return Links(*(found[name].to_numpy() for name in ("a", "b", "weight")))
