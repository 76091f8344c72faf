"""Labels that lie on a neighbouring slice are told by how well they fit its image."""

import numpy as np
import pytest
from scipy import ndimage
from ultraseg.arrays.edges import label_edges
from ultraseg.labels.slice_offset import edge_fit, fit_table, mean_fits, offset_of, offset_warning

SHAPE = (96, 112)
N = 30


@pytest.fixture(scope="module")
def stack():
    """Round cells that drift and grow, with dark membranes and noise: labels of every slice and images."""
    rng = np.random.default_rng(0)
    centres = rng.uniform(0, 1, (24, 2)) * SHAPE
    drift = rng.normal(0, 1.2, (24, 2))
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    labels, images = [], []
    for z in range(N):
        at = centres + z * drift
        distance = np.hypot(y - at[:, 0, None, None], x - at[:, 1, None, None])
        cells = np.where(distance.min(0) < 13, distance.argmin(0) + 1, 0)
        image = 150 - 60 * ndimage.gaussian_filter(label_edges(cells).astype(float), 1) + 20 * (cells > 0)
        labels.append(cells)
        images.append(np.clip(image + rng.normal(0, 12, SHAPE), 0, 255).astype(np.uint8))
    return np.stack(labels), np.stack(images)


def table_of(stack, shift, zs=range(2, N - 2, 4), known=None):
    labels, images = stack
    return fit_table([(z + shift, labels[z], known) for z in zs], lambda z: images[z], N)


@pytest.mark.parametrize("shift", [-1, 0, 1])
@pytest.mark.parametrize("kind", ["cells", "mask"])
def test_a_shift_is_found_and_right_numbers_are_left_alone(stack, shift, kind):
    if kind == "mask":
        stack = (stack[0] % 4 == 1).astype(np.uint8), stack[1]
    assert offset_of(table_of(stack, shift)) == -shift


def test_inverted_contrast_changes_nothing(stack):
    assert offset_of(table_of((stack[0], 255 - stack[1]), 1)) == -1


def test_only_the_known_part_counts(stack):
    labels, images = stack
    known = np.zeros(SHAPE, bool)
    known[20:80, 20:90] = True
    inside = np.where(known, labels[10], 0)
    assert edge_fit(images[10], inside, known) == pytest.approx(
        edge_fit(images[10], labels[10], known), abs=0.02
    )
    around = np.zeros(SHAPE, bool)
    around[14:86, 14:96] = True  # blur reaches a little into the unknown part
    nonsense = np.where(around, images[10], 0)
    assert edge_fit(nonsense, inside, known) == pytest.approx(edge_fit(images[10], inside, known), abs=1e-3)
    moved = [(z + 1, np.where(known, labels[z], 0), known) for z in range(2, 26, 4)]
    assert offset_of(fit_table(moved, lambda z: images[z], N)) == -1


def test_noise_and_few_slices_give_no_alarm(stack):
    noise = np.random.default_rng(1).integers(0, 255, stack[1].shape, np.uint8)
    for shift in (-1, 0, 1):
        assert offset_of(table_of((stack[0], noise), shift)) == 0
    assert offset_of(table_of(stack, 1, zs=(4, 20))) == 0
    assert offset_of(fit_table([], lambda z: stack[1][z], N)) == 0


def test_slices_without_an_edge_and_beyond_the_stack_do_not_count(stack):
    labels, images = stack
    slices = [(0, labels[0], None), (3, np.zeros_like(labels[0]), None), (N - 1, labels[N - 1], None)]
    table = fit_table(slices, lambda z: images[z], N)
    assert table["z"].tolist() == [0, N - 1]
    assert np.isnan(table["before"][0]) and np.isnan(table["after"][1]) and not np.isnan(table["own"]).any()
    fits = mean_fits(table)
    assert fits == {"before": table["before"][1], "own": table["own"].mean(), "after": table["after"][0]}
    assert np.isnan(list(mean_fits(fit_table([], lambda z: images[z], N)).values())).all()


def test_the_warning_gives_both_scores_and_the_cure(stack):
    table = table_of(stack, 1)
    said = offset_warning("cells", "volumes.a.labels.cells", table, 0)
    assert "set volumes.a.labels.cells.first_slice_number: 1 (it is 0 now)" in said
    assert f"{table['before'].mean():.3f} against {table['own'].mean():.3f}" in said
    assert "first_slice_number: 0 (it is 1 now)" in offset_warning("cells", "w", table_of(stack, -1), 1)
    assert "raise the number in the name" in offset_warning("cells", "w", table_of(stack, -1), 0)
    assert offset_warning("cells", "w", table_of(stack, 0), 0) is None


def test_equal_scores_are_no_offset():
    same = {name: np.full(9, 0.5) for name in ("z", "before", "own", "after")}
    assert offset_of(same) == 0
