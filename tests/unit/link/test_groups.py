"""Connected groups."""

import numpy as np
from ultraseg.link.groups import groups


def test_groups_are_numbered_by_their_first_node():
    assert groups(6, np.array([5, 1]), np.array([2, 3])).tolist() == [0, 1, 2, 1, 3, 2]
    assert groups(2, np.zeros(0, int), np.zeros(0, int)).tolist() == [0, 1]
