"""Average linkage between terminals."""

import numpy as np
import pytest
from ultraseg.cells.agglomerate import FREE, AgglomerationSettings, agglomerate, average_linkage
from ultraseg.cells.region_graph import graph_of


def chain(*means, pairs=100.0):
    """Regions in a row; ``means`` of 1 - cut between neighbours."""
    n = len(means) + 1
    values = np.array([[m * pairs for m in means], [pairs] * (n - 1), [1.0] * (n - 1)])
    return graph_of(n, np.arange(n - 1), np.arange(1, n), values)


def link(graph, terminal, prior=0.0, least=0.5):
    found = average_linkage(graph, np.array(terminal), prior=prior, least=least)
    return found.terminal[found.cluster].tolist(), found


def test_regions_between_two_terminals_go_where_the_contact_is_better():
    names, found = link(chain(0.9, 0.6, 0.8), [0, FREE, FREE, 1])
    assert names == [0, 0, 1, 1]
    assert found.margin[0] == np.inf and found.margin[1] == pytest.approx(0.9)


def test_two_terminals_never_meet():
    names, _ = link(chain(1.0), [0, 1])
    assert names == [0, 1]
    names, found = link(chain(0.9, 0.95), [0, FREE, 1])
    assert names == [0, 1, 1] and found.margin[1] == pytest.approx(0.05)


def test_what_stays_below_the_least_priority_stays_free():
    names, found = link(chain(0.9, 0.4), [0, FREE, FREE])
    assert names == [0, 0, FREE] and np.isnan(found.margin[2])
    assert link(chain(0.9, 0.4), [0, FREE, FREE], least=0.3)[0] == [0, 0, 0]


def test_the_prior_lets_large_contacts_go_first():
    # The small contact is a little better, but has few pairs of voxels.
    small, large = (0.95 * 4, 4, 1), (0.9 * 400, 400, 1)
    graph = graph_of(3, np.array([0, 1]), np.array([1, 2]), np.array([small, large]).T)
    assert link(graph, [0, FREE, 1], prior=0)[0] == [0, 0, 1]
    assert link(graph, [0, FREE, 1], prior=30)[0] == [0, 1, 1]


def test_the_mean_is_that_of_all_pairs_of_a_union():
    # 1 and 2 unite first; towards 0 the union has one good and one bad contact, towards 3 a middling one.
    values = np.array([[99.0, 95, 5, 70], [100.0] * 4, [1.0] * 4])
    graph = graph_of(4, np.array([1, 0, 0, 2]), np.array([2, 1, 2, 3]), values)
    assert link(graph, [0, FREE, FREE, 1])[0] == [0, 1, 1, 1]


def test_regions_without_contact_do_not_unite_but_their_pairs_count():
    values = np.array([[50.0, 90.0, 0.0], [50.0, 100.0, 200.0], [0.0, 1.0, 0.0]])
    graph = graph_of(3, np.array([0, 1, 0]), np.array([1, 2, 2]), values)
    names, _ = link(graph, [0, FREE, FREE], least=0.3)
    assert names == [0, FREE, FREE]


def test_the_margin_of_a_cluster_is_that_of_its_joining():
    names, found = link(chain(0.7, 0.95, 0.6), [0, FREE, FREE, 1])
    assert names == [0, 0, 0, 1]
    assert found.margin[1:3] == pytest.approx([0.1, 0.1])


def test_large_clusters_without_an_id_are_new_cells_and_small_ones_go_to_the_best_neighbour():
    graph = chain(0.1, 0.9, 0.2, 0.3)
    settings = AgglomerationSettings(first_prior=0, second_prior=0, min_new=50)
    cell, margin = agglomerate(graph, 1, np.array([10, 30, 30, 5, 5]), settings)
    assert cell.tolist() == [0, 1, 1, 1, 1] and margin[0] == 1
    cell, _ = agglomerate(graph, 1, np.array([10, 30, 30, 5, 5]), AgglomerationSettings(min_new=1000))
    assert cell.tolist() == [0] * 5


def test_without_any_terminal_small_clusters_stay_free():
    cell, margin = agglomerate(chain(0.9), 0, np.array([5, 5]), AgglomerationSettings())
    assert cell.tolist() == [FREE, FREE] and np.isnan(margin).all()


def test_terminals_that_no_cut_parts_have_a_small_margin():
    _, margin = agglomerate(chain(0.95, 0.1), 3, np.array([5, 5, 5]), AgglomerationSettings(first_prior=0))
    assert margin.tolist() == pytest.approx([0.05, 0.05, 0.9])
