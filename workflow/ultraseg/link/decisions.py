"""What linking has decided of each piece so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ultraseg.link.calibrate import strength_of
from ultraseg.link.logistic import CERTAIN
from ultraseg.link.nodes import NOBODY

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ultraseg.link.paths import Posterior

TOLERANCE = 1e-9
UNBROKEN = 0.75  # probability of two cells together from which a body is surely of one of them
COLUMNS = ("final", "outcome", "best_cell", "strength", "runner_up_cell", "runner_up", "nobody", "path")


@dataclass
class Decisions:
    """One entry per row of the table of pieces; the arrays are changed in place as linking proceeds.

    outcome: "" while a piece is open. blocked: no path may lead through the piece and no cell may have it.
    final: the cell of the piece, 0 for none. best_cell, strength, runner_up_cell, runner_up: best cell and its
    probability, the next cell (0 for nobody) and its probability. nobody: probability that the user would leave the
    piece out, where a path says so. path: probability by the paths alone,
    before it is calibrated.
    """

    outcome: NDArray[np.object_]
    blocked: NDArray[np.bool_]
    final: NDArray[np.int64]
    best_cell: NDArray[np.int64]
    strength: NDArray[np.float64]
    runner_up_cell: NDArray[np.int64]
    runner_up: NDArray[np.float64]
    nobody: NDArray[np.float64]
    path: NDArray[np.float64]

    @classmethod
    def of_terminals(cls, nodes: pd.DataFrame, min_confidence: float) -> Decisions:
        """The state before any path is followed: terminals have their outcome and cell, all other pieces are open."""
        cell, given = nodes["cell"].to_numpy(), nodes["given"].to_numpy()
        trusted = nodes["body"].to_numpy() & (nodes["confidence"].to_numpy() >= min_confidence)
        # A piece that the user gave to a cell is as certain as a piece that the user drew.
        fixed = nodes["fixed"].to_numpy() if "fixed" in nodes else np.zeros(len(nodes), bool)
        terminal = (cell > 0) & (given | trusted | fixed)
        blocked = given & (cell == 0)  # the user says: no cell here
        outcome = np.full(len(nodes), "", object)
        outcome[terminal & ~given], outcome[terminal & given], outcome[blocked] = (
            "body",
            "given",
            "background",
        )
        outcome[fixed & terminal] = "corrected"
        own = np.where(terminal, cell, 0)
        none = np.zeros(len(nodes))
        return cls(
            outcome, blocked, own, own.copy(), terminal.astype(float), none.astype(np.int64), none.copy(),
            blocked.astype(float), terminal.astype(float),
        )  # fmt: skip

    def reopen(self, rows: NDArray[np.bool_]) -> None:
        """Take back what was decided of the pieces ``rows`` (bool)."""
        self.outcome[rows] = ""
        for values in (self.final, self.best_cell, self.strength, self.path):
            values[rows] = 0

    def settle(self, rows: NDArray[np.intp], nodes: pd.DataFrame) -> None:
        """Leave the pieces ``rows`` with the cells whose ids they carry."""
        self.outcome[rows] = "assigned"
        self.final[rows] = self.best_cell[rows] = nodes["cell"].to_numpy()[rows]
        self.path[rows] = self.strength[rows] = nodes["confidence"].to_numpy()[rows]

    def give(self, rows: NDArray[np.intp], found: Posterior) -> None:
        """Assign bodies to the cells that reach them; found: of the pieces `rows`."""
        self.outcome[rows] = "assigned"
        self.final[rows] = self.best_cell[rows] = found.cell
        self.path[rows] = self.strength[rows] = found.chance
        self.runner_up_cell[rows], self.runner_up[rows] = found.other, found.other_chance

    def decide(
        self,
        rows: NDArray[np.intp],
        found: Posterior,
        weights: NDArray[np.float64],
        min_strength: float,
        min_margin: float,
        body: NDArray[np.bool_],
    ) -> None:
        """Decide the pieces `rows` by what paths say of them (`found`) and whether each is a `body`.

        The strength is the probability that the best cell is right (`calibrate.strength_of`). The runner-up has its
        share of the rest, and another cell no more than its own path would give it. A piece is assigned where the
        strength is at least `min_strength` and the margin at least `min_margin`. A body is assigned too where only the
        choice between two cells is unclear.
        """
        nobody, other_nobody = found.cell == NOBODY, found.other == NOBODY
        strength = np.where(found.cell > 0, strength_of(found.chance, weights), 0.0)
        rest = np.maximum(1 - found.chance, CERTAIN)
        runner = (1 - strength) * np.minimum(found.other_chance / rest, 1)
        # Doubt about whether there is any cell speaks for no other cell.
        runner = np.where(other_nobody, runner, np.minimum(runner, strength_of(found.other_chance, weights)))
        likely = strength >= min_strength - TOLERANCE
        good = ~nobody & likely & (strength - runner >= min_margin - TOLERANCE)
        between = ~good & ~nobody & (found.other > 0) & ~other_nobody
        good |= between & body & (found.chance + found.other_chance >= UNBROKEN)
        between &= strength + runner >= min_strength - TOLERANCE
        left_out = nobody & likely
        self.outcome[rows] = np.select(
            [good, left_out, between],
            ["assigned", "unassigned_left_out", "unassigned_ambiguous"],
            "unassigned_weak",
        )
        self.final[rows] = np.where(good, found.cell, 0)
        self.blocked[rows] |= left_out
        self.best_cell[rows] = np.where(nobody, 0, found.cell)
        self.strength[rows], self.path[rows] = strength, found.chance
        self.runner_up_cell[rows] = np.where(other_nobody, 0, found.other)
        self.runner_up[rows] = runner
        self.nobody[rows] = np.where(nobody, strength, np.where(other_nobody, runner, 0.0))

    def added_to(self, nodes: pd.DataFrame) -> pd.DataFrame:
        """The table of pieces with the decisions as columns, and the margin of the strongest cell."""
        nodes = nodes.assign(**{name: getattr(self, name) for name in COLUMNS})
        nodes["outcome"] = nodes["outcome"].astype(str)
        nodes["margin"] = nodes["strength"] - nodes["runner_up"]
        return nodes
