"""Numbers of maps as probabilities."""

import numpy as np
import pytest
from ultraseg.base.errors import UserError
from ultraseg.predict.map_source import MapSource
from ultraseg.predict.map_values import probability

SOURCE = MapSource("networks.n.maps.a.s", "map.h5", (0,), None, None, (3, 1, 3), (1, 1, 1))


def test_the_range_is_brought_to_0_and_1():
    values = np.array([[0, 51, 255]], np.uint8)
    assert probability(SOURCE, 0, values, (0, 255)).tolist() == pytest.approx(np.float32([[0, 0.2, 1]]))
    assert probability(SOURCE, 0, values, (255, 0)).tolist() == pytest.approx(np.float32([[1, 0.8, 0]]))


def test_a_little_beyond_the_range_is_cut_off():
    found = probability(SOURCE, 0, np.float32([[-0.005, 0.5, 1.005]]), (0, 1))
    assert found.tolist() == [[0, 0.5, 1]]


@pytest.mark.parametrize("value", [1.5, -0.5, np.nan])
def test_numbers_beyond_the_range_are_refused(value):
    with pytest.raises(
        UserError, match=r"networks.n.maps.a.s: map.h5: slice 2 holds numbers .*beyond the range"
    ):
        probability(SOURCE, 2, np.float32([[0, value, 1]]), (0, 1))
