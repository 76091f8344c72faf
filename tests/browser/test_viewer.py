"""The viewer in a browser: layers load, a known voxel shows the known id in the report's colour, surfaces are drawn."""

import json
import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from chromium import chromium_page
from linked_run import PROTRUSION, TRUST, add_links
from RangeHTTPServer import RangeRequestHandler
from ultraseg.base.colours import LABEL_OPACITY, id_colours, structure_colours
from ultraseg.viewer.page import write_viewer
from written_volume import write_volume

WORKFLOW = Path(__file__).parents[2] / "workflow"
SHAPE, VOXEL_NM, DEPTH = (24, 96, 128), (20, 16, 16), 8
ORIGIN_NM = (40, 32, 0)  # the volume is a part of a larger stack: 2 slices and 2 rows in
IN_CELL, IN_MITO, OUTSIDE = (10, 30, 70), (12, 50, 64), (10, 4, 4)  # voxels z, y, x
CELL, MITO = 70001, 3  # an id that takes more than 16 bits


def ball(centre, radius) -> np.ndarray:
    grid = np.ogrid[tuple(slice(n) for n in SHAPE)]
    nm = [(g - c) * size for g, c, size in zip(grid, centre, VOXEL_NM, strict=True)]
    return nm[0] ** 2 + nm[1] ** 2 + nm[2] ** 2 < radius**2


browser = pytest.fixture(scope="module")(chromium_page)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """The folder of a run with one volume: a ball of a cell with a mitochondrion in it, and a second cell."""
    folder = tmp_path_factory.mktemp("run")
    image = folder / "results/tiny/image.zarr"
    cells = np.where(ball((12, 46, 64), 500), CELL, 0).astype(np.uint32)
    cells[:, 60:90, 2:20] = 5
    grey = np.broadcast_to(np.linspace(60, 180, SHAPE[2]).astype(np.uint8), SHAPE)
    mitochondria = ball(IN_MITO, 90).astype(np.uint32) * MITO
    stacks = {"image": grey, "cells": cells, "mitochondria": mitochondria}
    write_volume(image, stacks, voxel_nm=VOXEL_NM, depth=DEPTH, levels=3, origin_nm=ORIGIN_NM)
    protrusion = np.zeros(SHAPE, bool)
    protrusion[:, 62:70, 4:12] = True  # of cell 5
    add_links(folder / "results/tiny", cells, protrusion, DEPTH)
    (folder / "results/models").mkdir()
    card = {"channels": ["cells/interior", "cells/boundary", "mitochondria"]}
    (folder / "results/models/net.json").write_text(json.dumps(card))
    return folder


@pytest.fixture(scope="module")
def served(run):
    """Address of the viewer that the command serves."""
    command = [sys.executable, "-m", "ultraseg.cli.main", "view", "--directory", str(run), "--no-browser"]
    env = os.environ | {"PYTHONPATH": str(WORKFLOW)}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    first = server.stdout.readline()
    yield re.fullmatch(r"Viewer: (http://127\.0\.0\.1:\d+/[\w-]{20,}/tiny/viewer/)\n", first)[1]
    server.terminate()
    server.wait(10)


@pytest.fixture(scope="module")
def static(run):
    """Address of the same as plain files behind a plain web server."""
    folder = run / "results/tiny"
    assert write_viewer(folder, folder / "viewer") == {"cells": 2, "mitochondria": 1}
    with web_server(run / "results", RangeRequestHandler) as address:
        yield f"{address}/tiny/viewer/"


@contextmanager
def web_server(folder: Path, handler):
    class Quiet(handler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def open_at(browser, address: str, voxel) -> None:
    z, y, x = (v + round(o / nm) for v, o, nm in zip(voxel, ORIGIN_NM, VOXEL_NM, strict=True))
    browser.open(f"{address}?position={x},{y},{z}")


def panel(browser, number: int) -> dict:
    """Where a panel lies on the page; 0 shows x and y, 2 is the 3D one."""
    script = f"""(() => {{
        const panels = document.querySelectorAll(".neuroglancer-rendered-data-panel");
        if (panels.length < 4) return null;
        const {{left, top, width, height}} = panels[{number}].getBoundingClientRect();
        return {{left, top, width, height}};
    }})()"""
    return browser.wait_for(lambda: browser.evaluate(script), "the panels")


def shown(browser) -> dict[str, str]:
    """What the bar above the panels says: the value of each layer under the mouse."""
    script = """Object.fromEntries([...document.querySelectorAll(".neuroglancer-layer-item")].map(item => [
        item.querySelector(".neuroglancer-layer-item-label").textContent.trim(),
        item.querySelector(".neuroglancer-layer-item-value")?.textContent.trim() ?? ""]))"""
    return browser.evaluate(script)


def values_at_centre(browser, ready) -> dict[str, str]:
    """The values of the layers in the middle of the first panel, once ``ready`` says that they are the final ones.

    The viewer first shows what it has: nothing, or the values of a coarse pyramid level, in which a thin object may lie
    beside the middle. So ``ready`` asks for the values that are to come, and not for any. The panel may still move, as
    the bar of the layers grows by a line.
    """
    last = {}

    def probe():
        where = panel(browser, 0)
        browser.hover(where["left"] + where["width"] / 2, where["top"] + where["height"] / 2)
        last.update(shown(browser))
        return dict(last) if ready(last) else None

    try:
        return browser.wait_for(probe, "the values of the layers")
    except AssertionError as e:
        raise AssertionError(f"{e}; last seen: {last}") from None


def shows(**wanted):
    """Whether each of these layers shows its value; "_" in a name stands for a blank."""
    return lambda values: all(
        values.get(name.replace("_", " "), "").split()[:1] == [str(value)] for name, value in wanted.items()
    )


@pytest.mark.parametrize("kind", ["served", "static"])
def test_a_known_voxel_shows_the_known_id(browser, request, kind):
    address = request.getfixturevalue(kind)
    open_at(browser, address, IN_MITO)
    grey = int(np.linspace(60, 180, SHAPE[2])[IN_MITO[2]])
    found = values_at_centre(browser, shows(image=grey, cells=CELL, mitochondria=MITO))
    assert list(found)[:3] == ["image", "cells", "mitochondria"]
    assert not browser.errors
    open_at(browser, address, OUTSIDE)
    found = values_at_centre(browser, shows(image=int(np.linspace(60, 180, SHAPE[2])[OUTSIDE[2]])))
    assert found["cells"].split()[:1] in ([], ["0"])


@pytest.mark.parametrize("kind", ["served", "static"])
def test_cells_have_the_reports_colours_and_surfaces(browser, request, kind):
    open_at(browser, request.getfixturevalue(kind), IN_CELL)
    colour = id_colours(np.array([CELL]))[0].astype(float)
    grey = np.linspace(60, 180, SHAPE[2])[IN_CELL[2]]
    wanted = (1 - LABEL_OPACITY) * grey + LABEL_OPACITY * colour

    def painted():
        # A little aside: the cross in the middle marks the position. The panel may still move.
        section = panel(browser, 0)
        y, x = (
            int(section["top"] + section["height"] / 2 - 9),
            int(section["left"] + section["width"] / 2 - 9),
        )
        return np.abs(browser.screenshot()[y, x] - wanted).max() < 8

    browser.wait_for(painted, "the colour of the cell in the slice")

    def drawn():
        """Pixels of the 3D panel in the hue of the colour, in light and shadow."""
        solid = panel(browser, 2)
        top, left = int(solid["top"]), int(solid["left"])
        bottom, right = top + int(solid["height"]), left + int(solid["width"])
        part = browser.screenshot()[top:bottom, left:right].astype(float)
        length = np.linalg.norm(part, axis=2)
        alike = part @ colour / (np.linalg.norm(colour) * np.maximum(length, 1))
        return ((alike > 0.99) & (length > 40)).sum() > 1000

    browser.wait_for(drawn, "the surface of the cell")
    assert not browser.errors


def test_organelles_have_the_colour_of_their_structure(browser, served):
    open_at(browser, served, IN_MITO)
    values_at_centre(browser, shows(mitochondria=MITO))
    state = browser.evaluate("viewer.state.toJSON()")
    mitochondria = next(layer for layer in state["layers"] if layer["name"] == "mitochondria")
    wanted = structure_colours(["mitochondria"])["mitochondria"].lower()
    assert mitochondria["segmentDefaultColor"] == wanted
    assert state["dimensions"] == {"x": [1.6e-08, "m"], "y": [1.6e-08, "m"], "z": [2e-08, "m"]}


def show_all(browser) -> None:
    """Show the layers that are hidden at the start; the panels are there before the layers are."""
    script = """(() => {
        const layers = viewer.layerManager.managedLayers;
        if (!layers.some(layer => layer.name === "label next")) return false;
        for (const layer of layers) layer.setVisible(true);
        return true;
    })()"""
    browser.wait_for(lambda: browser.evaluate(script), "the layers")


@pytest.mark.parametrize("kind", ["served", "static"])
def test_doubt_and_protrusions_lie_where_they_are(browser, request, kind):
    open_at(browser, request.getfixturevalue(kind), (10, 66, 8))  # in the protrusion of cell 5
    panel(browser, 0)
    show_all(browser)
    found = values_at_centre(browser, shows(protrusions=PROTRUSION, cells=5, doubt_in_ids=255 - TRUST))
    assert f"protrusion {PROTRUSION} of cell 5" in found["protrusions"]
    assert not browser.errors
    open_at(browser, request.getfixturevalue(kind), (10, 80, 8))  # in the cell itself
    panel(browser, 0)
    show_all(browser)
    found = values_at_centre(browser, shows(cells=5, doubt_in_ids=255 - TRUST))
    assert found["protrusions"].split()[:1] in ([], ["0"])


@pytest.mark.parametrize("kind", ["served", "static"])
def test_cells_have_names_and_sizes_to_select_by(browser, request, kind):
    open_at(browser, request.getfixturevalue(kind), IN_CELL)
    found = values_at_centre(browser, lambda v: f"cell {CELL}" in v.get("cells", ""))
    assert found["cells"].split()[0] == str(CELL)
    script = """(() => {
        const layer = viewer.layerManager.getLayerByName("cells").layer;
        const map = layer.displayState.segmentPropertyMap?.value?.segmentPropertyMap;
        const inline = map?.inlineProperties;
        return inline ? inline.properties.map(p => [p.id, p.type]) : null;
    })()"""
    known = browser.wait_for(lambda: browser.evaluate(script), "the properties")
    assert ["volume_um3", "number"] in known and ["tags", "tags"] in known


def test_links_and_advice_are_annotations(browser, served):
    open_at(browser, served, IN_CELL)
    panel(browser, 0)
    show_all(browser)
    state = browser.evaluate("viewer.state.toJSON()")
    layers = {layer["name"]: layer for layer in state["layers"]}
    assert layers["links left alone"]["annotations"][0]["description"].startswith(
        "fragment 1: unassigned_weak"
    )
    box = layers["label next"]["annotations"][0]
    assert box["type"] == "axis_aligned_bounding_box" and box["pointA"][2] == 12 + 2 - 0.5
    script = """viewer.layerManager.getLayerByName("label next").layer.annotationStates.states.map(
        s => [s.source.references !== undefined, [...s.source].length])"""
    assert browser.wait_for(lambda: browser.evaluate(script), "the annotations") == [[True, 1]]
    assert not browser.errors


@pytest.mark.usefixtures("static")
def test_a_web_server_without_ranges_is_named(browser, run):
    with web_server(run / "results", SimpleHTTPRequestHandler) as address:
        browser.open(f"{address}/tiny/viewer/")
        script = 'document.getElementById("ultraseg-problem")?.textContent'
        note = browser.wait_for(lambda: browser.evaluate(script), "the message")
    assert "range requests" in note


def test_requests_are_those_of_the_page_that_is_open(browser, tmp_path):
    for name in ("before", "now"):
        (tmp_path / f"{name}.html").write_text(f"<script>fetch('/{name}')</script>")
    asked, real = [], browser._note
    with web_server(tmp_path, SimpleHTTPRequestHandler) as address:
        browser.open(f"{address}/before.html")
        browser.wait_for(
            lambda: browser.evaluate("1") and f"{address}/before" in browser.requests, "the page"
        )
        browser._note = lambda event: (asked.append(event), real(event))
        browser.evaluate("fetch('/late')")
        browser._note = real
        browser.open(f"{address}/now.html")
        browser.wait_for(lambda: browser.evaluate("1") and f"{address}/now" in browser.requests, "the page")
        sent = [e for e in asked if e["method"] == "Network.requestWillBeSent"]
        (late,) = (e for e in sent if e["params"]["request"]["url"] == f"{address}/late")
        real(late)  # told of too late, as happens on a busy computer
    assert set(browser.requests) <= {f"{address}/{name}" for name in ("now.html", "now", "favicon.ico")}


def test_nothing_is_fetched_from_elsewhere(browser, served):
    open_at(browser, served, IN_CELL)
    values_at_centre(browser, shows(cells=CELL))
    hosts = {url.split("/")[2] for url in browser.requests if url.startswith("http")}
    assert hosts == {served.split("/")[2]}
