"""The state of linking: terminals at the start, and which pieces are accepted."""

import numpy as np
import pandas as pd
from ultraseg.link.decisions import Decisions
from ultraseg.link.nodes import NOBODY
from ultraseg.link.paths import Posterior

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


PLAIN = np.array([0.0, 1.0])  # strengths are what paths say


def found(cell, chance, other, other_chance):
    return Posterior(*(np.array(column) for column in (cell, chance, other, other_chance)))


def decided(cell, chance, other, other_chance, body=(False, False)):
    state, rows = Decisions.of_terminals(NODES, 0.25), np.array([1, 4])
    state.decide(rows, found(cell, chance, other, other_chance), PLAIN, 0.45, 0.1, np.array(body))
    return state, rows


def test_a_piece_is_assigned_when_its_cell_is_likely_and_clear():
    state, rows = decided([7, 9], [0.6, 0.3], [4, 0], [0.1, 0.0])
    assert state.outcome[rows].tolist() == ["assigned", "unassigned_weak"] and state.final[rows].tolist() == [
        7,
        0,
    ]
    assert state.strength[rows].round(3).tolist() == [0.6, 0.3] and state.best_cell[rows].tolist() == [7, 9]
    assert state.runner_up_cell[rows].tolist() == [4, 0] and state.runner_up[1] == np.float64(0.1)


def test_where_fragments_often_have_no_cell_the_doubt_about_the_best_one_does_not_speak_for_the_next_one():
    state, rows = Decisions.of_terminals(NODES, 0.25), np.array([1, 4])
    often_nobodys = np.array([-1.1, 1.2])
    paths = found([7, 9], [0.7, 0.7], [4, NOBODY], [0.28, 0.28])
    state.decide(rows, paths, often_nobodys, 0.4, 0.1, np.array([False, False]))
    assert state.strength[1] == state.strength[4] and 0.45 < state.strength[1] < 0.5
    assert state.runner_up[1] < 0.15 and state.outcome[1] == "assigned"
    assert state.nobody[4] > 0.45 and state.outcome[4] == "unassigned_weak"


def test_two_cells_that_are_alike_leave_a_fragment_but_never_a_body():
    state, rows = decided([7, 7], [0.46, 0.46], [4, 4], [0.44, 0.44], body=(False, True))
    assert state.outcome[rows].tolist() == ["unassigned_ambiguous", "assigned"]
    assert state.final[rows].tolist() == [0, 7]


def test_what_leads_to_nobody_is_blocked_and_columns_are_added():
    state, rows = decided([NOBODY, 9], [0.9, 0.6], [9, NOBODY], [0.05, 0.3])
    assert state.outcome[rows].tolist() == ["unassigned_left_out", "assigned"]
    assert state.blocked[1] and not state.blocked[4] and state.best_cell[1] == 0
    assert state.nobody[rows].round(2).tolist() == [0.9, 0.3] and state.runner_up_cell[4] == 0
    table = state.added_to(NODES)
    assert table["margin"].iloc[4].round(2) == 0.3 and table["final"].tolist() == state.final.tolist()


def test_a_small_body_can_lose_the_id_that_it_carried():
    state = Decisions.of_terminals(NODES, 0.25)
    state.reopen(np.array([True] + [False] * 5))
    assert state.outcome[0] == "" and state.final[0] == 0 and state.strength[0] == 0
