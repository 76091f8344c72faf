"""Links and advice are annotations at their places in the full stack, and say what the tables say."""

import numpy as np
import pandas as pd
from ultraseg.viewer.annotations import MOST_LINKS, advice_layer, link_layers

FIRST, NM, SHAPE = (2, 4, 0), (20, 16, 16), (24, 96, 128)


def links(n=3):
    return pd.DataFrame(
        {
            "fragment": np.arange(1, n + 1), "z": 5, "y": 10, "x": np.arange(n), "margin": np.linspace(0.9, 0.1, n),
            "cell": [41] + [0] * (n - 1), "outcome": ["assigned"] + ["unassigned_weak"] * (n - 1),
            "best_cell": 41, "strength": 0.47, "runner_up_cell": 46, "runner_up": 0.29,
        }
    )  # fmt: skip


def test_links_with_and_without_a_cell_are_layers_of_their_own():
    left, assigned = link_layers(links(), FIRST, NM, "cells")
    assert (left["name"], assigned["name"]) == ("links left alone", "links decided")
    (point,) = assigned["annotations"]
    assert point["point"] == [0, 14, 7] and point["segments"] == [["41"]]
    assert point["description"] == "fragment 1: assigned to cell 41; likeliest cell 41 (0.47), then 46 (0.29)"
    assert [one["id"] for one in left["annotations"]] == ["fragment 3", "fragment 2"]  # the least clear first
    assert assigned["linkedSegmentationLayer"] == {"segments": "cells"} and assigned["visible"] is False
    assert assigned["source"]["transform"]["outputDimensions"]["z"] == [20e-9, "m"]


def test_only_the_least_clear_links_are_shown():
    left, _ = link_layers(links(MOST_LINKS + 50), FIRST, NM, "cells")
    assert len(left["annotations"]) == MOST_LINKS


def test_advised_slices_are_boxes():
    advice = pd.DataFrame(
        {
            "rank": [2, 1, None],
            "z": [19, 11, 3],
            "relief_um3": [0.06, 0.07, 0],
            "disagreement_um2": [0.5, 0.4, 0],
        }
    )
    first, second = advice_layer(advice, FIRST, NM, SHAPE)["annotations"]
    assert (first["pointA"], first["pointB"]) == ((-0.5, 3.5, 12.5), (127.5, 99.5, 13.5))
    assert first["description"].startswith("1. slice 11: a label should clear up 0.07 um3")
    assert second["id"] == "advice 2"
