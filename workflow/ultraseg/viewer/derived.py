"""Layers that are no files of the results: doubt in carried ids, and protrusions; made chunk by chunk, as Zarr 3.

Both are at the scale of the network of the cells. A chunk is a part of one slice.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.base.files import read_table
from ultraseg.grid.paths import METADATA, VolumeFiles, metadata
from ultraseg.grid.slabs import ceil_div
from ultraseg.storage.arrays import look_at, shape_of
from ultraseg.storage.label_slices import LabelSlices
from ultraseg.storage.ome_read import Scaling

DOUBT, PROTRUSIONS = "doubt", "protrusions"
TYPES = {DOUBT: "uint8", PROTRUSIONS: "uint32"}
SIDE = 512  # pixels of a chunk in y and x
CHUNK = re.compile(r"0/c/(\d{1,8})/(\d{1,6})/(\d{1,6})", re.ASCII)
GAP = re.compile(r"(\d+)x?-(\d+)x?\.h5", re.ASCII)
HELD = 16  # slices


class Derived:
    """The derived arrays of the volume in ``folder``; shape: of its image; scaling: of the image's finest level."""

    def __init__(self, folder: str | Path, shape: Sequence[int], scaling: Scaling):
        self._files, self._image, self._scaling = VolumeFiles(str(folder)), shape, scaling
        self._plane = lru_cache(HELD)(self._make_plane)

    @cached_property
    def names(self) -> list[str]:
        """Those that there are files for: none without cells, or before cells are linked."""
        if not Path(metadata(self._files.pieces)).exists():
            return []
        found = [DOUBT] if self._gaps else []
        return found + ([PROTRUSIONS] if Path(self._files.link("nodes")).exists() else [])

    def file(self, name: str, inside: str) -> bytes | None:
        """A file of a derived array: metadata, or a chunk; None where there is no such file."""
        if name not in self.names:
            return None
        if inside == METADATA:
            return self._group(name)
        if inside == f"0/{METADATA}":
            return self._array(name)
        known = CHUNK.fullmatch(inside)
        if known is None:
            return None
        z, row, column = map(int, known.groups())
        inside_all = z < self._shape[0] and row * SIDE < self._shape[1] and column * SIDE < self._shape[2]
        return self._chunk(name, z, row, column) if inside_all else None

    def files(self, name: str) -> Iterator[tuple[str, bytes]]:
        """All files of a derived array that hold anything, by their paths in its folder."""
        yield METADATA, self._group(name)
        yield f"0/{METADATA}", self._array(name)
        rows, columns = (ceil_div(n, SIDE) for n in self._shape[1:])
        for z in range(self._shape[0]):
            for row in range(rows):
                for column in range(columns):
                    if (found := self._chunk(name, z, row, column)) is not None:
                        yield f"0/c/{z}/{row}/{column}", found

    # ---- metadata
    @cached_property
    def _shape(self) -> tuple[int, ...]:
        return shape_of(self._files.pieces)

    def _group(self, name: str) -> bytes:
        small = round(self._image[1] / self._shape[1])
        z_nm, y_nm, x_nm = self._scaling.size_nm
        size = [z_nm, y_nm * small, x_nm * small]
        # Translations lead to the centre of the first voxel, which a coarse voxel has further in.
        first = [
            start + (large - fine) / 2
            for start, large, fine in zip(self._scaling.first_nm, size, self._scaling.size_nm, strict=True)
        ]
        transforms = [{"type": "scale", "scale": size}, {"type": "translation", "translation": first}]
        axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
        levels = [{"path": "0", "coordinateTransformations": transforms}]
        ome = {"version": "0.5", "multiscales": [{"name": name, "axes": axes, "datasets": levels}]}
        return json.dumps({"zarr_format": 3, "node_type": "group", "attributes": {"ome": ome}}).encode()

    def _array(self, name: str) -> bytes:
        about: dict[str, Any] = {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(self._shape),
            "data_type": TYPES[name],
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, SIDE, SIDE]}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": 0,
            "codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}},
                {"name": "gzip", "configuration": {"level": 1}},
            ],
            "dimension_names": ["z", "y", "x"],
            "attributes": {},
        }
        if TYPES[name] == "uint8":
            about["codecs"][0] = {"name": "bytes"}
        return json.dumps(about).encode()

    # ---- data
    def _chunk(self, name: str, z: int, row: int, column: int) -> bytes | None:
        """One chunk, padded with 0 at the far edges; None where all of it is 0, as Zarr leaves such chunks out."""
        part = self._plane(name, z)[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
        if not part.any():
            return None
        whole = np.zeros((SIDE, SIDE), np.dtype(TYPES[name]).newbyteorder("<"))
        whole[: part.shape[0], : part.shape[1]] = part
        return gzip.compress(whole.tobytes(), 1, mtime=0)

    def _make_plane(self, name: str, z: int) -> NDArray[Any]:
        return self._doubt(z) if name == DOUBT else self._protrusions(z)

    def _doubt(self, z: int) -> NDArray[np.uint8]:
        """255 - trust in the carried id of each pixel, 0 where no cell is; 0 on slices that are not made yet."""
        for first, last, file in self._gaps:
            if first <= z <= last:
                with LabelSlices(str(file)) as carried:
                    doubt = 255 - carried.read(z, "confidence")
                    return np.where(carried.read(z) > 0, doubt, 0).astype(np.uint8)
        return np.zeros(self._shape[1:], np.uint8)

    @cached_property
    def _gaps(self) -> list[tuple[int, int, Path]]:
        found = [
            (GAP.fullmatch(file.name), file)
            for file in sorted(Path(self._files.propagated_folder).glob("*.h5"))
        ]
        gaps = [(int(name[1]), int(name[2]), file) for name, file in found if name]
        # A gap around a slice that is left out for evaluation holds other gaps: the narrowest has the final ids.
        return sorted(gaps, key=lambda gap: (gap[1] - gap[0], gap[0]))

    def _protrusions(self, z: int) -> NDArray[np.uint32]:
        """The number of the protrusion that each pixel belongs to, 0 elsewhere."""
        pieces = look_at(self._files.pieces, (slice(z, z + 1),))[0]
        own = self._protruding.get(z)
        if own is None:
            return np.zeros(pieces.shape, np.uint32)
        numbers = np.zeros(int(max(pieces.max(), own["piece"].max())) + 1, np.uint32)
        numbers[own["piece"]] = own["protrusion"]
        return numbers[pieces]

    @cached_property
    def _protruding(self) -> dict[int, pd.DataFrame]:
        nodes = read_table(self._files.link("nodes"), columns=["z", "piece", "protrusion"])
        return dict(iter(nodes[nodes["protrusion"] > 0].groupby("z")))
