"""napari's layers: what is described can be opened, has the right place, scale and colours."""

import ast
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from napari_python import INSTALLED, needs_napari
from napari_volume import write_napari_volume
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ultraseg.base.colours import LABEL_OPACITY, id_colours, structure_colours
from ultraseg.viewer import start_napari as napari
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
    described = napari.layers_of(folder)
    viewer = Viewer()
    add_layers(viewer, described, dict)
    # napari refuses a table with an id above 65536: then it chooses the colours of the cells itself.
    assert "70001" in described[1]["colours"] and "colormap" not in viewer.layers[1][2]
    del described[1]["colours"]["70001"]
    viewer = Viewer()
    add_layers(viewer, described, dict)
    cells, mitochondria = (how["colormap"]["color_dict"] for _, _, how in viewer.layers[1:])
    assert cells[5] == "#{:02x}{:02x}{:02x}".format(*id_colours(np.array(5)))
    assert [how["opacity"] for _, _, how in viewer.layers[1:]] == [LABEL_OPACITY] * 2
    assert cells[0] == mitochondria[0] == "transparent"
    assert mitochondria[None] == structure_colours(["mitochondria"])["mitochondria"]


@pytest.mark.parametrize("script", ["napari_layers.py", "napari_label.py"])
def test_no_module_beside_a_script_hides_a_package_that_it_imports(script):
    """Python looks in a script's folder first: a napari.py there was taken for napari itself."""
    folder = Path(napari.SCRIPT).parent
    names = set()
    for node in ast.walk(ast.parse((folder / script).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    assert "napari" in names
    assert {name for name in names if (folder / f"{name}.py").exists()} <= {"napari_layers"}


@needs_napari
def test_napari_shows_the_volume_that_is_described(folder, tmp_path):
    """The script itself, in napari's environment; in place of the window, which needs OpenGL, what it would show."""
    described = tmp_path / "layers.json"
    described.write_text(json.dumps(napari.layers_of(folder)))
    code = (
        "import runpy, sys, napari\n"
        "from napari.components import ViewerModel\n"
        "viewer = ViewerModel()\n"
        "napari.Viewer = lambda title: viewer\n"
        "napari.run = lambda: print([(layer.name, layer.level_shapes[0].tolist()) for layer in viewer.layers])\n"
        f"sys.argv = ['', {str(described)!r}, 'title']\n"
        f"sys.path.insert(0, {str(Path(napari.SCRIPT).parent)!r})\n"
        f"runpy.run_path({napari.SCRIPT.as_posix()!r}, run_name='__main__')\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [INSTALLED, "-c", code], env=environment, capture_output=True, text=True, timeout=300
    )
    assert "('cells', [8, 40, 48])" in done.stdout, done.stderr[-2000:]
