"""The pieces of a volume and pairs of them as columns on disk, and the blocks of slices to work on at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.link.nodes import indexed_edges, largest_areas, sorted_nodes
from ultraseg.sweep.columns import Columns, Rows, Spool

# A block has at least so many pieces and so many slices, if the volume has: every block is worked on with the slices
# around it that its links depend on, and what these cost should not outweigh the block.
BLOCK_PIECES, BLOCK_SLICES = 20_000, 32
HEAP = 250_000  # records of a heap, about


class Slices:
    """The slices of a volume that have pieces, in order, and the first row of each.

    zs (n,): slices; starts (n + 1,): first row of each, then the number of rows; blocks: ranges of slices, by their
    place in zs; least: number of pieces and slices of a block.
    """

    def __init__(self, zs: NDArray[np.int64], pieces: NDArray[np.int64], block: tuple[int, int]):
        """pieces (n,): number of pieces; block: least number of pieces and slices of a block."""
        self.zs, self.starts = zs, np.concatenate([[0], np.cumsum(pieces)]).astype(np.int64)
        self.least, self.blocks = block, self.cut(*block)

    def cut(self, pieces: int, slices: int) -> list[tuple[int, int]]:
        """Ranges of slices, by place, each with at least so many pieces and so many slices, but for the last."""
        blocks, first = [], 0
        for i in range(1, len(self.zs) + 1):
            enough = self.starts[i] - self.starts[first] >= pieces and i - first >= slices
            if enough or i == len(self.zs):
                blocks.append((first, i))
                first = i
        return blocks

    def __len__(self) -> int:
        return len(self.zs)

    @property
    def count(self) -> int:
        """Number of pieces."""
        return int(self.starts[-1])

    def rows(self, first: int, last: int) -> tuple[int, int]:
        """The rows of the slices first to last - 1, by place; places beyond the ends count as the ends."""
        return tuple(int(self.starts[min(max(i, 0), len(self))]) for i in (first, last))  # type: ignore[return-value]

    def place(self, rows: Rows) -> NDArray[np.int64]:
        """The place of the slice of each row."""
        return np.searchsorted(self.starts, rows, side="right") - 1

    def row_blocks(self) -> Iterator[tuple[int, int]]:
        """The rows of each block."""
        return (self.rows(*block) for block in self.blocks)


class Pairs:
    """Pairs of pieces (a, b) with some values, as columns on disk in order of a; b lies in a later slice."""

    def __init__(self, columns: Columns, name: str, slices: Slices, values: dict[str, str]):
        """values: name and type of each value."""
        self._columns, self._name, self._slices, self._values = columns, name, slices, list(values)
        self._counts = np.zeros(len(slices) + 1, np.int64)
        self.reach = 0  # places from a to b at most
        for column, dtype in {"a": "int64", "b": "int64", **values}.items():
            columns.add(f"{name}_{column}", dtype)

    def append(self, a: Rows, b: Rows, *values: NDArray[Any]) -> None:
        """More pairs, whose first pieces lie in later slices than all before, or in the last one of these."""
        if not len(a):
            return
        order = np.argsort(a, kind="stable")
        places = self._slices.place(a[order])
        if self._counts[places.min() + 2 :].any():
            raise ValueError("the tables of overlaps must be in the order of their slices")
        self.reach = max(self.reach, int((self._slices.place(b[order]) - places).max()))
        self._counts[1:] += np.bincount(places, minlength=len(self._slices))
        for column, part in zip(["a", "b", *self._values], (a, b, *values), strict=True):
            self._columns.append(f"{self._name}_{column}", part[order])

    def read(self, first: int, last: int) -> pd.DataFrame:
        """Columns a, b and the values of all pairs whose first piece is in the slices first to last - 1, by place."""
        starts = np.cumsum(self._counts)
        start, stop = (int(starts[min(max(i, 0), len(self._slices))]) for i in (first, last))
        names = ["a", "b", *self._values]
        return pd.DataFrame({n: self._columns.read(f"{self._name}_{n}", start, stop) for n in names})

    def ending(self, first: int, last: int) -> pd.DataFrame:
        """As `read`, of all pairs whose second piece is in the slices first to last - 1."""
        start, stop = self._slices.rows(first, last)
        found = self.read(first - self.reach, last)
        return found[(found["b"] >= start) & (found["b"] < stop)]

    def inside(self, first: int, last: int) -> pd.DataFrame:
        """As `read`, of all pairs with both pieces in these slices."""
        found = self.read(first, last)
        return found[found["b"] < self._slices.rows(first, last)[1]]


EDGE_VALUES = {"iou": "float64", "containment": "float64", "direct": "bool"}


@dataclass
class Volume:
    """Pieces of a volume in order of z and number, and the overlaps between them.

    columns: of the table of pieces; table: names of these columns; edges: overlaps with iou, containment and whether
    they join neighbouring slices (direct).
    """

    slices: Slices
    columns: Columns
    table: list[str]
    edges: Pairs = field(init=False)

    def read(self, first: int, last: int, names: Iterable[str] = ()) -> pd.DataFrame:
        """Columns of the pieces of the slices first to last - 1, by place, with their row in the volume as index."""
        start, stop = self.slices.rows(first, last)
        chosen = list(names) or self.table
        found = {name: self.columns.read(name, start, stop) for name in chosen}
        return pd.DataFrame(found, index=pd.RangeIndex(start, stop))

    def own(self, folder: Path) -> Volume:
        """The same pieces with room for columns of their own in place of those here; without edges."""
        return Volume(self.slices, Columns(folder, self.columns), self.table)


def load_pieces(
    folder: Path, tables: Iterable[pd.DataFrame], block: tuple[int, int] = (BLOCK_PIECES, BLOCK_SLICES)
) -> Volume:
    """Write the pieces of all slabs, given in their order, as columns to a new folder.

    Raises ValueError when columns are missing or differ between slabs, when slabs are out of order, and when a piece
    is named twice.
    """
    columns, names = Columns(folder), []
    zs, counts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for number, table in enumerate(tables):
        nodes = sorted_nodes(table)
        if number == 0:
            names = list(nodes)
            for name in names:
                columns.add(name, nodes[name].dtype)
        if sorted(nodes) != sorted(names):  # their order may differ
            raise ValueError(f"the tables of pieces have the columns {names} and {list(nodes)}")
        here, count = np.unique(nodes["z"].to_numpy(), return_counts=True)
        if len(here) and len(zs[-1]) and here[0] <= zs[-1][-1]:
            raise ValueError("the tables of pieces must be in the order of their slices")
        for name in names:
            columns.append(name, nodes[name].to_numpy())
        if len(here):
            zs.append(here)
            counts.append(count)
    return Volume(Slices(np.concatenate(zs), np.concatenate(counts), block), columns, names)


def load_edges(volume: Volume, tables: Iterable[pd.DataFrame]) -> None:
    """Write the overlaps of all slabs, given in their order, beside the pieces of a volume.

    Raises ValueError when an overlap names an unknown piece, and when slabs are out of order.
    """
    volume.edges = Pairs(volume.columns, "edge", volume.slices, EDGE_VALUES)
    for table in tables:
        if not len(table):
            continue
        zs = volume.slices.zs
        first, last = np.searchsorted(zs, [table["z"].min(), table["z_b"].max() + 1])
        a, b, rows = indexed_edges(volume.read(first, last, ["z", "piece"]), table)
        start = volume.slices.rows(first, last)[0]
        chosen = table.iloc[rows]
        values = (chosen["iou"], chosen["containment"], chosen["gap"] == 1)
        volume.edges.append(
            a.astype(np.int64) + start, b.astype(np.int64) + start, *(v.to_numpy() for v in values)
        )


def body_areas(volume: Volume, folder: Path) -> pd.Series:
    """Area of the body of each cell, as in `nodes.own_size`, by cell in rising order.

    In memory are a block, a share of the cells with one number for each of their slices, and one number per cell.
    """
    spool = Spool(folder, [("cell", np.int64), ("area", np.int64)])
    heaps = math.ceil(volume.slices.count / HEAP)
    for block in volume.slices.blocks:
        largest = largest_areas(volume.read(*block, ["z", "cell", "area"]))
        cell = largest.index.get_level_values("cell").to_numpy()
        records = np.empty(len(cell), [("cell", np.int64), ("area", np.int64)])
        records["cell"], records["area"] = cell, largest.to_numpy()
        spool.add(cell % heaps, records)
    parts = [pd.DataFrame(heap).groupby("cell")["area"].median() for heap in map(spool.heap, spool.numbers())]
    return pd.concat([*parts, pd.Series(dtype=np.float64)]).sort_index() if parts else pd.Series(dtype=float)
