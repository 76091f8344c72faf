"""Label slices that belong to single z, in one HDF5 file: the user's checked labels, and propagated gaps."""

from __future__ import annotations

from collections.abc import Iterable

import h5py
import numpy as np

from ultraseg.base.files import whole_file


def write_slices(
    path: str, shape: tuple[int, int], slices: Iterable[tuple[int, dict[str, np.ndarray]]]
) -> None:
    """Write slices (z, name -> array (Y, X) or number) to a new file, which appears under its name when whole.

    An array has one chunk per slice.
    """
    zs = []
    with whole_file(path) as part, h5py.File(part, "w") as file:
        for z, arrays in slices:
            for name, values in arrays.items():
                if name not in file:
                    plane, chunk = (shape, (1, *shape)) if np.ndim(values) else ((), (1024,))
                    file.create_dataset(
                        name, (0, *plane), values.dtype, maxshape=(None, *plane), chunks=chunk,
                        compression="gzip", compression_opts=1,
                    )  # fmt: skip
                file[name].resize(len(zs) + 1, axis=0)
                file[name][len(zs)] = values
            zs.append(int(z))
        file.attrs["z"] = np.array(zs, np.int64)


class LabelSlices:
    """Slices of a file written by ``write_slices``; a context manager."""

    def __init__(self, path: str):
        self.file = h5py.File(path, "r")
        self.index = {int(z): i for i, z in enumerate(self.file.attrs["z"])}

    def __enter__(self) -> LabelSlices:
        return self

    def __exit__(self, *error) -> None:
        self.file.close()

    def __contains__(self, z: int) -> bool:
        return z in self.index

    @property
    def zs(self) -> list[int]:
        return sorted(self.index)

    def read(self, z: int, name: str = "labels") -> np.ndarray:
        """The array ``name`` (Y, X), or the number, of slice z. Raises KeyError for a slice that is not there."""
        return self.file[name][self.index[z]]

    def known(self, z: int) -> np.ndarray | None:
        """Where slice z is labelled, bool (Y, X); None where all of it is."""
        if "known" not in self.file:
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
