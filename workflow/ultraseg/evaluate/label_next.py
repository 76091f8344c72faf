"""Slices to label next: where cells are in doubt, and how much doubt a label should clear up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.storage.label_slices import LabelSlices

DOUBTS = ["low_confidence", "disagreement", "ambiguous", "without_label"]
ADVISED = 10  # slices that get a rank
NAMED = 3  # of the advised slices are named in the summary
COLUMNS = ["rank", "z", "number", "file", "distance", "relief_um3", "doubt_um2"]


def label_distances(labelled: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance of each slice to the nearest labelled slice below it, and above it; inf where there is none.

    labelled: for every slice of the stack whether it is labelled (n,).
    """
    z = np.arange(len(labelled), dtype=float)
    below = np.maximum.accumulate(np.where(labelled, z, -np.inf))
    above = np.minimum.accumulate(np.where(labelled, z, np.inf)[::-1])[::-1]
    return z - below, above - z


def doubt_table(
    nodes: pd.DataFrame, differ: Mapping[int, int], labelled: Iterable[int], bad: Iterable[int], n_slices: int
) -> pd.DataFrame:
    """What is in doubt in every slice, in pixels at the scale of the cells. No truth is used.

    nodes: pieces with the decisions of linking; differ: slice -> pixels to which the two sides of its gap carried
    different ids; labelled, bad: slices. Returns one row for each slice, with z, labelled, bad, and
    - distance: slices to the nearest labelled slice, inf where no slice is labelled;
    - low_confidence: pixels expected to be wrong, area x (1 - confidence) of the pieces of cells;
    - disagreement: of the pixels that differ, the share that the nearer side has in the distance to both sides. The id
      of the nearer side is usually taken, and is wrong about as often;
    - ambiguous: pixels of pieces for which linking found no clear cell;
    - without_label: pixels of cells that no labelled slice shows;
    - doubt: the sum of the last four. Labelled and bad slices have none.
    """
    is_labelled, is_bad = (np.isin(np.arange(n_slices), list(zs)) for zs in (labelled, bad))
    below, above = label_distances(is_labelled)
    nearer, both = np.minimum(below, above), np.where(np.isfinite(below + above), below + above, np.inf)
    share = np.divide(nearer, both, out=np.zeros(n_slices), where=np.isfinite(both) & (both > 0))
    outcome, area = nodes["outcome"], nodes["area"].to_numpy()
    carried = outcome.isin(["body", "assigned"]).to_numpy()
    alone = outcome.isin(["unassigned_weak", "unassigned_ambiguous"]).to_numpy()
    unseen = (outcome == "new_cell").to_numpy()
    wrong = np.where(carried, area * (1 - nodes["confidence"].to_numpy()), 0)

    def per_slice(weights: NDArray[np.generic]) -> NDArray[np.float64]:
        return np.bincount(nodes["z"].to_numpy(), weights, minlength=n_slices).astype(np.float64)

    table = pd.DataFrame(
        {
            "z": np.arange(n_slices),
            "labelled": is_labelled,
            "bad": is_bad,
            "distance": nearer,
            "low_confidence": per_slice(wrong),
            "disagreement": share * [differ.get(z, 0) for z in range(n_slices)],
            "ambiguous": per_slice(np.where(alone, area, 0)),
            "without_label": per_slice(np.where(unseen, area, 0)),
        }
    )
    table.loc[is_labelled | is_bad, DOUBTS] = 0.0
    return table.assign(doubt=table[DOUBTS].sum(axis=1))


@dataclass
class _Doubts:
    """Doubt along the stack while slices are chosen one after another: arrays (n,), one number for each slice.

    doubt: what is left of it; labelled: labelled or chosen; free: may be chosen; distance: to the nearest slice that is
    labelled or chosen, at most n; relief: the doubt that a label on the slice would clear up.
    """

    doubt: NDArray[np.float64]
    labelled: NDArray[np.bool_]
    free: NDArray[np.bool_]
    distance: NDArray[np.float64]
    relief: NDArray[np.float64]

    @classmethod
    def of(cls, table: pd.DataFrame, avoid: Iterable[int]) -> _Doubts:
        """The doubts of a table, with the relief of every slice."""
        doubt, labelled = table["doubt"].to_numpy(float).copy(), table["labelled"].to_numpy().copy()
        free = ~(labelled | table["bad"].to_numpy() | table["z"].isin(list(avoid)).to_numpy())
        n = len(table)
        distance = np.minimum(np.minimum(*label_distances(labelled)), n)
        doubts = cls(doubt, labelled, free, distance, np.zeros(n))
        edges = [-1, *np.flatnonzero(labelled).tolist(), n]
        for low, high in zip(edges, edges[1:], strict=False):
            doubts._measure(low + 1, high)
        return doubts

    def best(self) -> int | None:
        """The slice with the most relief, of equal ones the farthest from labels; None where no label helps."""
        gains = np.where(self.free, self.relief, -1)
        if gains.max() <= 0:
            return None
        return int(np.where(gains >= gains.max() * (1 - 1e-9), self.distance, -1).argmax())

    def choose(self, s: int) -> None:
        """Count slice s as labelled, and bring doubt, distance and relief around it up to date."""
        low, high = self._gap(s)
        self.doubt[low:high] *= self._left(s, low, high)
        self.distance[low:high] = np.minimum(self.distance[low:high], np.abs(np.arange(low, high) - s))
        self.free[s], self.labelled[s] = False, True
        self._measure(low, s)
        self._measure(s + 1, high)

    def _gap(self, s: int) -> tuple[int, int]:
        """The slices low <= z < high up to the labelled ones around s: to all others a label is nearer than s."""
        below, above = np.flatnonzero(self.labelled[:s]), np.flatnonzero(self.labelled[s:])
        return (below[-1] + 1 if len(below) else 0), (s + above[0] if len(above) else len(self.labelled))

    def _left(self, s: int, low: int, high: int) -> NDArray[np.float64]:
        """The share of its doubt that each slice of low <= z < high keeps once s is labelled."""
        near = np.abs(np.arange(low, high) - s)
        return np.minimum(near, self.distance[low:high]) / self.distance[low:high]

    def _measure(self, low: int, high: int) -> None:
        """Measure the relief of the free slices of low <= z < high, which has no labelled slice inside."""
        for s in range(low, high):
            if self.free[s]:
                self.relief[s] = ((1 - self._left(s, low, high)) * self.doubt[low:high]).sum()


def advise(table: pd.DataFrame, avoid: Iterable[int] = (), count: int = ADVISED) -> pd.DataFrame:
    """Rank the ``count`` slices whose labels should clear up most doubt, each given the slices before it.

    table: from ``doubt_table``; avoid: slices that are not to be advised. Returns the table with rank, from 1 on (0 for
    none), and relief, in pixels summed over slices: of an advised slice when it was chosen, of all others at the end.

    Doubt is taken to grow with the distance to the nearest label. So a label on slice s relieves slice z of the share
    1 - |z - s| / distance of its doubt. A chosen slice counts as labelled for the next choice: little doubt is left
    around it, and the choice spreads. Labelled and bad slices are never advised, nor slices that relieve nothing.
    """
    doubts, rank = _Doubts.of(table, avoid), np.zeros(len(table), np.int64)
    for place in range(1, min(count, int(doubts.free.sum())) + 1):
        best = doubts.best()
        if best is None:
            break
        doubts.choose(best)
        rank[best] = place
    return table.assign(rank=rank, relief=doubts.relief)


def advice_table(
    ranked: pd.DataFrame, slices: pd.DataFrame, voxel_size_nm: tuple[float, ...]
) -> pd.DataFrame:
    """The advice for people: the slices without a label, the advised ones first, in µm² and µm³, with their files.

    ranked: from ``advise``; slices: the table of the slices of the image (z, number, file); voxel_size_nm: (z, y, x) of
    the pixels that ``ranked`` counts.
    """
    depth, *plane = (nm / 1000 for nm in voxel_size_nm)
    area = plane[0] * plane[1]
    table = ranked.merge(slices[["z", "number", "file"]], on="z", how="left")
    table = table.assign(relief_um3=table["relief"] * area * depth, doubt_um2=table["doubt"] * area)
    table = table.assign(**{f"{name}_um2": table[name] * area for name in DOUBTS})
    table["rank"] = table["rank"].astype("Int64").where(table["rank"] > 0)
    table["number"] = table["number"].astype("Int64")  # a missing slice has no number
    table["distance"] = table["distance"].replace(np.inf, np.nan).astype("Int64")
    table = table[~(table["labelled"] | table["bad"])].sort_values(["rank", "z"], na_position="last")
    return table[[*COLUMNS, *(f"{name}_um2" for name in DOUBTS)]].reset_index(drop=True)


def advice_note(table: pd.DataFrame, count: int = NAMED) -> str:
    """What the summary says of the slices to label next: the first ``count``; empty where no slice is advised."""
    first = table[table["rank"].notna()].head(count)
    if first.empty:
        return ""
    names = ", ".join(f"{row.number} ({str(row.file).rsplit('/', 1)[-1]})" for row in first.itertuples())
    return (
        f"Slices to label next, the most helpful first: {names}. From there labels should clear up most of what is "
        "in doubt (tables/label_next.csv, figures/label_next.png)."
    )


def advise_volume(
    nodes: pd.DataFrame,
    slices: pd.DataFrame,
    propagated: Iterable[str],
    labelled: Sequence[int],
    voxel_size_nm: tuple[float, float, float],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All slices of a volume ranked, and the table of the first ones for people.

    nodes: pieces with z, area, confidence and outcome; slices: the table of slices; propagated: files with the ids that
    were carried through the gaps; voxel_size_nm: at the scale of the pieces.
    """
    differ: dict[int, int] = {}
    for file in propagated:
        with LabelSlices(file) as carried:
            differ |= {z: int(carried.read(z, "differ")) for z in carried.zs}
    bad = slices.loc[slices["bad"] | slices["missing"], "z"]
    doubt = doubt_table(nodes, differ, labelled, bad, len(slices))
    ranked = advise(doubt, avoid=slices.loc[slices["flagged"], "z"])
    return ranked, advice_table(ranked, slices, voxel_size_nm)
