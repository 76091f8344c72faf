"""The viewer of a volume as files: page, Neuroglancer's client, state and surfaces, for any web server.

``viewer/index.html`` in the volume's folder leads to ``viewer/v/view.html`` (the client asks for a folder ``v`` in its
address), which reads ``image.zarr`` next to ``viewer``.
"""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import neuroglancer.static
import pandas as pd

from ultraseg.base.errors import UserError
from ultraseg.base.files import read_table, write_text
from ultraseg.grid.paths import METADATA, MODELS, VolumeFiles, metadata, shard_file
from ultraseg.networks.channels import cell_structures
from ultraseg.storage.arrays import shape_of
from ultraseg.storage.ome_read import read_scaling, read_window, structures_of
from ultraseg.viewer.annotations import advice_layer, link_layers
from ultraseg.viewer.derived import DOUBT, PROTRUSIONS, Derived
from ultraseg.viewer.mesh import INFO, Surfaces, manifest
from ultraseg.viewer.properties import cell_properties, organelle_properties, protrusion_properties
from ultraseg.viewer.state import doubt_layer, protrusion_layer, volume_state

CLIENT = Path(neuroglancer.static.__file__).parent / "client"
LICENCE = "LICENSE.neuroglancer.txt"
SCRIPT = Path(__file__).with_name("page.js")
MESH_FILE = re.compile(r"(\d{1,10})(:0|\.mesh)", re.ASCII)  # ids have 32 bits
INDEX = """<!doctype html>
<meta charset="utf-8">
<meta http-equiv="refresh" content="1; url=v/view.html">
<script>location.replace("v/view.html" + location.search)</script>
<a href="v/view.html">Viewer</a>
"""


class View:
    """All that the viewer shows of the volume in ``folder``. Raises UserError without an image."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.name = self.folder.absolute().name
        self._files = VolumeFiles(str(folder))
        self._scaling, self._window = read_scaling(self._files.image)[0], read_window(self._files.image)
        self._shape = shape_of(self._files.image_level())
        self.made = made_so_far(folder)
        self._derived = Derived(folder, self._shape, self._scaling)
        self._table = cache(self._read_table)
        self.surfaces = {s: Surfaces(folder, s) for s in structures_of(folder)}

    def state(self) -> dict[str, Any]:
        """The state of Neuroglancer at the start."""
        sizes = {s: found.sizes for s, found in self.surfaces.items()}
        cells, table = self._cell_structures() & {*sizes}, self._cells_in_table()
        coloured = {s: sorted({*sizes[s], *table}) for s in cells}
        described = [s for s in sizes if self.properties(s) is not None]
        more = self._more_layers(next(iter(cells), None))
        return volume_state(
            self.name, self._shape, self._scaling, self._window, sizes, coloured, described, more
        )

    def _more_layers(self, cells: str | None) -> list[dict[str, Any]]:
        """Doubt and protrusions, links and advice, as far as the run has made them."""
        size = self._scaling.size_nm
        first = [start / nm for start, nm in zip(self._scaling.first_nm, size, strict=True)]
        names, found = self._derived.names, []
        if DOUBT in names:
            found.append(doubt_layer(DOUBT))
        if PROTRUSIONS in names:
            found.append(protrusion_layer(PROTRUSIONS, self.properties(PROTRUSIONS) is not None))
        links, advice = self._table("links"), self._table("label_next")
        if links is not None and cells:
            found += link_layers(links, first, size, cells)
        if advice is not None:
            found.append(advice_layer(advice, first, size, self._shape))
        return found

    def _read_table(self, name: str) -> pd.DataFrame | None:
        file = Path(self._files.table(name))
        return read_table(file) if file.exists() else None

    def properties(self, name: str) -> bytes | None:
        """Names, sizes and classes of the objects of a structure, or of protrusions; None where there is no table."""
        if name == PROTRUSIONS:
            found = self._table("protrusions")
            return None if found is None else protrusion_properties(found)
        if name in self._cell_structures():
            cells, nodes = self._table("cells"), Path(self._files.link("nodes"))
            labelled = None
            if nodes.exists():
                pieces = read_table(nodes, columns=["final", "given"])
                labelled = pieces.loc[pieces["given"], "final"].unique().tolist()
            return None if cells is None else cell_properties(cells, labelled)
        organelles = self._table("organelles")
        if organelles is None or not (organelles["structure"] == name).any():
            return None
        return organelle_properties(name, organelles)

    def derived(self, name: str, inside: str) -> bytes | None:
        """A file of a derived array (doubt, protrusions); None: no such file."""
        return self._derived.file(name, inside)

    def derived_files(self) -> Iterator[tuple[str, bytes]]:
        """All files of the derived arrays, by their paths."""
        for name in self._derived.names:
            yield from ((f"{name}/{path}", content) for path, content in self._derived.files(name))

    def _cell_structures(self) -> set[str]:
        """Structures of kind ``cells``, as the channels of the networks tell."""
        cards = [json.loads(file.read_text()) for file in sorted(self.folder.parent.glob("models/*.json"))]
        channels = [name for card in cards for name in card.get("channels", ())]
        return cell_structures(channels)

    def _cells_in_table(self) -> list[int]:
        """All cells: the smallest ones may be lost at the level that surfaces are found at."""
        file = Path(self._files.table("cells"))
        return read_table(file, columns=["cell"])["cell"].tolist() if file.exists() else []

    def mesh(self, structure: str, name: str) -> bytes | None:
        """A file of the surfaces of a structure: info, manifest (12:0) or triangles (12.mesh); None: no such file."""
        surfaces = self.surfaces.get(structure)
        if surfaces is None or name == "info":
            return INFO if surfaces else None
        known = MESH_FILE.fullmatch(name)
        if known is None:
            return None
        number = int(known[1])
        if known[2] == ":0":
            return manifest(number) if number in surfaces.sizes else None
        return surfaces.surface(number)


def made_so_far(folder: str | Path) -> tuple[tuple[str, int], ...]:
    """Names and times of the files that a view of the volume in ``folder`` is made from.

    While a run goes on they change: then the view is out of date.
    """
    files = VolumeFiles(str(folder))
    found = [Path(metadata(files.image)), Path(metadata(files.label_images)), Path(files.link("nodes"))]
    found += [
        Path(files.table(name)) for name in ("cells", "organelles", "protrusions", "links", "label_next")
    ]
    found += Path(files.propagated_folder).glob("*.h5")
    found += Path(folder).parent.glob(f"{Path(MODELS).name}/*.json")
    found += Path(files.label_images).glob(f"*/*/{METADATA}")
    found += Path(files.label_images).glob(f"*/*/{Path(shard_file('', '*')).relative_to('/')}")
    return tuple(sorted((str(file), file.stat().st_mtime_ns) for file in found if file.exists()))


def client_file(name: str) -> Path | None:
    """A file of the page that is the same for all volumes."""
    path = SCRIPT if name == SCRIPT.name else CLIENT / name
    return path if path.is_file() and path.suffix != ".map" else None


def client_files() -> Iterator[Path]:
    """Neuroglancer's client but for its page and the maps that only its developers need (5 MB)."""
    yield SCRIPT
    yield from sorted(p for p in CLIENT.iterdir() if p.is_file() and p.suffix not in (".map", ".html"))


def client_licence() -> str:
    """The licence of Neuroglancer's client, which goes with every copy of the client."""
    files = distribution("neuroglancer").files or []
    for file in files:
        if file.name.upper().startswith("LICENSE"):
            return file.read_text()
    raise UserError(
        "the Python package neuroglancer came without its licence file",
        "Install the versions of the lock file: make env.",
    )


def page(title: str) -> str:
    """The page: the client's own, with our script before it."""
    ours = f'<link rel="icon" href="data:,"><script src="{SCRIPT.name}"></script>'
    markup = (CLIENT / "index.html").read_text()
    changed = markup.replace("<title>neuroglancer</title>", f"<title>{html.escape(title)}</title>{ours}")
    if changed == markup:
        raise UserError(
            f"{CLIENT / 'index.html'}: another page than this version of ultraseg knows",
            "Install the versions of the lock file: make env.",
        )
    return changed


def write_viewer(folder: str | Path, viewer: str | Path) -> dict[str, int]:
    """Write the viewer of the volume in ``folder`` as plain files; returns the number of surfaces by structure.

    Surfaces are written only for the objects that are drawn at the start.
    """
    view, viewer = View(folder), Path(viewer)
    shutil.rmtree(viewer, ignore_errors=True)
    state = view.state()
    for file in client_files():
        (viewer / "v").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, viewer / "v" / file.name)
    write_text(viewer / "v" / LICENCE, client_licence())
    write_text(viewer / "v/view.html", page(view.name))
    write_text(viewer / "v/state.json", json.dumps(state))
    labels = [layer for layer in state["layers"] if "segments" in layer]
    written = {layer["name"]: _write_meshes(view, viewer, layer) for layer in labels}
    for name in (*view.surfaces, PROTRUSIONS):
        if (content := view.properties(name)) is not None:
            _write(viewer / "properties" / name / "info", content)
    for path, content in view.derived_files():
        _write(viewer / "derived" / path, content)
    write_text(viewer / "index.html", INDEX)
    return written


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _write_meshes(view: View, viewer: Path, layer: dict[str, Any]) -> int:
    folder = viewer / "mesh" / layer["name"]
    folder.mkdir(parents=True)
    (folder / "info").write_bytes(INFO)
    for number in layer["segments"]:
        for name in (f"{number}.mesh", f"{number}:0"):
            content = view.mesh(layer["name"], name)
            if content is not None:
                (folder / name).write_bytes(content)
    return len(layer["segments"])
