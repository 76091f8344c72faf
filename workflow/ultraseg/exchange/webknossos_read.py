"""Volume annotations of webKnossos as it downloads them: a ZIP of an .nml and of a ZIP of arrays per layer."""

from __future__ import annotations

import json
import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ultraseg.base.errors import UserError
from ultraseg.exchange.wkw import WkwArray
from ultraseg.formats.ome_zarr_layout import zarr_array

FINEST = re.compile(r"(?:^|/)(?:1|1-1-1)/(?:zarr\.json|\.zarray|header\.wkw)$")
AGAIN = "Download the annotation again (menu, Download, with volume data)."
HELD = 2**30  # bytes of decoded blocks that are kept for the next slice
UNITS = {"nanometer": 1.0, "micrometer": 1000.0, "angstrom": 0.1}


def run_layer(structure: str) -> str:
    """The name of a layer that began as all labels of a run (`webknossos_write.write_annotation`)."""
    return f"{structure}_of_run"


@dataclass(frozen=True)
class VolumeLayer:
    """What the .nml says of one volume layer. location: its ZIP; fallback: the segmentation that it began from."""

    name: str
    location: str
    fallback: str | None


@dataclass(frozen=True)
class Annotation:
    """An annotation. voxel_size_nm: z, y, x, None where it is not told."""

    path: str
    dataset: str
    voxel_size_nm: tuple[float, float, float] | None
    layers: tuple[VolumeLayer, ...]

    def layer(self, name: str | None) -> VolumeLayer:
        """The layer of this name; the only one where no name is given. Raises UserError where there is none."""
        known = ", ".join(layer.name for layer in self.layers)
        if not self.layers:
            raise UserError(f"{self.path}: has no volume layer", "Give a volume annotation, or a hybrid one.")
        if name is None and len(self.layers) > 1:
            raise UserError(
                f"{self.path}: has {len(self.layers)} volume layers", f"Name one with --layer: {known}."
            )
        found = [layer for layer in self.layers if name in (None, layer.name)]
        if not found:
            raise UserError(f"{self.path}: has no volume layer '{name}'", f"Choose among {known}.")
        return found[0]


class Voxels(Protocol):
    """The annotated voxels of a layer. Blocks that webKnossos did not store say nothing."""

    @property
    def slices(self) -> list[int]:
        """Slices that have blocks."""

    def plane(self, z: int) -> tuple[NDArray[np.unsignedinteger], NDArray[np.bool_]]:
        """Ids of a slice (Y, X), and where blocks are stored. Raises UserError where it does not decode."""


class ZarrVoxels:
    """Voxels in a Zarr array of the axes c, x, y, z in any order; a block is a chunk."""

    def __init__(self, name: str, array: Any, block: Sequence[int], axes: str, stored: set[tuple[int, ...]]):
        self._name, self._array, self._axes, self._stored = name, array, axes, stored
        self._block = dict(zip(axes, block, strict=True))
        self._size = dict(zip(axes, array.shape, strict=True))
        self._held: tuple[int, NDArray[Any]] = (-1, np.empty(0))

    @property
    def slices(self) -> list[int]:
        """Slices that have blocks."""
        at, depth = self._axes.index("z"), self._block["z"]
        firsts = {place[at] * depth for place in self._stored}
        return sorted(z for first in firsts for z in range(first, min(first + depth, self._size["z"])))

    def plane(self, z: int) -> tuple[NDArray[np.unsignedinteger], NDArray[np.bool_]]:
        """Ids of a slice (Y, X), and where blocks are stored. Raises UserError where it does not decode."""
        shape = self._size["y"], self._size["x"]
        try:
            values = self._values(z)
        except Exception as error:  # damaged chunks make decoders raise errors of many kinds
            raise UserError(
                f"{self._name}: slice {z} does not decode ({type(error).__name__}: {error})", AGAIN
            ) from error
        if self._axes.index("x") < self._axes.index("y"):
            values = values.transpose()
        known = np.zeros(shape, bool)
        for place in self._stored:
            at = dict(zip(self._axes, place, strict=True))
            if at["z"] == z // self._block["z"]:
                y, x = (slice(at[a] * self._block[a], (at[a] + 1) * self._block[a]) for a in "yx")
                known[y, x] = True
        return values if values.dtype.kind == "u" else values.astype(np.uint64), known

    def _values(self, z: int) -> NDArray[Any]:
        """The numbers of a slice, along x and y as in the array. Blocks are decoded once where memory holds them."""
        depth = self._block["z"]
        if self._array.dtype.itemsize * depth * self._size["y"] * self._size["x"] > HELD:
            return np.asarray(self._array[self._part(z)])
        first = z - z % depth
        if self._held[0] != first:
            self._held = first, np.asarray(self._array[self._part(slice(first, first + depth))])
        return np.take(self._held[1], z - first, [axis for axis in self._axes if axis != "c"].index("z"))

    def _part(self, z: int | slice) -> tuple[Any, ...]:
        chosen: dict[str, Any] = {"z": z, "c": 0}
        return tuple(chosen.get(axis, slice(None)) for axis in self._axes)


def read_annotation(path: str) -> Annotation:
    """What the .nml in a ZIP says. Raises UserError where it is no annotation of webKnossos."""
    with _zip(path) as opened:
        names = [name for name in opened.namelist() if name.lower().endswith(".nml")]
        if len(names) != 1:
            raise UserError(
                f"{path}: holds {len(names)} .nml files where an annotation of webKnossos has one",
                "Give the ZIP as webKnossos downloads it. An unpacked layer in Zarr is read by its folder as labels.",
            )
        try:
            things = ElementTree.fromstring(opened.read(names[0]))
        except ElementTree.ParseError as error:
            raise UserError(f"{path}: {names[0]} is damaged ({error})", AGAIN) from error
    experiment, scale = things.find("parameters/experiment"), things.find("parameters/scale")
    layers = [
        VolumeLayer(found.get("name") or "Volume", found.get("location", ""), found.get("fallbackLayer"))
        for found in things.iter("volume")
    ]
    dataset = "" if experiment is None else experiment.get("name", "")
    return Annotation(path, dataset, _size(scale), tuple(layers))


def _size(scale: ElementTree.Element | None) -> tuple[float, float, float] | None:
    try:
        if scale is None:
            return None
        factor = UNITS[scale.get("unit", "nanometer")]
        z, y, x = (factor * float(scale.attrib[axis]) for axis in "zyx")
        return z, y, x
    except (KeyError, ValueError):
        return None


@contextmanager
def open_voxels(annotation: Annotation, layer: VolumeLayer) -> Iterator[Voxels]:
    """The voxels of a layer, unpacked into a temporary folder meanwhile. Raises UserError for what is not read."""
    name = f"{annotation.path}: layer '{layer.name}'"
    with TemporaryDirectory() as folder, _zip(annotation.path) as outer:
        if layer.location not in outer.namelist():
            raise UserError(
                f"{name}: {layer.location or 'its ZIP'} is missing, so there are no voxels", AGAIN
            )
        inner = outer.extract(layer.location, folder)
        with _zip(inner, name) as opened:
            _check_form(name, opened.namelist())
            _check_disk(name, opened, folder)
            opened.extractall(f"{folder}/layer")
        path = _finest(f"{folder}/layer", name)
        yield WkwArray(name, path) if os.path.exists(f"{path}/header.wkw") else _zarr_voxels(name, path)


def _zarr_voxels(name: str, path: str) -> ZarrVoxels:
    import zarr

    about = zarr_array(path)
    if about.block != about.chunk:
        raise UserError(
            f"{name}: its array is sharded, so nothing tells which voxels were annotated",
            "Give the annotation as webKnossos itself downloads it.",
        )
    try:
        _spell_out(path)
        array = zarr.open_array(path, mode="r")
    except Exception as error:  # damaged metadata make Zarr raise errors of many kinds
        raise UserError(f"{name}: cannot be read ({type(error).__name__}: {error})", AGAIN) from error
    axes = "".join(getattr(array.metadata, "dimension_names", None) or "cxyz")
    if sorted(axes) != ["c", "x", "y", "z"] or len(array.shape) != 4:
        raise UserError(f"{name}: has the axes {axes}, not c, x, y and z", AGAIN)
    return ZarrVoxels(name, array, about.chunk, axes, _stored(path, about.prefix, about.separator))


def _check_form(name: str, files: Sequence[str]) -> None:
    if not any(FINEST.search(file) for file in files):
        raise UserError(
            f"{name}: has no voxels at full resolution, only {len(files)} other files",
            "Annotate at magnification 1, and download the annotation again.",
        )


def _check_disk(name: str, opened: zipfile.ZipFile, folder: str) -> None:
    size, free = sum(one.file_size for one in opened.infolist()), shutil.disk_usage(folder).free
    if size > free:
        raise UserError(
            f"{name}: takes {size / 1e9:.1f} GB unpacked, and {folder} has {free / 1e9:.1f} GB left",
            "Make room there, or name another folder for temporary files with TMPDIR.",
        )


def _finest(folder: str, name: str) -> str:
    """The folder of the array at full resolution."""
    found = [
        os.path.dirname(file) for file in map(str, sorted(Path(folder).rglob("*"))) if FINEST.search(file)
    ]
    if len(set(found)) != 1:
        raise UserError(f"{name}: holds {len(set(found))} arrays at full resolution", AGAIN)
    return found[0]


def _spell_out(path: str) -> None:
    """Write the order of axes as numbers, where an early form of Zarr 3 says "C" or "F", which zarr-python refuses."""
    file = Path(path, "zarr.json")
    if not file.exists():
        return
    about = json.loads(file.read_text())
    axes = [*range(len(about["shape"]))]
    for codec in about["codecs"]:
        how = codec.get("configuration", {})
        if codec["name"] == "transpose" and how.get("order") in ("C", "F"):
            how["order"] = axes if how["order"] == "C" else axes[::-1]
    file.write_text(json.dumps(about))


def _stored(path: str, prefix: str, separator: str) -> set[tuple[int, ...]]:
    """The blocks whose files are there, by their places along the axes."""
    found = set()
    for file in Path(path).rglob("*"):
        words = file.relative_to(path).as_posix().removeprefix(prefix).split(separator)
        if file.is_file() and all(word.isdecimal() for word in words):
            found.add(tuple(map(int, words)))
    return found


@contextmanager
def _zip(path: str, name: str | None = None) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as opened:
            yield opened
    except FileNotFoundError:
        raise UserError(f"{path}: no such file", "Correct the path.") from None
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError) as error:
        raise UserError(f"{name or path}: cannot be unpacked ({error})", AGAIN) from error
