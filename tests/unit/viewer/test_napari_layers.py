"""napari's layers: what is described can be opened, has the right place, scale and colours."""

import numpy as np
import pytest
from napari_volume import write_napari_volume
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ultraseg.base.colours import LABEL_OPACITY, id_colours, structure_colours
from ultraseg.viewer import napari
from ultraseg.viewer.napari_layers import add_layers


@pytest.fixture
def folder(tmp_path):
    return write_napari_volume(tmp_path)


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
