"""Smooth noise."""

import numpy as np
from ultraseg.phantom.noise import LatticeNoise


def test_noise_on_a_slice_equals_noise_at_points():
    noise = LatticeNoise((20, 60, 50), 9.0, [5])
    y, x = np.arange(10.0, 40), np.arange(5.0, 45)
    grid = np.stack(np.meshgrid([7.3], y, x, indexing="ij"), -1)[0]
    np.testing.assert_allclose(noise.on_slice(7.3, y, x), noise.at_points(grid), atol=1e-4)
    assert 0.6 < noise.at_points(np.random.default_rng(0).uniform(0, 50, (4000, 3))).std() < 1.4


def test_noise_depends_on_its_seed_and_not_on_the_order_of_questions():
    y = x = np.arange(12.0)
    first, again, other = (LatticeNoise((20, 12, 12), 4.0, [seed]) for seed in (5, 5, 6))
    late = first.on_slice(9, y, x)
    again.on_slice(0, y, x)
    np.testing.assert_array_equal(late, again.on_slice(9, y, x))
    assert (late != other.on_slice(9, y, x)).any()
