"""Columns of numbers on disk: one flat file each, of which any rows are read and written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Rows = NDArray[np.integer[Any]]
CHUNK = 1_000_000  # rows that are held where a whole column is gone through


class Columns:
    """Named columns in a folder. A column that is missing here is read from ``below``, which is never written to."""

    def __init__(self, folder: str | os.PathLike[str], below: Columns | None = None):
        self._folder, self._below = Path(folder), below
        self._folder.mkdir(parents=True)
        self._types: dict[str, np.dtype[Any]] = {}
        self._counts: dict[str, int] = {}

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._folder

    def names(self) -> list[str]:
        """All columns, those below first."""
        below = self._below.names() if self._below else []
        return [*below, *(name for name in self._types if name not in below)]

    def __contains__(self, name: str) -> bool:
        return name in self._types or (self._below is not None and name in self._below)

    def count(self, name: str) -> int:
        """Number of rows."""
        return self._owner(name)._counts[name]

    def add(self, name: str, dtype: DTypeLike, count: int = 0) -> None:
        """A new column of so many zeros."""
        self._types[name], self._counts[name] = np.dtype(dtype), count
        with open(self._file(name), "wb") as file:
            file.truncate(count * self._types[name].itemsize)

    def append(self, name: str, values: NDArray[Any]) -> None:
        """Write more rows behind the last."""
        with open(self._file(name), "ab") as file:
            np.ascontiguousarray(values, self._types[name]).tofile(file)
        self._counts[name] += len(values)

    def read(self, name: str, start: int, stop: int) -> NDArray[Any]:
        """The rows start to stop - 1."""
        owner = self._owner(name)
        dtype, count = owner._types[name], max(stop - start, 0)
        found = np.fromfile(owner._file(name), dtype, count, offset=start * dtype.itemsize)
        if len(found) != count:
            raise EOFError(f"{owner._file(name)}: {len(found)} of {count} rows from row {start}")
        return found

    def write(self, name: str, start: int, values: NDArray[Any]) -> None:
        """Replace the rows from start on."""
        dtype = self._types[name]
        if start + len(values) > self._counts[name]:
            raise EOFError(f"{self._file(name)}: there are no rows beyond {self._counts[name]}")
        with open(self._file(name), "r+b") as file:
            file.seek(start * dtype.itemsize)
            np.ascontiguousarray(values, dtype).tofile(file)

    def at(self, name: str, rows: Rows) -> NDArray[Any]:
        """The values of some rows, in the order of ``rows``."""
        owner = self._owner(name)
        if not len(rows):
            return np.zeros(0, owner._types[name])
        return np.array(owner._map(name, "r")[rows])

    def put(self, name: str, rows: Rows, values: Any) -> None:
        """Replace the values of some rows."""
        if len(rows):
            self._map(name, "r+")[rows] = values

    def increase(self, name: str, rows: Rows, by: NDArray[Any]) -> None:
        """Add to the values of some rows, each named once."""
        if len(rows):
            self._map(name, "r+")[rows] += by

    def chunks(self, count: int) -> Iterator[tuple[int, int]]:
        """Ranges of at most CHUNK rows."""
        for start in range(0, count, CHUNK):
            yield start, min(start + CHUNK, count)

    def _map(self, name: str, mode: Any) -> np.memmap[Any, Any]:
        # Mapped for one call only: pages that stay mapped count as memory of the process.
        return np.memmap(self._file(name), self._types[name], mode)

    def _owner(self, name: str) -> Columns:
        if name in self._types:
            return self
        if self._below is None:
            raise KeyError(name)
        return self._below._owner(name)

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.column"


class Spool:
    """Records that are put into numbered heaps on disk and taken out heap by heap, in the order of putting."""

    def __init__(self, folder: str | os.PathLike[str], dtype: DTypeLike):
        self._folder, self._dtype = Path(folder), np.dtype(dtype)
        self._folder.mkdir(parents=True)

    def add(self, heap: Rows, records: NDArray[Any]) -> None:
        """Put each record on its heap."""
        order = np.argsort(heap, kind="stable")
        numbers, first = np.unique(heap[order], return_index=True)
        last = [*first[1:], len(order)][: len(first)]
        for number, start, stop in zip(numbers.tolist(), first, last, strict=True):
            with open(self._folder / str(number), "ab") as file:
                records[order[start:stop]].tofile(file)

    def numbers(self) -> list[int]:
        """The heaps that hold any record, in order."""
        return sorted(int(file.name) for file in self._folder.iterdir())

    def heap(self, number: int) -> NDArray[Any]:
        """All records of a heap, which is gone then; none where it never held any."""
        file = self._folder / str(number)
        if not file.exists():
            return np.zeros(0, self._dtype)
        found = np.fromfile(file, self._dtype)
        file.unlink()
        return found
