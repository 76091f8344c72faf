"""The state of linking: terminals at the start, and which pieces are accepted."""

import numpy as np
import pandas as pd
from ultraseg.link.decisions import Decisions
from ultraseg.link.flood import Flood

NODES = pd.DataFrame(
    {
        "z": 0, "piece": [1, 2, 3, 4, 5, 6], "area": 9, "y": 0.0, "x": 0.0, "cell": [7, 7, 8, 0, 9, 5],
        "confidence": [0.9, 0.1, 1.0, 1.0, 0.9, 0.0], "body": [True, True, False, False, False, False],
        "given": [False, False, True, True, False, False], "fixed": [False] * 5 + [True],
    }
)  # fmt: skip


def test_terminals_are_drawn_pieces_sure_bodies_and_what_the_user_fixed():
    state = Decisions.of_terminals(NODES, 0.25)
    assert state.outcome.tolist() == ["body", "", "given", "background", "", "corrected"]
    assert state.final.tolist() == state.best_cell.tolist() == [7, 0, 8, 0, 0, 5]
    assert state.strength.tolist() == [1, 0, 1, 0, 0, 1] and state.blocked.tolist() == [0, 0, 0, 1, 0, 0]


def found(cell, strength, runner):
    return Flood(np.array(cell), np.array(strength), np.array([4, 4]), np.array(runner))


def test_a_piece_is_accepted_when_its_cell_is_strong_and_clear():
    state = Decisions.of_terminals(NODES, 0.25)
    rows = np.array([1, 4])
    state.accept(rows, found([7, 9], [0.5, 0.1], [0.2, 0.0]), 0.2, 0.1, only_assigned=True)
    assert state.outcome[rows].tolist() == ["assigned", ""] and state.final[rows].tolist() == [7, 0]
    state.accept(rows, found([7, 9], [0.5, 0.1], [0.45, 0.0]), 0.2, 0.1)
    assert state.outcome[rows].tolist() == ["unassigned_ambiguous", "unassigned_weak"]
    assert state.final[rows].tolist() == [0, 0] and state.runner_up[rows].tolist() == [0.45, 0.0]


def test_what_leads_to_nobody_is_blocked_and_columns_are_added():
    state = Decisions.of_terminals(NODES, 0.25)
    state.leave_out(np.array([1, 4]), found([99, 9], [0.5, 0.9], [0.2, 0.0]), 99, 0.2, 0.1)
    assert (
        state.outcome[[1, 4]].tolist() == ["unassigned_left_out", ""]
        and state.blocked[1]
        and not state.blocked[4]
    )
    table = state.added_to(NODES)
    assert table["margin"].iloc[1] == 0.3 and table["final"].tolist() == state.final.tolist()
