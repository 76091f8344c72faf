"""napari: what it is told to show, and how it is started."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ultraseg.base.colours import LABEL_OPACITY, id_colours, structure_colours
from ultraseg.base.errors import UserError
from ultraseg.viewer import napari
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
