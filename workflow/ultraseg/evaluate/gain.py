"""What one more labelled slice should gain: measured on labelled slices that were left out, foretold for others.

A label that is left out changes the ids of the slices around it. How much they change grows with how much remoter a
slice gets (``remoteness``). So the change for each slice of remoteness is measured, and foretells what a new label
would change. Benchmark: benchmarks/label_gain.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.arrays.scale import upsample_labels
from ultraseg.evaluate.metrics import count_overlaps, dice_per_id
from ultraseg.evaluate.score_volume import ScoredVolume, shown_ids
from ultraseg.grid.gaps import Gap
from ultraseg.storage.label_slices import LabelSlices

LOOKED_AT = 6  # slices of each gap whose label was left out
KEPT = 0.9  # of what changes, the share by which more becomes right than wrong (benchmarks/label_gain.py)
ENOUGH = 0.002  # mean Dice that a label should gain at least


def carried_changes(volume: ScoredVolume) -> pd.DataFrame:
    """How the ids of slices differ from the final ones where a labelled slice near them is left out.

    Columns: z; without, with: remoteness without the label that is left out and with it; change: 1 - mean Dice of the
    ids that were carried without this label and the final ids, over cells of ``min_cell_voxels`` that labels show: the
    number of any other cell is that of linking.
    """
    shown = shown_ids(volume.label_files[volume.cells]) if volume.cells and volume.left_out else set()
    tables = [_around(volume, z, gap, shown) for z, gap in volume.left_out.items()]
    known = [table for table in tables if len(table)]
    return (
        pd.concat(known, ignore_index=True)
        if known
        else pd.DataFrame(columns=["z", "without", "with", "change"])
    )


def _around(volume: ScoredVolume, left_out: int, gap: Gap, shown: Collection[int]) -> pd.DataFrame:
    """The rows of one labelled slice that is left out."""
    assert volume.cells is not None
    ends = [end for end, given in ((gap.first, gap.first_given), (gap.last, gap.last_given)) if given]
    with LabelSlices(volume.files.propagated(gap.name)) as carried:
        # Not the slice itself: its final ids are the user's own outlines, which no label elsewhere brings.
        passed = {*ends, left_out, *volume.bad}
        looked_at = spread([z for z in carried.zs if z not in passed], LOOKED_AT)
        found = (upsample_labels(carried.read(z), volume.downsample, volume.shape[1:]) for z in looked_at)
        pairs = (
            (z, volume.final(volume.cells, z, None), ids) for z, ids in zip(looked_at, found, strict=True)
        )
        # The slices that are looked at have this share of the voxels that a cell has in all of the volume.
        least = volume.min_cell_voxels * len(looked_at) / volume.shape[0]
        return changes_around(left_out, ends, pairs, shown, least)


def changes_around(
    left_out: int,
    ends: Sequence[int],
    slices: Iterable[tuple[int, NDArray[np.integer], NDArray[np.integer]]],
    shown: Collection[int],
    least: float = 1,
) -> pd.DataFrame:
    """The rows of ``carried_changes`` for one labelled slice that is left out.

    ends: the labelled slices that its gap ends at; slices: z, and the ids (Y, X) with and without the label; shown: ids
    that labels show; least: voxels in all these slices that a cell must have.
    """
    rows, tables = [], []
    for z, final, found in slices:
        ids, voxels, dice = dice_per_id(count_overlaps(final, found))
        tables.append(pd.DataFrame({"z": z, "cell": ids, "voxels": voxels, "dice": dice}))
        with_it, without = (float(remoteness([*more, *ends], [z])[0]) for more in ([left_out], []))
        rows.append({"z": z, "without": without, "with": with_it})
    if not rows:
        return pd.DataFrame()
    cells = pd.concat(tables, ignore_index=True)
    cells = cells[cells["cell"].isin(shown)]
    large = cells[cells.groupby("cell")["voxels"].transform("sum") >= least]
    change = 1 - large.groupby("z")["dice"].mean()
    return pd.DataFrame(rows).merge(change.rename("change"), on="z")


def spread(zs: Sequence[int], most: int) -> list[int]:
    """At most so many of some slices, spread evenly."""
    count = min(most, len(zs))
    return [zs[(2 * i + 1) * len(zs) // (2 * count)] for i in range(count)]


def remoteness(labelled: Iterable[int], zs: Iterable[int]) -> NDArray[np.float64]:
    """How far some slices are from labels: d1 x d2 / (d1 + d2), with the distances to the nearest ones below and above.

    It is 0 on a labelled slice and largest in the middle of a gap, where it is a quarter of the gap. Beyond the last
    label it is the distance to it. In slices.
    """
    labels, places = np.unique(np.fromiter(labelled, np.int64)), np.fromiter(zs, np.int64)
    at = np.searchsorted(labels, places)
    below = np.where(at > 0, places - labels[np.maximum(at - 1, 0)], np.inf)
    above = np.where(at < len(labels), labels[np.minimum(at, len(labels) - 1)] - places, np.inf)
    nearer, farther = np.minimum(below, above), np.maximum(below, above)
    return np.where(nearer == 0, 0.0, nearer / (1 + nearer / np.where(farther == 0, 1, farther)))


def gain_per_slice(changes: pd.DataFrame) -> float | None:
    """Dice that a slice should gain where its remoteness falls by 1; None where too little is known.

    changes: from ``carried_changes``. What changes also where remoteness does not (ids are linked after they are
    carried) is no gain of a label: the slope of a straight line counts, not its height.
    """
    nearer = (changes["without"] - changes["with"]).to_numpy(float)
    if len(changes) < 3 or np.ptp(nearer) == 0:
        return None
    slope = np.polyfit(nearer, changes["change"].to_numpy(float), 1)[0]
    return KEPT * max(0.0, float(slope))


def expected_gains(
    per_slice: float, labelled: Iterable[int], added: Sequence[int], bad: Iterable[int], n_slices: int
) -> NDArray[np.float64]:
    """Mean Dice that the first 1, 2, .. of the slices ``added`` should gain, on slices that stay without a label.

    per_slice: from ``gain_per_slice``. Returns one number for each added slice; no number where no slice stays without
    a label, or where none is labelled.
    """
    labelled = sorted(labelled)
    stay = np.setdiff1d(np.arange(n_slices), [*labelled, *added, *bad])
    if not labelled or not stay.size:
        return np.zeros(0)
    before = remoteness(labelled, stay).mean()
    after = [remoteness([*labelled, *added[: k + 1]], stay).mean() for k in range(len(added))]
    return per_slice * (before - np.array(after))


def gain_note(volume: ScoredVolume, advice: pd.DataFrame) -> str:
    """What the summary says of what more labels should gain, and where to stop; empty where nothing is known.

    advice: the table of slices to label next.
    """
    chosen = advice[advice["rank"].notna()].sort_values("rank")
    if volume.cells is None or chosen.empty:
        return ""
    changes = carried_changes(volume)
    per_slice = gain_per_slice(changes) if len(changes) else None
    if per_slice is None:
        return ""
    labelled, added = volume.labelled[volume.cells], chosen["z"].tolist()
    gains = expected_gains(per_slice, labelled, added, volume.bad, volume.shape[0])
    if not gains.size:
        return ""
    parts = [f"+{gains[0]:.3f} with slice {chosen['number'].iloc[0]}"]
    parts += [f"+{gains[k - 1]:.3f} with the first {k} of them" for k in (3, 5) if k < len(gains)]
    parts += [f"+{gains[-1]:.3f} with all {len(gains)}"] if len(gains) > 1 else []
    n = len(volume.left_out)
    return (
        "What labels on these slices should gain, in mean Dice of cells on slices that stay without a label: "
        f"{', '.join(parts)}. This is foretold from {n} labelled slice{'s' if n > 1 else ''} that "
        f"{'were' if n > 1 else 'was'} left out. {_stop(gains)}"
    )


def _stop(gains: NDArray[np.float64]) -> str:
    """Where to stop: after the last label that should gain as much as ``ENOUGH``."""
    each = np.diff(gains, prepend=0)
    worth = np.flatnonzero(each >= ENOUGH)
    if not worth.size:
        return f"None of them should gain {ENOUGH:g}: the cells have labels enough."
    if worth[-1] + 1 == len(gains):
        return f"Each should gain {ENOUGH:g} or more: go on, then look here again."
    return f"After the first {worth[-1] + 1}, a label should gain less than {ENOUGH:g}: stop there."
