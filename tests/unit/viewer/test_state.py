"""The state that shows a volume: colours, place, sources."""

import numpy as np
from ultraseg.base.colours import LABEL_OPACITY, id_colours, structure_colours
from ultraseg.storage.ome_read import Scaling
from ultraseg.viewer.state import SHOWN_IN_3D, colour_table, volume_state


def test_colours_are_those_of_the_figures():
    sizes = {"cells": {3: 10, 70001: 20}, "nuclei": {1: 5}}
    state = volume_state(
        "v", (4, 8, 8), Scaling((20, 10, 10), (0, 0, 0)), (0, 255), sizes, {"cells": [3, 4, 70001]}
    )
    image, cells, nuclei = state["layers"]
    for number, colour in cells["segmentColors"].items():
        rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert rgb == id_colours(np.array(int(number))).tolist()
    assert list(cells["segmentColors"]) == ["3", "4", "70001"]
    assert cells["segments"] == ["70001", "3"]
    assert nuclei["segmentDefaultColor"] == structure_colours(sizes)["nuclei"]
    assert state["position"] == [4, 4, 2]
    assert colour_table([]) == {}


def test_the_largest_objects_are_drawn_at_the_start():
    sizes = {"nuclei": {i: i // 2 for i in range(1, SHOWN_IN_3D + 50)}}
    state = volume_state("v", (4, 8, 8), Scaling((20, 10, 10), (0, 0, 0)), (0, 255), sizes, {})
    _, layer = state["layers"]
    assert len(layer["segments"]) == SHOWN_IN_3D and layer["segments"][0] == str(max(sizes["nuclei"]) - 1)
    assert layer["selectedAlpha"] == layer["notSelectedAlpha"] == LABEL_OPACITY


def test_sources_lie_below_the_volume():
    state = volume_state("v", (4, 8, 8), Scaling((20, 10, 10), (40, 0, 0)), (3, 99), {"a": {}}, {})
    image, labels = state["layers"]
    assert image["source"] == "image.zarr/|zarr3:" and image["shaderControls"]["grey"]["range"] == [3, 99]
    assert labels["source"] == ["image.zarr/labels/a/|zarr3:", "viewer/mesh/a/|neuroglancer-precomputed:"]
    assert state["position"] == [4, 4, 4]
    assert state["dimensions"] == {"x": [1e-8, "m"], "y": [1e-8, "m"], "z": [2e-8, "m"]}
