"""Labels through a gap: exact motions, branching, newcomers, blank slices, open ends, background."""

import numpy as np
import pytest
from moving_cells import SHAPE, YX, dice, ellipse, maps
from scipy import ndimage
from ultraseg.cells.flow import stack_flow
from ultraseg.cells.fragments import Given
from ultraseg.cells.propagate import propagate_gap
from ultraseg.cells.trust import fill_bad, to_confidence


def solve(truth, first=True, last=True, **settings):
    image, interior, boundary = maps(truth)
    ends = truth[0] if first else None, truth[-1] if last else None
    return propagate_gap(image, stack_flow(image), interior, boundary, *ends, **settings)


def volume(n, *cells):
    """truth from functions t in 0..1 -> mask; ids 7, 14, ... (not consecutive on purpose)."""
    truth = np.zeros((n, *SHAPE), np.uint32)
    for z in range(n):
        for k, cell in enumerate(cells):
            truth[z][cell(z / (n - 1))] = 7 * (k + 1)
    return truth


MOTIONS = {
    "shift": lambda t: ellipse(30 + 16 * t, 40 + 30 * t, 15, 10),
    "shear": lambda t: ellipse(48, 50 + t * (YX[0] - 48) * 0.5, 25, 9),
    "rotation": lambda t: ellipse(48, 56, 28, 9, angle=t),
    "growth": lambda t: ellipse(48, 56, 10 + 12 * t, 12 + 14 * t),
}


@pytest.mark.parametrize("motion", MOTIONS)
def test_known_motion(motion):
    truth = volume(9, lambda t: ellipse(10, 100, 7, 7), MOTIONS[motion])
    labels, confidence = solve(truth)
    assert labels.dtype == np.uint32 and confidence.dtype == np.uint8
    assert min(dice(a, b) for a, b in zip(labels, truth, strict=True)) > 0.93
    assert np.array_equal(labels[0], truth[0]) and np.array_equal(labels[-1], truth[-1])
    assert (confidence[[0, -1]] == 255).all() and confidence[4].mean() < 255
    assert not labels[truth == 0][ndimage.binary_erosion(truth == 0, iterations=3)[truth == 0]].any()


def test_flow_components_are_not_swapped():
    truth = volume(6, lambda t: ellipse(48, 20 + 70 * t, 9, 9))
    image, interior, boundary = maps(truth)
    flow = np.zeros((6, 4, *SHAPE), np.float32)
    flow[:, 1], flow[:, 3] = 14, -14
    void = np.zeros_like(interior)
    right, _ = propagate_gap(image, flow, interior, boundary, truth[0], None)
    assert dice(right[-1], truth[-1]) > 0.97
    wrong, _ = propagate_gap(image, flow[:, [1, 0, 3, 2]], void + 255, void, truth[0], None)
    assert not (wrong[-1] & truth[-1]).any()


def test_one_sided_equals_either_open_end():
    truth = volume(7, lambda t: ellipse(40 + 8 * t, 50, 14, 10), lambda t: ellipse(70, 90 - 6 * t, 8, 8))
    forward, trust = solve(truth, last=False)
    assert np.array_equal(forward[0], truth[0]) and dice(forward[-1], truth[-1]) > 0.93
    backward, _ = solve(truth[::-1].copy(), first=False)
    assert np.array_equal(backward[-1], truth[0]) and dice(backward[0], truth[-1]) > 0.93
    means = trust.reshape(7, -1).mean(1)
    assert (np.diff(means) < 0).all()


def test_two_sides_beat_one_where_motion_is_lost():
    cells = [lambda t, k=k: ellipse(16 + 30 * (k // 4), 16 + 27 * (k % 4) + 3 * t, 12, 11) for k in range(12)]
    truth = volume(9, *cells)
    image, interior, boundary = maps(truth)
    interior[4], boundary[4] = 0, 0
    image[4] = 0  # unreadable: carried labels pass as they are
    labels, confidence = propagate_gap(image, stack_flow(image), interior, boundary, truth[0], truth[-1])
    assert dice(labels[4], truth[4]) > 0.8
    assert min(dice(labels[z], truth[z]) for z in (1, 2, 3, 5, 6, 7)) > 0.9


def test_the_pixels_in_which_the_two_sides_differ_are_counted():
    truth = volume(7, lambda t: ellipse(30, 40, 14, 10), lambda t: ellipse(65, 60, 9, 9))
    image, interior, boundary = maps(truth)
    first, last = truth[0].copy(), truth[-1]
    second = truth[0] == np.unique(truth)[2]
    first[second] = 50  # the labels of both ends contradict each other
    differ = np.full(7, -1)
    propagate_gap(image, stack_flow(image), interior, boundary, first, last, differ=differ)
    assert differ[0] == differ[-1] == -1  # the ends are the user's
    area = np.count_nonzero(second)
    assert (np.abs(differ[1:-1] - area) < 0.2 * area).all()
    differ[:] = 0
    propagate_gap(image, stack_flow(image), interior, boundary, last, None, differ=differ)
    assert (differ == 0).all()  # one side alone


def test_sweeps_change_only_what_two_cells_dispute():
    def wave(k):
        return lambda t: ellipse(
            16 + 21 * (k // 4) + 6 * np.sin(3 * t + k), 16 + 26 * (k % 4) + 8 * t, 13, 15
        )

    truth = volume(13, *map(wave, range(16)))
    image, interior, boundary = maps(truth)
    random = np.random.default_rng(3)
    boundary = (boundary * (random.random(boundary.shape) < 0.5)).astype(np.uint8)  # holes in every membrane
    flow = stack_flow(image) + random.normal(0, 1, (12, 4, 1, 1)).astype(np.float32)  # every slice jerks
    given = (image, flow, interior, boundary)
    up, down = (propagate_gap(*given, *ends)[0] for ends in ((truth[0], None), (None, truth[-1])))
    once, swept = (propagate_gap(*given, truth[0], truth[-1], sweeps=n)[0] for n in (0, 4))
    disputed = (up != down) & (up > 0) & (down > 0)
    assert (once != swept).sum() > 100
    assert not (once != swept)[~disputed].any()


def test_gap_of_two_labelled_slices_returns_them():
    truth = volume(2, lambda t: ellipse(40 + 20 * t, 50, 14, 10))
    labels, confidence = solve(truth)
    assert np.array_equal(labels, truth) and (confidence == 255).all()


def test_cell_that_branches_keeps_its_id_in_both_arms():
    def fork(t):
        return ellipse(48, 56 - 22 * t, 12, 12) | ellipse(48, 56 + 22 * t, 12, 12)

    truth = volume(9, lambda t: ellipse(10, 14, 7, 7), fork)
    labels, _ = solve(truth)
    assert min(dice(a, b) for a, b in zip(labels, truth, strict=True)) > 0.9
    one_sided, _ = solve(truth, last=False)
    assert dice(one_sided[-1], truth[-1]) > 0.9


def test_cell_that_starts_inside_the_gap_is_not_given_to_a_neighbour():
    truth = volume(9, lambda t: ellipse(30, 30, 16, 16), lambda t: ellipse(66, 80, 16, 16) & (t > 0.45))
    labels, _ = solve(truth, last=False)
    assert dice(labels[-1], truth[-1], [7]) > 0.95
    assert not labels[-1][ellipse(66, 80, 14, 14)].any()
    both, _ = solve(truth)
    for z in (5, 6, 7):
        assert dice(both[z], truth[z]) > 0.9
    assert not (both[1] == 14).any()


def test_thin_cell_between_large_ones_survives():
    def strip(t):
        return np.abs(YX[1] - 50 - 8 * t) <= 2

    truth = volume(11, lambda t: YX[1] < 48 + 8 * t, lambda t: YX[1] > 52 + 8 * t, strip)
    labels, _ = solve(truth)
    assert min(dice(labels[z], truth[z], [21]) for z in range(11)) > 0.8


def test_touching_cells_need_the_membrane_not_the_flow():
    truth = volume(5, lambda t: YX[1] < 50 + 8 * t, lambda t: YX[1] >= 50 + 8 * t)
    image, interior, boundary = maps(truth)
    still = np.zeros((5, 4, *SHAPE), np.float32)
    labels, _ = propagate_gap(image, still, interior, boundary, truth[0], truth[-1])
    assert min(dice(a, b) for a, b in zip(labels, truth, strict=True)) > 0.98


def test_background_stays_background():
    truth = volume(7, lambda t: ellipse(48, 40 + 10 * t, 14, 12))
    labels, _ = solve(truth)
    assert not labels[:, ~ndimage.binary_dilation((truth > 0).any(0), iterations=2)].any()
    empty, confidence = solve(np.zeros((4, *SHAPE), np.uint32))
    assert not empty.any() and (confidence[[0, -1]] == 255).all()


def test_large_ids_survive():
    truth = volume(4, lambda t: ellipse(48, 40 + 5 * t, 14, 12))
    truth[truth == 7] = 4_000_000_000
    labels, _ = solve(truth)
    assert set(np.unique(labels)) == {0, 4_000_000_000}


def test_errors():
    image = np.zeros((3, 8, 8), np.uint8)
    flow = np.zeros((2, 4, 8, 8), np.float32)
    ids = np.zeros((8, 8), np.uint32)
    with pytest.raises(ValueError, match="first or its last"):
        propagate_gap(image, flow, image, image, None, None)
    with pytest.raises(ValueError, match="flow"):
        propagate_gap(image, flow[:1], image, image, ids, ids)
    with pytest.raises(ValueError, match="at least two"):
        propagate_gap(image[:1], flow, image[:1], image[:1], ids, ids)
    with pytest.raises(ValueError, match="labels"):
        propagate_gap(image, flow, image, image, ids[:4], None)


def test_a_destroyed_slice_is_stepped_over():
    """Cells move through a gap whose slice 4 is noise: only good slices are walked, and the last of them is right."""
    truth = volume(9, lambda t: ellipse(12, 98, 8, 8), MOTIONS["shift"])
    image, interior, boundary = maps(truth)
    image[4] = np.random.default_rng(3).integers(0, 256, SHAPE)
    interior[4], boundary[4] = 0, 255
    zs = [z for z in range(9) if z != 4]
    flow = stack_flow(image[zs])
    labels, confidence = propagate_gap(
        image[zs], flow, interior[zs], boundary[zs], truth[0], truth[-1], zs=zs
    )
    assert min(dice(labels[i], truth[z]) for i, z in enumerate(zs)) > 0.9
    labels, confidence = fill_bad(labels, confidence, zs, 0, [0, 1, 2, 3, 3, 5, 6, 7, 8])
    assert labels.shape == truth.shape and np.array_equal(labels[4], labels[3])
    assert not confidence[4].any() and (confidence[[0, 8]] == 255).all() and confidence[5].any()


def test_an_undeclared_destroyed_slice_misleads_what_lies_beyond_it():
    """From one side only, by flow alone: beyond slice 4 cells are clearly better where it is stepped over."""
    truth = volume(9, lambda t: ellipse(12, 98, 8, 8), MOTIONS["shift"])
    image, interior, boundary = maps(truth)
    image[4] = np.random.default_rng(3).integers(0, 256, SHAPE)
    interior[:], boundary[:] = 255, 0  # no map corrects what the flow does
    found = {}
    for name, zs in (("declared", [0, 1, 2, 3, 5, 6, 7, 8]), ("not", list(range(9)))):
        flow = stack_flow(image[zs])
        maps_here = interior[zs], boundary[zs]
        labels, _ = propagate_gap(image[zs], flow, *maps_here, truth[0], None, zs=zs)
        found[name] = min(dice(labels[zs.index(z)], truth[z]) for z in range(5, 9))
    assert found["declared"] > found["not"] + 0.08, found


def test_trust_falls_by_the_distance_not_by_the_step():
    truth = volume(5, lambda t: ellipse(48, 56, 20, 20))
    image, interior, boundary = maps(truth)
    zs = [0, 1, 4]
    flow = np.zeros((2, 4, *SHAPE), np.float32)
    settings = dict(decay=0.9, change_doubt=0.0, membrane_doubt=0.0)
    _, far = propagate_gap(image[zs], flow, interior[zs], boundary[zs], truth[0], None, zs=zs, **settings)
    centre = far[:, 48, 56]
    assert np.array_equal(centre, [255, *to_confidence(np.array([0.9, 0.9**4]))])


def test_planes_across_the_slices_hold_and_tell_the_slices_around():
    both = np.full(SHAPE, 7, np.uint32)
    both[:, 56:] = 14
    truth = np.repeat(both[None], 9, axis=0)
    truth[3:6, 20:60, 30:80] = 21  # on neither labelled slice
    planes = [Given(40, truth[:, 40], None, 1), Given(70, truth[:, :, 70], None, 2)]
    labels, confidence = solve(truth, planes=planes)
    plain, _ = solve(truth)
    assert not (plain == 21).any()
    assert np.array_equal(labels[:, 40], truth[:, 40]) and np.array_equal(labels[:, :, 70], truth[:, :, 70])
    assert (confidence[:, 40] == 255).all() and (confidence[4] < 255).any()
    assert (labels == truth).mean() > (plain == truth).mean()
    wrong = Given(5, np.full((9, SHAPE[1]), 99, np.uint32), None, 1)
    labels, _ = solve(truth, planes=[wrong])  # a labelled slice holds
    assert np.array_equal(labels[[0, -1]], truth[[0, -1]]) and (labels[1:-1, 5] == 99).all()
    known = np.zeros((9, SHAPE[1]), bool)
    known[:, :10] = True
    part = Given(5, np.where(known, truth[:, 5], 99).astype(np.uint32), known, 1)
    assert not (solve(truth, planes=[part])[0] == 99).any()
