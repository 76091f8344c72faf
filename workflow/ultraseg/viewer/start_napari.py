"""napari with a volume's image and labels: describes the layers and starts napari where it is installed.

napari brings a window system of its own, so it lives in an environment of its own; only ``napari_layers.py`` runs
there. No module beside it may be called napari.py: scripts would take it for napari.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ultraseg.base.colours import LABEL_OPACITY, structure_colours
from ultraseg.base.errors import UserError
from ultraseg.base.files import write_text
from ultraseg.grid.paths import VolumeFiles
from ultraseg.storage.finished_runs import choose_volume
from ultraseg.storage.ome_read import read_scaling, read_window, structures_of
from ultraseg.viewer.page import View

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).with_name("napari_layers.py")
INSTALLED = ROOT / ".venv-napari/bin/python"


def layers_of(folder: str | Path) -> list[dict[str, Any]]:
    """What napari shows of the volume in ``folder``: name, kind, levels, µm per voxel, colours, opacity.

    The image comes first. ``colours``: that of each cell, as in the report, or one for all objects of a structure.
    """
    files = VolumeFiles(str(Path(folder).absolute()))
    view, names = View(folder), structures_of(folder)
    painted = {layer["name"]: layer for layer in view.state()["layers"]}
    colours = structure_colours(names)
    found = [image_layer(folder)]
    for name in names:
        each = painted[name].get("segmentColors")
        about = {"colours": each or {"": colours[name]}, "opacity": LABEL_OPACITY}
        found.append(_layer(Path(files.labels(name)), name) | about)
    return found


def image_layer(folder: str | Path) -> dict[str, Any]:
    """The layer of the image alone, as in ``layers_of``; reads nothing but metadata."""
    image = Path(VolumeFiles(str(Path(folder).absolute())).image)
    return _layer(image, "image") | {"window": list(read_window(image))}


def _layer(group: Path, name: str) -> dict[str, Any]:
    levels = read_scaling(group)
    return {
        "name": name,
        "kind": "image" if name == "image" else "labels",
        "levels": [str(group / str(number)) for number in range(len(levels))],
        "scale": [nm / 1000 for nm in levels[0].size_nm],
        "translate": [nm / 1000 for nm in levels[0].first_nm],
    }


def find_python(given: str | None) -> str:
    """The Python that has napari: the one given, that of ``make napari``, or this one. Raises UserError."""
    if given:
        return given
    if INSTALLED.exists():
        return str(INSTALLED)
    if importlib.util.find_spec("napari"):
        return sys.executable
    raise UserError(
        "napari is not installed, neither here nor by make napari",
        "Type make napari DIRECTORY=... in the folder of ultraseg: it installs napari (1 GB) into .venv-napari and "
        "opens it; or name a Python that has napari, zarr 3 and dask: --python PATH.",
    )


def show(directory: str | Path, volume: str | None = None, python: str | None = None) -> None:
    """Open napari with a volume of the run in ``directory`` and wait until it is closed.

    ``python``: one that has napari, where ``find_python`` finds none. Raises UserError when napari fails.
    """
    volume = choose_volume(directory, volume)
    python = find_python(python)
    with tempfile.TemporaryDirectory() as folder:
        described = Path(folder, "layers.json")
        write_text(described, json.dumps(layers_of(Path(directory, "results", volume))))
        done = subprocess.run([python, str(SCRIPT), str(described), f"{volume} - ultraseg"])
    if done.returncode:
        raise UserError(
            f"napari ended with status {done.returncode}",
            "See its words above; without a screen (SSH) use make view, which needs only a browser.",
        )
