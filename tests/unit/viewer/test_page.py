"""The viewer as files: the page, the client with its licence, and what a view is made from."""

import json

import numpy as np
import pytest
import zarr
from linked_run import PROTRUSION, TRUST, add_links
from ultraseg.storage.arrays import write_slab
from ultraseg.viewer.page import LICENCE, View, client_file, client_files, made_so_far, page, write_viewer
from written_volume import write_volume

STACKS = {"image": np.zeros((8, 24, 24), np.uint8), "cells": np.zeros((8, 24, 24), np.uint32)}
STACKS["cells"][2:6, 4:20, 4:20] = 9


@pytest.fixture
def folder(tmp_path):
    write_volume(tmp_path / "results/v/image.zarr", STACKS, voxel_nm=(20, 10, 10), depth=4, levels=1)
    (tmp_path / "results/models").mkdir()
    (tmp_path / "results/models/n.json").write_text(json.dumps({"channels": ["cells/interior"]}))
    return tmp_path / "results/v"


def test_the_client_is_whole_and_small():
    files = list(client_files())
    named = {
        word.strip('"') for word in page("x").split() for word in word.split("=") if word.startswith('"')
    }
    names = {name.split('"')[0] for name in named if ".js" in name or ".css" in name}
    assert len(names) > 4 and names <= {file.name for file in files}
    assert sum(file.stat().st_size for file in files) < 7e6


def test_a_title_is_text():
    assert "<title>a &lt;b&gt;</title>" in page("a <b>")


def test_the_written_viewer_has_page_state_surfaces_and_licence(folder):
    assert write_viewer(folder, folder / "viewer") == {"cells": 1}
    written = {
        str(file.relative_to(folder / "viewer")) for file in (folder / "viewer").rglob("*") if file.is_file()
    }
    assert {"index.html", "v/view.html", "v/state.json", "v/page.js", f"v/{LICENCE}"} <= written
    assert {"mesh/cells/info", "mesh/cells/9:0", "mesh/cells/9.mesh"} <= written
    assert "Apache License" in (folder / f"viewer/v/{LICENCE}").read_text()
    assert json.loads((folder / "viewer/v/state.json").read_text()) == View(folder).state()


def test_surfaces_have_the_names_that_the_client_asks_for(folder):
    view = View(folder)
    assert json.loads(view.mesh("cells", "info"))["@type"] == "neuroglancer_legacy_mesh"
    assert json.loads(view.mesh("cells", "9:0")) == {"fragments": ["9.mesh"]}
    assert len(view.mesh("cells", "9.mesh")) > 100
    for name in ("8:0", "9", "x.mesh", "9.mesh:0", "1" * 5000 + ".mesh", "\u00b2:0", ""):
        assert view.mesh("cells", name) is None
    assert view.mesh("nuclei", "info") is None


def test_cells_are_those_whose_network_has_an_interior(folder):
    (layer,) = (one for one in View(folder).state()["layers"] if one["name"] == "cells")
    assert list(layer["segmentColors"]) == ["9"]
    (folder.parent / "models/n.json").write_text(json.dumps({"channels": ["cells"]}))
    (layer,) = (one for one in View(folder).state()["layers"] if one["name"] == "cells")
    assert "segmentDefaultColor" in layer


def test_a_view_is_out_of_date_when_a_slab_or_a_table_is_made(folder):
    before = made_so_far(folder)
    assert before == made_so_far(folder) and len(before) > 4
    write_slab(str(folder / "image.zarr/labels/cells/0"), 4, STACKS["cells"][4:] + 1)
    after = made_so_far(folder)
    assert after != before
    (folder / "tables").mkdir()
    (folder / "tables/cells.parquet").touch()
    assert made_so_far(folder) != after


def test_only_files_of_the_client_are_files_of_the_page():
    assert client_file("page.js") and client_file("index.html")
    assert not any(map(client_file, ("", "..", ".", "gone.js")))
    assert not client_file(next(f.name for f in client_file("index.html").parent.glob("*.map")))


# ---- what a run makes of its cells
@pytest.fixture
def linked(folder):
    protrusion = np.zeros(STACKS["cells"].shape, bool)
    protrusion[3, 6:10, 6:10] = True
    add_links(folder, STACKS["cells"], protrusion, depth=4)
    return folder


def test_layers_of_links_doubt_and_protrusions_are_hidden_at_the_start(linked):
    layers = {layer["name"]: layer for layer in View(linked).state()["layers"]}
    assert [*layers] == [
        "image", "cells", "doubt in ids", "protrusions", "links left alone", "links decided", "label next",
    ]  # fmt: skip
    assert all(layer["visible"] is False for name, layer in layers.items() if name not in ("image", "cells"))
    assert layers["cells"]["source"][-1] == "viewer/properties/cells/|neuroglancer-precomputed:"
    assert (
        len(layers["links left alone"]["annotations"]) == 1 and len(layers["label next"]["annotations"]) == 1
    )


def test_a_written_viewer_has_properties_and_derived_arrays(linked):
    write_viewer(linked, linked / "viewer")
    for name in ("cells", "protrusions"):
        assert (linked / f"viewer/properties/{name}/info").read_bytes() == View(linked).properties(name)
    found = zarr.open_group(linked / "viewer/derived/protrusions", mode="r")["0"][:]
    assert set(np.unique(found)) == {0, PROTRUSION} and (found[3] > 0).sum() == 4
    doubt = zarr.open_group(linked / "viewer/derived/doubt", mode="r")["0"][:]
    assert doubt.max() == 255 - TRUST


def test_a_run_without_links_has_none_of_these_layers(folder):
    view = View(folder)
    assert [layer["name"] for layer in view.state()["layers"]] == ["image", "cells"]
    assert (
        view.properties("cells")
        is view.properties("protrusions")
        is view.derived("doubt", "zarr.json")
        is None
    )
