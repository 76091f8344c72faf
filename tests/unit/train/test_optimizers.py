"""Optimizers: gradients are limited before they are used, and both names work."""

import keras
import numpy as np
import pytest
from ultraseg.train.optimizers import CLIP_NORM, optimizer_by_name


def _moved(scale: float, name: str = "adamw", decay: float = 0.0) -> np.ndarray:
    """How far two steps move a variable: the first with a gradient of norm 5 times ``scale``, the second small."""
    variable = keras.Variable(np.zeros(2, np.float32))
    optimizer = optimizer_by_name(name, 0.1, decay)
    for gradient in (np.array([3, 4]) * scale, np.array([0.03, 0.04])):
        optimizer.apply([keras.ops.convert_to_tensor(gradient.astype(np.float32))], [variable])
    return np.asarray(variable.value)


def test_a_gradient_counts_as_one_of_the_largest_norm():
    assert CLIP_NORM == 1.0
    np.testing.assert_allclose(_moved(1), _moved(0.2), rtol=1e-5)
    np.testing.assert_allclose(_moved(1000), _moved(0.2), rtol=1e-5)
    assert not np.allclose(_moved(0.02), _moved(0.2), rtol=1e-2)
    # The paper's optimizer does not limit them: a step after a huge gradient is tiny.
    assert not np.allclose(_moved(1000, "adam"), _moved(0.2, "adam"), rtol=1e-2)


def test_weight_decay_pulls_to_zero():
    variable = keras.Variable(np.ones(1, np.float32))
    optimizer_by_name("adamw", 0.1, 0.5).apply([keras.ops.zeros(1)], [variable])
    assert float(variable.value[0]) == pytest.approx(0.95)


def test_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(ValueError, match="adamw"):
        optimizer_by_name("sgd", 0.1, 0)
