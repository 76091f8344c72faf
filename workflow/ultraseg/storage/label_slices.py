"""Label slices that belong to single z, in one HDF5 file: the user's checked labels, and propagated gaps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.storage.hdf5 import damage_told, new_hdf5, open_hdf5

NUMBERS = 1024  # of a chunk, where there is one number for each slice


def write_slices(
    path: str,
    shape: tuple[int, int],
    slices: Iterable[tuple[int, Mapping[str, NDArray[np.generic] | np.generic]]],
) -> None:
    """Write slices to a new file, which appears whole or not at all.

    shape: (Y, X) of every slice; slices: (z, name -> array (Y, X) or number), in any order of z, all with the same
    names. One slice is in memory at a time.
    """
    zs: list[int] = []
    with new_hdf5(path) as file:
        for z, arrays in slices:
            for name, values in arrays.items():
                # An array is one chunk.
                file.append(
                    name, np.asarray(values)[None], 1 if np.ndim(values) else NUMBERS,
                    compression="gzip", compression_opts=1,
                )  # fmt: skip
                if np.ndim(values) and np.shape(values) != tuple(shape):
                    raise ValueError(f"slice {z} has {np.shape(values)} pixels, not {tuple(shape)}")
            zs.append(int(z))
        file.attrs["z"] = np.array(zs, np.int64)


class LabelSlices:
    """The slices of a file that ``write_slices`` wrote; a context manager."""

    def __init__(self, path: str):
        self._path = path
        with damage_told(path):
            self._file = open_hdf5(path)
            self._places = {int(z): i for i, z in enumerate(self._file.attrs["z"])}

    def __enter__(self) -> LabelSlices:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __contains__(self, z: int) -> bool:
        """Whether the file has slice z."""
        return z in self._places

    @property
    def zs(self) -> list[int]:
        """The slices of the file, in ascending order."""
        return sorted(self._places)

    def has(self, name: str) -> bool:
        """Whether slices have an array or a number of this name."""
        with damage_told(self._path):
            return name in self._file

    def read(self, z: int, name: str = "labels") -> NDArray[Any]:
        """The array ``name`` (Y, X), or the number, of slice z.

        Raises KeyError for a slice or a name that is not there, and UserError for a damaged file.
        """
        place = self._places[z]
        if not self.has(name):
            raise KeyError(f"{self._path} has no {name}")
        with damage_told(self._path):
            return self._file[name][place]

    def known(self, z: int) -> NDArray[np.bool_] | None:
        """Where slice z is labelled, bool (Y, X); None where all of the slice is labelled."""
        if not self.has("known"):
            return None
        known = self.read(z, "known") > 0
        return None if known.all() else known


def highest_id(files: Iterable[str]) -> int:
    """The highest id in any slice of some files with label slices; 0 where there is no file."""
    highest = 0
    for file in files:
        with LabelSlices(file) as given:
            highest = max([highest, *(int(given.read(z).max()) for z in given.zs)])
    return highest
