"""Probabilities follow the user's own labels."""

import numpy as np
import pandas as pd
from ultraseg.link.calibrate import KNOWN, learned, strength_of
from ultraseg.link.decisions import Decisions
from ultraseg.link.paths import Graph, Links


def labelled_tubes(count=60, wrong=0.0, slices=5):
    """Straight tubes drawn on every slice, of which a share has another cell on every second slice."""
    rng = np.random.default_rng(0)
    rows = []
    for z in range(slices):
        for piece in range(1, count + 1):
            other = piece <= wrong * count and z % 2
            rows.append((z, piece, 50, 10.0 * piece, 0.0, 500 + piece if other else piece, 1.0, False, True))
    columns = ["z", "piece", "area", "y", "x", "cell", "confidence", "body", "given"]
    nodes = pd.DataFrame(rows, columns=columns)
    a = np.arange(count * (slices - 1))
    links = Links(a, a + count, rng.uniform(0.6, 0.9, len(a)))
    return nodes, Graph(nodes, Decisions.of_terminals(nodes, 0.25), links, np.zeros(len(nodes)))


def test_where_labels_agree_paths_are_trusted_more_and_where_they_do_not_less():
    path = np.array([0.6])
    found = {}
    for wrong in (0.0, 0.9):
        nodes, graph = labelled_tubes(wrong=wrong)
        found[wrong] = strength_of(path, learned(graph, nodes, np.zeros(len(nodes), bool)))[0]
    assert found[0.0] > strength_of(path, KNOWN)[0] + 0.1 > found[0.9] + 0.2


def test_few_labelled_slices_teach_nothing():
    nodes, graph = labelled_tubes(slices=2)
    assert learned(graph, nodes, np.zeros(len(nodes), bool)) is KNOWN


def test_a_likelier_path_is_never_a_worse_sign():
    nodes, graph = labelled_tubes(wrong=0.5)
    weights = learned(graph, nodes, np.zeros(len(nodes), bool))
    strength = strength_of(np.linspace(0, 1, 20), weights)
    assert (np.diff(strength) >= 0).all() and 0 <= strength[0] and strength[-1] <= 1
