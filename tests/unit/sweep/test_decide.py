import inspect
from dataclasses import asdict

import numpy as np
import pytest
from piece_graphs import random_graph
from ultraseg.link.decide import decide_pieces
from ultraseg.link.decisions import COLUMNS
from ultraseg.sweep.decide import CODES, OUTCOMES, STATE, Settings, decide_volume, decisions_of
from volume_of_pieces import loaded


def test_the_settings_are_those_of_linking_at_once():
    parameters = inspect.signature(decide_pieces).parameters.values()
    known = {p.name: p.default for p in parameters if p.kind == p.KEYWORD_ONLY and p.name != "banned"}
    assert asdict(Settings()) == known


def test_every_outcome_has_a_number():
    assert [CODES[name] for name in OUTCOMES] == list(range(len(OUTCOMES))) and set(COLUMNS) < set(STATE)


@pytest.mark.parametrize(
    "seed, change, settings",
    [
        (10, {}, {"max_user_id": 500}),
        (11, {}, {"learn": False, "bridge_slices": 0, "carried_weight": 0.5}),
        (12, {"cell": 0, "new": 0}, {"min_cell_voxels": 50}),  # nobody is known
        (13, {"given": False}, {"min_confidence": 0.9, "min_cell_slices": 3}),
        (14, {"traced": False}, {"min_strength": 0.8, "min_margin": 0.3, "min_body_iou": 0.2}),
    ],
)
def test_decisions_of_blocks_are_those_of_the_whole(tmp_path, seed, change, settings):
    nodes, edges = random_graph(seed, depth=30, courses=45)
    nodes = nodes.assign(**change)
    banned = [(np.arange(40, 300, 7), 3), (np.arange(41, 300, 5), 8)]
    expected = decide_pieces(nodes, edges, banned=banned, **settings)
    volume = loaded(tmp_path / "v", nodes, edges, block=(60, 2))
    found = decide_volume(volume, tmp_path / "steps", Settings(**settings), banned)
    decisions = decisions_of(found.volume, (0, len(volume.slices)))
    for name in COLUMNS:
        assert np.array_equal(getattr(decisions, name), expected.nodes[name].to_numpy()), name
    for pairs, links in ((found.strong, expected.strong), (found.bodies, expected.bodies)):
        table = pairs.read(0, len(volume.slices)).sort_values(["a", "b"])
        order = np.lexsort((links.b, links.a))
        assert np.array_equal(table[["a", "b"]], np.stack([links.a, links.b], 1)[order]) and len(table)
        assert np.array_equal(table.iloc[:, 2], links.weight[order])
