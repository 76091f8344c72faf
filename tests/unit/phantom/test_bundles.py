"""Bundles of protrusions: most are orphans, they keep apart, and those of a cell begin in its body."""

import numpy as np
import pytest
from scipy.spatial import cKDTree
from ultraseg.base.errors import UserError
from ultraseg.phantom.bundles import BODIES, UNIT, grow_bundles
from ultraseg.phantom.tissue import Tissue
from ultraseg.phantom.volume import Phantom

SHAPE, SCALE = (40, 200, 240), 0.25


@pytest.fixture(scope="module")
def grown():
    tissue = Tissue(SHAPE, 5, BODIES * SCALE)
    return tissue, grow_bundles(tissue, SCALE, 0.5)


def test_the_same_seed_grows_the_same_courses(grown):
    tissue, courses = grown
    again = grow_bundles(tissue, SCALE, 0.5)
    np.testing.assert_array_equal(courses.points, again.points)
    np.testing.assert_array_equal(courses.owner, again.owner)


def test_more_tubes_are_orphans_than_protrusions_and_orphans_have_numbers_of_their_own(grown):
    tissue, courses = grown
    orphans = courses.owner[courses.owner >= len(tissue)]
    assert len(courses.owner) > 10 and len(orphans) > len(courses.owner) / 2
    assert len(np.unique(orphans)) == len(orphans)


def test_a_protrusion_begins_inside_its_cell(grown):
    tissue, courses = grown
    own = courses.owner < len(tissue)
    depth, cell = tissue.depth(courses.points[own, 0])
    assert own.any() and (cell == courses.owner[own]).all() and (depth > 0).all()


def test_tubes_hardly_run_into_each_other(grown):
    _, courses = grown
    tube, k = np.nonzero(np.arange(courses.points.shape[1]) < courses.count[:, None])
    points, radius = courses.points[tube, k], courses.radius[tube, k]
    a, b = cKDTree(points).query_pairs(2 * radius.max(), output_type="ndarray").T
    other = tube[a] != tube[b]
    near = np.linalg.norm(points[a] - points[b], axis=1)[other] < 0.7 * (radius[a] + radius[b])[other]
    assert near.sum() < 0.05 * len(points)


def test_difficult_tissue_has_more_courses_in_the_plane():
    tissue = Tissue(SHAPE, 5, BODIES * SCALE)
    rise = []
    for difficulty in (0.0, 1.0):
        courses = grow_bundles(tissue, SCALE, difficulty)
        start, end, *_ = courses.segments()
        rise.append(np.mean(np.abs(end - start)[:, 0] < 0.3 * UNIT * SCALE))
    assert rise[1] > 2 * rise[0]


def test_the_level_of_a_phantom_shows_them_and_the_demo_stays_as_it_is():
    phantom = Phantom((6, 96, 96), 5, scale=SCALE, level="tissue")
    cells, courses = phantom.render_cells(3)
    rendered = phantom.render(3, 4)
    np.testing.assert_array_equal(cells, rendered["cells"][0])
    np.testing.assert_array_equal(courses > 0, rendered["protrusions"][0] > 0)
    assert (phantom.render_cells(3, 2)[0] == cells[::2, ::2]).all()
    with pytest.raises(UserError, match="level"):
        Phantom((4, 32, 32), level="real")
