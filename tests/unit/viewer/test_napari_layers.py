"""napari's layers: what is described can be opened, has the right place, scale and colours."""

import json

import numpy as np
import pandas as pd
import pytest
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ultraseg.base.colours import LABEL_OPACITY, id_colours, structure_colours
from ultraseg.viewer import napari
from ultraseg.viewer.napari_layers import add_layers
from written_volume import write_volume

SHAPE, VOXEL_NM, ORIGIN_NM, DEPTH = (8, 40, 48), (20, 10, 5), (40, 0, 100), 4


@pytest.fixture
def folder(tmp_path):
    """A volume with cells 5 and 70001 and one mitochondrion."""
    volume = tmp_path / "results/v"
    image = volume / "image.zarr"
    cells = np.zeros(SHAPE, np.uint32)
    cells[:, :20], cells[:, 20:] = 5, 70001
    stacks = {
        "image": np.full(SHAPE, 90, np.uint8),
        "cells": cells,
        "mitochondria": (cells == 5).astype(np.uint32),
    }
    write_volume(image, stacks, voxel_nm=VOXEL_NM, depth=DEPTH, origin_nm=ORIGIN_NM)
    (tmp_path / "results/models").mkdir()
    card = {"channels": ["cells/interior", "cells/boundary", "mitochondria"]}
    (tmp_path / "results/models/net.json").write_text(json.dumps(card))
    (volume / "tables").mkdir()
    pd.DataFrame({"cell": [5, 70001]}).to_parquet(volume / "tables/cells.parquet")
    return volume


class Viewer:
    """Takes what napari's viewer takes."""

    class scale_bar:
        visible = False

    def __init__(self):
        self.layers = []

    def add_image(self, levels, **how):
        self.layers.append(("image", levels, how))

    def add_labels(self, levels, **how):
        self.layers.append(("labels", levels, how))


def test_layers_are_those_that_the_reference_reader_finds(folder):
    viewer = Viewer()
    add_layers(viewer, napari.layers_of(folder), dict)
    image, _, *labels = Reader(parse_url(folder / "image.zarr", mode="r"))()
    assert [how["name"] for _, _, how in viewer.layers] == ["image", "cells", "mitochondria"]
    assert [kind for kind, _, _ in viewer.layers] == ["image", "labels", "labels"]
    for node, (_, levels, how) in zip((image, *labels), viewer.layers, strict=True):
        assert [level.shape for level in levels] == [level.shape for level in node.data]
        assert (levels[0].compute() == node.data[0].compute()).all()
        scale, shift = node.metadata["coordinateTransformations"][0]
        assert np.allclose(how["scale"], np.array(scale["scale"]) / 1000)
        assert np.allclose(how["translate"], np.array(shift["translation"]) / 1000)


def test_colours_are_those_of_the_report(folder):
    viewer = Viewer()
    add_layers(viewer, napari.layers_of(folder), dict)
    cells, mitochondria = (how["colormap"]["color_dict"] for _, _, how in viewer.layers[1:])
    assert cells[70001] == "#{:02x}{:02x}{:02x}".format(*id_colours(np.array(70001)))
    assert [how["opacity"] for _, _, how in viewer.layers[1:]] == [LABEL_OPACITY] * 2
    assert cells[0] == mitochondria[0] == "transparent"
    assert mitochondria[None] == structure_colours(["mitochondria"])["mitochondria"]
