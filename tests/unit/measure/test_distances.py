"""Distances of organelles to nucleus and membrane against balls and slabs of known size."""

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from ultraseg.measure.distances import _distances, organelle_distances

SPACING = (0.02, 0.01, 0.01)
SHAPE = (50, 100, 120)


def ball(centre, radius):
    """Voxels of SHAPE within a radius (um) of a centre (um)."""
    grid = np.meshgrid(
        *[(np.arange(n) + 0.5) * s for n, s in zip(SHAPE, SPACING, strict=True)], indexing="ij"
    )
    return sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) <= radius**2


def table(*rows):
    columns = ["structure", "id", "cell", "centroid_z_um", "centroid_y_um", "centroid_x_um"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture(scope="module")
def tissue():
    cells, nuclei = np.zeros(SHAPE, np.uint32), np.zeros(SHAPE, np.uint32)
    cells[ball((0.5, 0.5, 0.5), 0.4)] = 4_000_000_000
    cells[:, :, 100:] = 5
    nuclei[ball((0.5, 0.5, 0.5), 0.1)] = 3
    nuclei[20:30, 40:60, 95:99] = 8  # another one, close by but not of cell 12
    return cells, nuclei


def test_known_distances(tissue):
    organelles = table(
        ("nuclei", 3, 4_000_000_000, 0.5, 0.5, 0.5),
        ("mito", 1, 4_000_000_000, 0.5, 0.5, 0.75),
        ("mito", 2, 4_000_000_000, 0.25, 0.5, 0.5),
        ("mito", 3, 5, 0.5, 0.5, 1.1),
        ("mito", 4, 0, 0.5, 0.05, 0.05),
    )
    found = organelle_distances(organelles, *tissue, SPACING, "nuclei")
    assert found["nucleus_distance_um"].tolist() == pytest.approx(
        [0, 0.15, 0.15, np.nan, np.nan], abs=0.02, nan_ok=True
    )
    # Cell 5 reaches the border of the volume on five sides: only its sixth is a membrane.
    assert found["membrane_distance_um"].tolist() == pytest.approx(
        [0.4, 0.15, 0.15, 0.1, np.nan], abs=0.02, nan_ok=True
    )


def test_the_nucleus_of_another_cell_does_not_count(tissue):
    organelles = table(
        ("nuclei", 3, 4_000_000_000, 0.5, 0.5, 0.5),
        ("nuclei", 8, 0, 0.5, 0.5, 0.97),
        ("mito", 1, 4_000_000_000, 0.5, 0.5, 0.89),
    )
    found = organelle_distances(organelles, *tissue, SPACING, "nuclei")
    assert found.loc[2, "nucleus_distance_um"] == pytest.approx(0.29, abs=0.02)


def test_a_cell_without_an_outside_and_a_volume_without_cells_have_no_membrane():
    organelles = table(("mito", 1, 1, 0.1, 0.1, 0.1))
    full = np.ones((10, 20, 20), np.uint32)
    assert organelle_distances(organelles, full, None, SPACING).isna().all().all()
    assert organelle_distances(organelles, None, None, SPACING).isna().all().all()


def test_a_cell_that_the_coarse_grid_lost_is_left_out(tissue):
    found = organelle_distances(table(("mito", 1, 99, 0.5, 0.5, 0.5)), *tissue, SPACING, "nuclei")
    assert found.isna().all().all() and len(found) == 1


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.98, 1.0])
def test_distances_of_places_are_those_of_a_whole_distance_transform(share):
    rng = np.random.default_rng(0)
    smooth = ndimage.uniform_filter(rng.random((12, 30, 40)), 3)
    inside = (smooth < np.quantile(smooth, share)) | (share == 1)
    places = tuple(rng.integers(0, n, 200) for n in inside.shape)
    spacing = np.array([0.04, 0.016, 0.02])
    found = _distances(inside, places, spacing)
    if share == 1:
        assert np.isnan(found).all()
        return
    whole = ndimage.distance_transform_edt(inside, sampling=spacing)[places]
    assert whole.any() == inside.any()
    np.testing.assert_allclose(found, whole, rtol=1e-12)
