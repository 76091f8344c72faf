"""The tables of linking for a volume of any depth, row by row as `link.tables` makes them at once."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.base.ids import check_new_ids
from ultraseg.link.decisions import COLUMNS
from ultraseg.link.tables import (
    MEMBER,
    OWNED,
    SETTLED,
    fragment_rows,
    meeting_rows,
    most_alike,
    nearest_body,
    places_of_meetings,
    protrusion_rows,
    roots_of,
)
from ultraseg.sweep.columns import Columns, Spool
from ultraseg.sweep.decide import CODES, OUTCOMES, Decided
from ultraseg.sweep.groups import Block, Ends, Groups
from ultraseg.sweep.links import window

log = logging.getLogger(__name__)
HEAP = 50_000  # pieces whose rows of a table are made at a time, about
PROTRUSION_MEMBER = ["z", "area", "final", "strength"]
ROOT = {"row": "int64", "protrusion": "int64", "area": "int64", "z": "int64", "y": "float64", "x": "float64"}


class Tables:
    """The outcome of linking, as `link.decide.LinkResult`: every table but that of meetings in parts, in order.

    In memory are a block, the pieces of about HEAP pieces' worth of fragments or of the largest one, and one row per
    pair of cells that meet.
    """

    def __init__(self, decided: Decided, folder: Path, min_protrusion_slices: int = 3):
        """decided: as from `sweep.decide.decide_volume`; folder: a new one for what is needed in between.

        Raises UserError where new cells got ids beyond the range.
        """
        folder.mkdir()
        self._decided, self._folder = decided, folder
        self._volume, self._slices = decided.volume, decided.volume.slices
        self._log()
        self.fragments = self._groups("fragments", self._undecided_before, same_outcome=True)
        self._protrusions = self._groups("protrusions", self._beside_bodies, same_outcome=False)
        self._keep_long(min_protrusion_slices)

    def nodes(self) -> Iterator[pd.DataFrame]:
        """The pieces with all that was decided of them; at least one part, which may be empty."""
        for block in self._slices.blocks or [(0, 0)]:
            table = self._volume.read(*block, [*self._volume.table, *COLUMNS])
            table["outcome"] = pd.Series(OUTCOMES[table["outcome"].to_numpy()], table.index, "str")
            table["margin"] = table["strength"] - table["runner_up"]
            rows = self._slices.rows(*block)
            yield table.assign(fragment=self.fragments.of(*rows), protrusion=self._protrusions.of(*rows))

    def links(self) -> Iterator[pd.DataFrame]:
        """One row per fragment; at least one part, which may be empty."""
        heap_of = self._heaps(self.fragments, "fragments")
        types = [("fragment", np.int64), *((name, self._type(name)) for name in MEMBER)]
        spool = Spool(self._folder / "fragment_heaps", types)
        for block, number in self.fragments.blocks():
            table = self._volume.read(*block, [name for name in MEMBER if name != "margin"])
            table = table.assign(margin=table["strength"] - table["runner_up"], fragment=number)[number > 0]
            spool.add(heap_of(table["fragment"].to_numpy()), _records(table, types))
        yield from _parts(lambda members, _: fragment_rows(members), spool, types)

    def protrusions(self) -> Iterator[pd.DataFrame]:
        """One row per protrusion; at least one part, which may be empty."""
        heap_of = self._heaps(self._protrusions, "protrusions")
        types = [("protrusion", np.int64), *((name, self._type(name)) for name in PROTRUSION_MEMBER)]
        spool = Spool(self._folder / "protrusion_heaps", types)
        roots = Spool(self._folder / "root_heaps", [*ROOT.items()])
        for block, number in self._protrusions.blocks():
            table = self._volume.read(*block, PROTRUSION_MEMBER).assign(protrusion=number)[number > 0]
            spool.add(heap_of(table["protrusion"].to_numpy()), _records(table, types))
            found = self._roots(block)
            roots.add(heap_of(found["protrusion"].to_numpy()), _records(found, [*ROOT.items()]))

        def rows(members: pd.DataFrame, heap: int) -> pd.DataFrame:
            found = pd.DataFrame(roots.heap(heap))
            return protrusion_rows(members, nearest_body(found.set_index("row")))

        yield from _parts(rows, spool, types)

    def meetings(self) -> pd.DataFrame:
        """One row per pair of cells that meet within one body."""
        held: list[pd.DataFrame] = []
        reach = max(self._decided.bodies.reach, 1)
        for block in self._slices.blocks:
            wide = window(block, 0, reach)
            nodes = self._volume.read(*wide, ["final", "z", "y", "x", "area"])
            links, start = self._decided.bodies.read(*block), self._slices.rows(*wide)[0]
            a, b = (links[end].to_numpy() - start for end in ("a", "b"))
            places = places_of_meetings(nodes, a, b, links["iou"].to_numpy())
            held = [most_alike(pd.concat([*held, places], ignore_index=True))]
        if not held or not len(held[0]):
            return meeting_rows(places_of_meetings(_no_nodes(), *np.zeros((3, 0), np.int64)), pd.Series())
        cells = np.unique(held[0][["cell", "other_cell"]])
        size = pd.Series(0, cells)
        for block in self._slices.blocks:
            nodes = self._volume.read(*block, ["final", "area"])
            size = size.add(nodes[nodes["final"].isin(cells)].groupby("final")["area"].sum(), fill_value=0)
        return meeting_rows(held[0], size.astype(np.int64))

    def _log(self) -> None:
        counts: Counter[str] = Counter()
        largest = 0
        for block in self._slices.blocks:
            nodes = self._volume.read(*block, ["outcome", "final"])
            numbers, count = np.unique(nodes["outcome"], return_counts=True)
            counts.update(dict(zip(OUTCOMES[numbers], count.tolist(), strict=True)))
            largest = max(largest, int(nodes["final"].max()))
        check_new_ids(largest)
        log.info("linked %d pieces: %s", self._slices.count, dict(counts.most_common()))

    def _type(self, name: str) -> Any:
        return "float64" if name == "margin" else self._volume.columns.read(name, 0, 0).dtype

    def _undecided_before(self, block: Block) -> NDArray[np.bool_]:
        """Pieces that linking had to decide on."""
        outcome = self._volume.columns.read("outcome", *self._slices.rows(*block))
        return ~np.isin(outcome, [CODES[name] for name in SETTLED])

    def _beside_bodies(self, block: Block) -> NDArray[np.bool_]:
        """Pieces of cells that are no bodies."""
        nodes = self._volume.read(*block, ["outcome", "body"])
        owned = np.isin(nodes["outcome"].to_numpy(), [CODES[name] for name in OWNED])
        return owned & ~nodes["body"].to_numpy()

    def _groups(self, name: str, members: Any, same_outcome: bool) -> Groups:
        """Members that strong links within one cell, and one outcome where asked, connect."""
        columns, strong = self._volume.columns, self._decided.strong

        def links(block: Block) -> Ends:
            found = strong.ending(*block)
            a, b = found["a"].to_numpy(), found["b"].to_numpy()
            alike = columns.at("final", a) == columns.at("final", b)
            if same_outcome:
                alike &= columns.at("outcome", a) == columns.at("outcome", b)
            return a[alike], b[alike]

        return Groups(self._folder / name, self._slices, strong.reach, members, links)

    def _keep_long(self, min_slices: int) -> None:
        """Leave out the protrusions that span fewer slices."""
        groups, spans = self._protrusions, Columns(self._folder / "spans")
        for name in ("first", "last"):
            spans.add(name, np.int64, groups.count + 1)  # first: as it lies before -1, so that 0 is none
        for block, number in groups.blocks():
            z = self._volume.columns.read("z", *self._slices.rows(*block))
            table = (
                pd.DataFrame({"number": number, "z": z})[number > 0]
                .groupby("number")["z"]
                .agg(["min", "max"])
            )
            rows = table.index.to_numpy()
            first = spans.at("first", rows)
            spans.put("first", rows, np.where(first < 0, first, -1 - table["min"].to_numpy()))
            spans.put("last", rows, table["max"].to_numpy())
        groups.keep(
            lambda start, stop: (
                spans.read("last", start, stop) + 1 + spans.read("first", start, stop) + 1 >= min_slices
            )
        )

    def _heaps(self, groups: Groups, name: str) -> Any:
        """Which heap the numbers of groups belong to: successive groups of about HEAP pieces share one."""
        sizes = Columns(self._folder / f"{name}_sizes")
        sizes.add("pieces", np.int64, groups.count + 1)
        for _, number in groups.blocks():
            rows, count = np.unique(number[number > 0], return_counts=True)
            sizes.increase("pieces", rows, count)
        firsts, before, last = [np.zeros(0, np.int64)], 0, 0
        for start, stop in sizes.chunks(groups.count + 1):
            ends = before + np.cumsum(sizes.read("pieces", start, stop))
            heap = np.concatenate([[before], ends[:-1]]) // HEAP
            firsts.append(start + np.flatnonzero(np.diff(heap, prepend=last)))
            before, last = int(ends[-1]), int(heap[-1])
        first = np.concatenate(firsts)
        return lambda numbers: np.searchsorted(first, numbers, side="right")

    def _roots(self, block: Block) -> pd.DataFrame:
        """Where the protrusions of a block, or those that its links lead to, overlap their bodies."""
        wide = window(block, 0, max(self._decided.strong.reach, 1))
        nodes = self._volume.read(*wide, ["body", "final", "area", "z", "y", "x"])
        links, rows = self._decided.strong.read(*block), self._slices.rows(*wide)
        ends = (links[end].to_numpy() - rows[0] for end in ("a", "b"))
        return (
            nearest_body(roots_of(nodes, self._protrusions.of(*rows), *ends)).rename_axis("row").reset_index()
        )


def _no_nodes() -> pd.DataFrame:
    return pd.DataFrame({name: np.zeros(0) for name in ("final", "z", "y", "x", "area")})


def _records(table: pd.DataFrame, types: Any) -> NDArray[Any]:
    records = np.empty(len(table), types)
    for name, _ in types:
        records[name] = table[name].to_numpy()
    return records


def _parts(rows: Any, spool: Spool, types: Any) -> Iterator[pd.DataFrame]:
    """The rows of a table heap by heap; one empty part where there are none."""
    heaps = spool.numbers() or [-1]
    for heap in heaps:
        members = pd.DataFrame(spool.heap(heap) if heap >= 0 else np.zeros(0, types))
        if "outcome" in members:
            members["outcome"] = pd.Series(OUTCOMES[members["outcome"].to_numpy()], members.index, "str")
        yield rows(members, heap)
