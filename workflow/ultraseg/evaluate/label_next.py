"""Which slices to label next: where cells are in doubt, and how much of that a label there should clear up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from ultraseg.storage.label_slices import LabelSlices

DOUBTS = ["low_confidence", "disagreement", "ambiguous", "without_label"]
ADVISED = 10  # slices that get a rank
NAMED = 3  # of which the summary names the first
COLUMNS = ["rank", "z", "number", "file", "distance", "relief_um3", "doubt_um2"]


def label_distances(labelled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each slice to the nearest labelled one below and above, inf for none; bool (n,) to floats (n,)."""
    n = len(labelled)
    z = np.arange(n)
    below = np.maximum.accumulate(np.where(labelled, z, -np.inf))
    above = np.minimum.accumulate(np.where(labelled, z, np.inf)[::-1])[::-1]
    return z - below, above - z


def doubt_table(
    nodes: pd.DataFrame, differ: Mapping[int, int], labelled: Iterable[int], bad: Iterable[int], n_slices: int
) -> pd.DataFrame:
    """What is in doubt in every slice, in pixels at the scale of the cells; no truth is used.

    nodes: pieces with the decisions of linking; differ: pixels to which the two sides of a gap carried different ids,
    by slice. Returns one row per slice: z, labelled, bad, distance (slices to the nearest labelled one, inf for none),
    low_confidence (expected to be wrong: area x (1 - confidence) of the pieces of cells), disagreement (of the
    pixels that differ the share of the nearer side in the distance to both: it is the one usually taken, and as
    often wrong), ambiguous (pieces for which linking found no cell that is clear), without_label (cells that no
    labelled slice shows), and the sum, doubt. Labelled and bad slices have none.
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

    def per_slice(weights: np.ndarray) -> np.ndarray:
        return np.bincount(nodes["z"].to_numpy(), weights, minlength=n_slices)

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


def advise(table: pd.DataFrame, avoid: Iterable[int] = (), count: int = ADVISED) -> pd.DataFrame:
    """Rank the ``count`` slices whose labels should clear up most doubt, each given those before it.

    Doubt is taken to grow with the distance to the nearest label, so a label at slice s relieves slice z of the share
    1 - |z - s| / distance of its doubt. A slice that was chosen counts as labelled for the next: its neighbourhood
    has little left to gain, and the choice spreads. Of equal ones the farthest from labels is taken. Labelled and bad
    slices are never advised, nor those to ``avoid`` and those that relieve nothing. Returns the table with rank (from
    1; 0 for none) and relief, in pixels summed over slices, of the advised slices when each was chosen, of all others
    after that.
    """
    doubt, labelled = table["doubt"].to_numpy(float).copy(), table["labelled"].to_numpy().copy()
    free = ~(labelled | table["bad"].to_numpy() | table["z"].isin(list(avoid)).to_numpy())
    n = len(table)
    z, rank = np.arange(n), np.zeros(n, np.int64)
    relief, distance = np.zeros(n), np.minimum(np.minimum(*label_distances(labelled)), n)

    def gap(s: int) -> tuple[int, int]:
        """The slices around s up to the next labelled ones; no other slice has s nearer than its label."""
        below, above = np.flatnonzero(labelled[:s]), np.flatnonzero(labelled[s:])
        return (below[-1] + 1 if len(below) else 0), (s + above[0] if len(above) else n)

    def left(s: int, low: int, high: int) -> np.ndarray:
        """The share of its doubt that each slice keeps when s is labelled."""
        return np.minimum(np.abs(z[low:high] - s), distance[low:high]) / distance[low:high]

    def update(low: int, high: int) -> None:
        for s in range(low, high):
            if free[s]:
                relief[s] = ((1 - left(s, low, high)) * doubt[low:high]).sum()

    edges = [-1, *np.flatnonzero(labelled).tolist(), n]
    for low, high in zip(edges, edges[1:], strict=False):
        update(low + 1, high)
    for place in range(1, min(count, int(free.sum())) + 1):
        gains = np.where(free, relief, -1)
        if gains.max() <= 0:
            break
        best = int(np.where(gains >= gains.max() * (1 - 1e-9), distance, -1).argmax())
        low, high = gap(best)
        doubt[low:high] *= left(best, low, high)
        distance[low:high] = np.minimum(distance[low:high], np.abs(z[low:high] - best))
        free[best], labelled[best], rank[best] = False, True, place
        update(low, best)
        update(best + 1, high)
    return table.assign(rank=rank, relief=relief)


def advice_table(
    ranked: pd.DataFrame, slices: pd.DataFrame, voxel_size_nm: tuple[float, ...]
) -> pd.DataFrame:
    """The advice for people: slices that may be labelled, the advised ones first, in µm² and µm³, with their files.

    ranked: from `advise`; slices: table of the slices of the image (z, number, file); voxel size of the pixels.
    """
    depth, *plane = (nm / 1000 for nm in voxel_size_nm)
    area = plane[0] * plane[1]
    table = ranked.merge(slices[["z", "number", "file"]], on="z", how="left")
    table = table.assign(relief_um3=table["relief"] * area * depth, doubt_um2=table["doubt"] * area)
    table = table.assign(**{f"{name}_um2": table[name] * area for name in DOUBTS})
    table["rank"] = table["rank"].astype("Int64").where(table["rank"] > 0)
    table["number"] = table["number"].astype("Int64")  # a missing slice has none
    table["distance"] = table["distance"].replace(np.inf, np.nan).astype("Int64")
    table = table[~(table["labelled"] | table["bad"])].sort_values(["rank", "z"], na_position="last")
    return table[[*COLUMNS, *(f"{name}_um2" for name in DOUBTS)]].reset_index(drop=True)


def advice_note(table: pd.DataFrame, count: int = NAMED) -> str:
    """What the summary says of the slices to label next; empty where there is nothing to advise."""
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
