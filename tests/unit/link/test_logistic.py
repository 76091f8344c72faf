"""Logistic regression with weights that are known beforehand."""

import numpy as np
from ultraseg.link.logistic import chance, fit, log_odds


def examples(count, weights, seed=0):
    rng = np.random.default_rng(seed)
    features = np.column_stack([np.ones(count), rng.normal(0, 1.5, count)])
    return features, rng.random(count) < chance(features @ weights)


def test_odds_and_chances_are_inverse_and_certainty_stays_finite():
    p = np.array([0.01, 0.5, 0.9])
    np.testing.assert_allclose(chance(log_odds(p)), p)
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()


def test_many_examples_give_their_own_weights_and_none_the_known_ones():
    true, known = np.array([-0.5, 1.2]), np.array([2.0, -1.0])
    np.testing.assert_allclose(fit(*examples(20000, true), known, 5.0), true, atol=0.08)
    none = fit(np.zeros((0, 2)), np.zeros(0, bool), known, 5.0)
    np.testing.assert_allclose(none, known)


def test_few_examples_move_the_weights_less_the_more_these_are_trusted():
    features, true = examples(12, np.array([-0.5, 1.2]))
    known = np.array([2.0, -1.0])
    moved = [np.linalg.norm(fit(features, true, known, trust) - known) for trust in (1.0, 10.0, 1000.0)]
    assert moved[0] > moved[1] > moved[2] and moved[2] < 0.1


def test_examples_that_are_always_right_do_not_lead_to_infinity():
    weights = fit(np.ones((50, 1)), np.ones(50, bool), np.zeros(1), 1.0)
    assert 1 < weights[0] < 10
