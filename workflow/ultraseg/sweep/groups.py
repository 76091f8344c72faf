"""Connected groups of pieces of a whole volume, found block by block and numbered by their first piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ultraseg.link.groups import groups
from ultraseg.sweep.columns import Columns, Rows
from ultraseg.sweep.volume import Slices

Block = tuple[int, int]  # places of the first slice and of the one after the last
Ends = tuple[Rows, Rows]  # rows of the first and the second pieces of links


class Groups:
    """Numbers of connected groups, 1..count in order of their first piece; 0 for pieces that are no members.

    On disk are one number per piece and two per group. In memory are a block with its links, the members of the slices
    before it that links still reach, and one number per key.
    """

    def __init__(
        self,
        folder: Path,
        slices: Slices,
        reach: int,
        members: Callable[[Block], NDArray[np.bool_]],
        links: Callable[[Block], Ends],
        keys: Callable[[Block], NDArray[np.int64]] | None = None,
    ):
        """members: which pieces of a block are members; links: all links whose second pieces are in a block.

        reach: slices with pieces from one end of a link to the other, at most. keys: a number per piece of a block;
        members with one number belong together, wherever they are.
        """
        self._slices, self._columns = slices, Columns(folder)
        self._columns.add("label", np.int64)
        self._columns.add("parent", np.int64, 1)  # label 0: no member
        self._members, self._links, self._keys = members, links, keys
        self._held = (
            np.zeros(0, np.int64),
            np.zeros(0, np.int64),
        )  # rows and labels that links may still reach
        self._known = np.zeros(0, np.int64), np.zeros(0, np.int64)  # keys and their labels
        for block in slices.blocks:
            self._add(block)
            first = slices.rows(block[1] - reach, block[1])[0]
            rows, labels = self._held
            self._held = rows[rows >= first], labels[rows >= first]
        self.count = self._number()

    def of(self, start: int, stop: int) -> NDArray[np.int64]:
        """The groups of the pieces start to stop - 1."""
        return self._columns.at("number", self._columns.read("label", start, stop))

    def at(self, rows: Rows) -> NDArray[np.int64]:
        """The groups of some pieces."""
        return self._columns.at("number", self._columns.at("label", rows))

    def _add(self, block: Block) -> None:
        """Label the members of a block; labels of groups that turn out to be one get the lowest as their parent."""
        member = self._members(block)
        rows = np.flatnonzero(member) + self._slices.rows(*block)[0]
        held, labels = self._held
        keys, of_keys = self._known
        own = self._keys(block)[member] if self._keys else np.zeros(0, np.int64)
        # Nodes of a graph: the labels of before, the members of the block, and the new keys.
        new = np.setdiff1d(own, keys)
        before = np.unique(np.concatenate([labels, of_keys]))
        first_key = len(before) + len(rows)
        rows_held, keys = np.concatenate([held, rows]), np.concatenate([keys, new])
        nodes = np.concatenate([np.searchsorted(before, labels), np.arange(len(before), first_key)])
        key_nodes = np.concatenate(
            [np.searchsorted(before, of_keys), np.arange(first_key, first_key + len(new))]
        )
        a, b = self._links(block)
        inner = _within(a, rows_held) & _within(b, rows_held)
        a, b = (nodes[np.searchsorted(rows_held, end[inner])] for end in (a, b))
        if len(own):
            order = np.argsort(keys)
            a = np.concatenate([a, nodes[len(held) :]])
            b = np.concatenate([b, key_nodes[order][np.searchsorted(keys[order], own)]])
        label = self._labels(before, groups(first_key + len(new), a, b) if first_key else before)
        self._columns.append("label", _spread(label[len(before) : first_key], member))
        self._held, self._known = (rows_held, label[nodes]), (keys, label[key_nodes])

    def _labels(self, before: NDArray[np.int64], group: NDArray[np.int64]) -> NDArray[np.int64]:
        """The label of each node by its group, of which the first nodes have the labels ``before``."""
        label = np.full(int(group.max(initial=-1)) + 1, -1, np.int64)
        label[group[: len(before)][::-1]] = before[::-1]  # of several labels the lowest is written last
        # Groups are numbered by their first node, so new labels follow the order of pieces.
        fresh = np.flatnonzero(label < 0)
        label[fresh] = self._columns.count("parent") + np.arange(len(fresh))
        self._columns.append("parent", label[fresh])
        self._columns.put("parent", before, label[group[: len(before)]])
        return label[group]

    def _number(self) -> int:
        """Give each label the number of its group; labels of one group lead to the lowest of them."""
        columns, count, total = self._columns, 0, self._columns.count("parent")
        columns.add("number", np.int64, total)
        for start, stop in columns.chunks(total):
            root = columns.read("parent", start, stop)
            while True:
                inside = np.flatnonzero(root >= start)
                further = root[root[inside] - start]
                if np.array_equal(further, root[inside]):
                    break
                root[inside] = further
            own = root == np.arange(start, stop)
            own[: int(start == 0)] = False  # label 0 stays 0
            number = count + np.cumsum(own)
            count = int(number[-1])
            here = root >= start
            number[here] = np.where(root[here] > 0, number[root[here] - start], 0)
            number[~here] = columns.at("number", root[~here])
            columns.write("number", start, number)
        return count

    def keep(self, chosen: Callable[[int, int], NDArray[np.bool_]]) -> None:
        """Number anew the groups that ``chosen(start, stop)`` says of the numbers start to stop - 1; others are 0."""
        columns, kept = self._columns, 0
        columns.add("kept", np.int64, self.count + 1)
        for start, stop in columns.chunks(self.count):
            those = chosen(start + 1, stop + 1)
            columns.write("kept", start + 1, np.where(those, kept + np.cumsum(those), 0))
            kept += int(those.sum())
        for start, stop in columns.chunks(columns.count("number")):
            columns.write("number", start, columns.at("kept", columns.read("number", start, stop)))
        self.count = kept

    def blocks(self) -> Iterator[tuple[Block, NDArray[np.int64]]]:
        """The groups of the pieces of each block."""
        for block in self._slices.blocks:
            yield block, self.of(*self._slices.rows(*block))


def _within(rows: Rows, among: Rows) -> NDArray[np.bool_]:
    """Which rows are among others, which are sorted."""
    if not len(among):
        return np.zeros(len(rows), bool)
    return np.asarray(among[np.minimum(np.searchsorted(among, rows), len(among) - 1)] == rows)


def _spread(values: NDArray[np.int64], member: NDArray[np.bool_]) -> NDArray[np.int64]:
    out = np.zeros(len(member), np.int64)
    out[member] = values
    return out
