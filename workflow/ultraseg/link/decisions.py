"""What linking has decided of each piece so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ultraseg.link.flood import Flood

TOLERANCE = 1e-9
COLUMNS = ("final", "outcome", "best_cell", "strength", "runner_up_cell", "runner_up")


@dataclass
class Decisions:
    """One entry per row of the table of pieces; the arrays are changed in place as linking proceeds.

    outcome: "" while a piece is open. blocked: no path may lead through the piece and no cell may have it.
    final: the cell of the piece, 0 for none. The other four: strongest cell and its strength, best other cell and
    its strength.
    """

    outcome: NDArray[np.object_]
    blocked: NDArray[np.bool_]
    final: NDArray[np.int64]
    best_cell: NDArray[np.int64]
    strength: NDArray[np.float64]
    runner_up_cell: NDArray[np.int64]
    runner_up: NDArray[np.float64]

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
        nobody = np.zeros(len(nodes), np.int64)
        return cls(outcome, blocked, own, own.copy(), terminal.astype(float), nobody, nobody.astype(float))

    def accept(
        self,
        rows: NDArray[np.intp],
        found: Flood,
        min_strength: float,
        min_margin: float,
        *,
        only_assigned: bool = False,
    ) -> None:
        """Assign those of the pieces `rows` whose strongest cell is strong and clear enough.

        The other pieces get the outcome that says why they have no cell, or stay open (`only_assigned`).
        """
        strong = (found.cell > 0) & (found.strength >= min_strength - TOLERANCE)
        clear = found.strength - found.runner >= min_margin - TOLERANCE
        outcome = np.where(strong, np.where(clear, "assigned", "unassigned_ambiguous"), "unassigned_weak")
        chosen = strong & clear if only_assigned else np.ones(len(rows), bool)
        rows = rows[chosen]
        self.outcome[rows] = outcome[chosen]
        self.final[rows] = np.where(strong & clear, found.cell, 0)[chosen]
        self.best_cell[rows] = found.cell[chosen]
        self._note(rows, found, chosen)

    def leave_out(
        self, rows: NDArray[np.intp], found: Flood, nobody: int, min_strength: float, min_margin: float
    ) -> None:
        """Leave those of the pieces `rows` to nobody that lead to `nobody` strongly and clearly enough."""
        left_out = (found.cell == nobody) & (found.strength >= min_strength - TOLERANCE)
        left_out &= found.strength - found.runner >= min_margin - TOLERANCE
        rows = rows[left_out]
        self.outcome[rows], self.blocked[rows] = "unassigned_left_out", True
        self._note(rows, found, left_out)

    def _note(self, rows: NDArray[np.intp], found: Flood, chosen: NDArray[np.bool_]) -> None:
        self.strength[rows] = found.strength[chosen]
        self.runner_up_cell[rows] = found.runner_cell[chosen]
        self.runner_up[rows] = found.runner[chosen]

    def added_to(self, nodes: pd.DataFrame) -> pd.DataFrame:
        """The table of pieces with the decisions as columns, and the margin of the strongest cell."""
        nodes = nodes.assign(**{name: getattr(self, name) for name in COLUMNS})
        nodes["outcome"] = nodes["outcome"].astype(str)
        nodes["margin"] = nodes["strength"] - nodes["runner_up"]
        return nodes
