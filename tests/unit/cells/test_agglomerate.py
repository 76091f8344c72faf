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


# ---- what ends within the volume
WITHIN = AgglomerationSettings(first_prior=0, second_prior=0, min_new=20)


def cells_of(graph, size, within, terminals=2, settings=WITHIN):
    cell, _ = agglomerate(graph, terminals, np.array(size), settings, np.array(within))
    return cell.tolist()


def star(*means):
    """One region among others: the last one touches each of the others, with these means of 1 - cut."""
    n = len(means)
    values = np.array([[100 * m for m in means], [100.0] * n, [1.0] * n])
    return graph_of(n + 1, np.arange(n), np.full(n, n), values)


def test_what_ends_within_the_volume_belongs_to_the_neighbour_that_leads():
    graph, size = star(0.4, 0.2), [100, 100, 50]
    assert cells_of(graph, size, [False, False, True]) == [0, 1, 0]
    assert cells_of(graph, size, [False, False, False]) == [0, 1, 2]  # it comes in at the border
    assert agglomerate(graph, 2, np.array(size), WITHIN)[0].tolist() == [0, 1, 2]  # nothing is known
    assert cells_of(graph, [100, 100, 19], [False] * 3) == [0, 1, 0]  # too small for a cell of its own


@pytest.mark.parametrize("means", [(0.4, 0.31), (0.24, 0.0)])
def test_without_a_lead_or_evidence_it_stays_a_cell_of_its_own(means):
    assert cells_of(star(*means), [100, 100, 50], [False, False, True]) == [0, 1, 2]


def test_a_lead_is_no_evidence_where_all_is_asked_for():
    settings = AgglomerationSettings(first_prior=0, second_prior=0, min_new=20, inner_least=1.0)
    assert cells_of(star(0.45, 0.0), [100, 100, 50], [False, False, True], settings=settings) == [0, 1, 2]


def test_two_halves_of_a_cell_that_no_label_shows_become_one():
    # 1 and 2 touch each other, and both a little the cell 0.
    values = np.array([[30.0, 10.0, 10.0], [100.0] * 3, [1.0] * 3])
    graph = graph_of(3, np.array([1, 0, 0]), np.array([2, 1, 2]), values)
    assert cells_of(graph, [100, 50, 50], [False, True, True], terminals=1) == [0, 1, 1]


def test_a_union_may_be_continued_in_turn():
    # 1 leads on to 2 and 2, with 1 in it, to the cell 0: by itself 2 has no lead between 0 and 3.
    first, second = np.array([1, 2, 2, 3]), np.array([2, 4, 0, 2])
    values = np.array([[45.0, 0.0, 40.0, 20.0], [100.0, 100.0, 100.0, 100.0], [1.0, 1.0, 1.0, 1.0]])
    graph = graph_of(5, first, second, values)
    found = cells_of(graph, [100, 50, 50, 50, 50], [False, True, True, False, False], terminals=1)
    assert found[0] == found[1] == found[2] == 0 and len({found[0], found[3], found[4]}) == 3


def test_the_margin_of_what_is_continued_is_its_lead():
    _, margin = agglomerate(
        star(0.4, 0.2), 2, np.array([100, 100, 50]), WITHIN, np.array([False, False, True])
    )
    assert margin[2] == pytest.approx(0.2)
