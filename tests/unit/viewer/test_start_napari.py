"""napari: what it is told to show, and how it is started."""

import sys
from pathlib import Path

import numpy as np
import pytest
from napari_volume import write_napari_volume
from ultraseg.base.colours import LABEL_OPACITY, id_colours, structure_colours
from ultraseg.base.errors import UserError
from ultraseg.viewer import start_napari as napari


@pytest.fixture
def folder(tmp_path):
    return write_napari_volume(tmp_path)


def test_layers_are_described_with_their_place_and_colours(folder):
    image, cells, mitochondria = napari.layers_of(folder)
    assert [one["name"] for one in (image, cells, mitochondria)] == ["image", "cells", "mitochondria"]
    assert (image["kind"], cells["kind"]) == ("image", "labels") and image["window"] == [0, 255]
    assert all(Path(level, "zarr.json").exists() for one in (image, cells) for level in one["levels"])
    assert cells["scale"] == [0.02, 0.01, 0.005] and cells["opacity"] == LABEL_OPACITY
    assert cells["colours"]["70001"] == "#{:02x}{:02x}{:02x}".format(*id_colours(np.array(70001)))
    assert mitochondria["colours"] == {"": structure_colours(["mitochondria"])["mitochondria"]}


def test_the_command_starts_the_python_that_has_napari(folder, monkeypatch):
    """Here one that says which layers it was given instead of opening a window."""
    script = folder / "instead.py"
    said = folder / "said"
    script.write_text(
        f"import json, sys; open({str(said)!r}, 'w').write(str(len(json.load(open(sys.argv[1])))))"
    )
    monkeypatch.setattr(napari, "SCRIPT", script)
    directory = str(folder.parents[1])
    napari.show(directory, python=sys.executable)
    assert said.read_text() == "3"
    script.write_text("raise SystemExit(3)")
    with pytest.raises(UserError, match="ended with status 3"):
        napari.show(directory, "v", sys.executable)


def test_without_napari_the_message_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setattr(napari, "INSTALLED", tmp_path / "none")
    monkeypatch.setattr(napari.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError) as raised:
        napari.find_python(None)
    assert "make napari" in raised.value.cure
    (tmp_path / "python").write_text("")
    monkeypatch.setattr(napari, "INSTALLED", tmp_path / "python")
    assert napari.find_python(None) == str(tmp_path / "python")
