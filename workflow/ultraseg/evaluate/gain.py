"""What one more labelled slice should gain: measured on labelled slices that were left out, foretold for others.

A label that is left out changes the ids of the slices around it. How much they change grows with what a slice loses in
nearness to a label. So the change for each slice of nearness is measured, and foretells what a new label would change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.arrays.scale import upsample_labels
from ultraseg.evaluate.metrics import count_overlaps, dice_per_id
from ultraseg.evaluate.score_volume import ScoredVolume
from ultraseg.evaluate.scores import distance_to_labelled
from ultraseg.grid.gaps import Gap
from ultraseg.storage.label_slices import LabelSlices

LOOKED_AT = 6  # slices of each gap whose label was left out
KEPT = 0.7  # of what changes, the share by which more becomes right than wrong (docs/labelling.md#how-much-is-enough)
ENOUGH = 0.002  # mean Dice that a label should gain at least


def carried_changes(volume: ScoredVolume) -> pd.DataFrame:
    """How the ids of slices differ from the final ones where a labelled slice near them is left out.

    Columns: z; without, with: slices to the nearest label, without the one that is left out and with it; change: 1 -
    mean Dice of the ids that were carried without this label and the final ids, over cells of ``min_cell_voxels``.
    """
    tables = [_around(volume, z, gap) for z, gap in volume.left_out.items()]
    known = [table for table in tables if len(table)]
    return (
        pd.concat(known, ignore_index=True)
        if known
        else pd.DataFrame(columns=["z", "without", "with", "change"])
    )


def _around(volume: ScoredVolume, left_out: int, gap: Gap) -> pd.DataFrame:
    """The rows of one labelled slice that is left out."""
    assert volume.cells is not None
    ends = [end for end, given in ((gap.first, gap.first_given), (gap.last, gap.last_given)) if given]
    with LabelSlices(volume.files.propagated(gap.name)) as carried:
        looked_at = spread([z for z in carried.zs if z not in ends and z not in volume.bad], LOOKED_AT)
        found = (upsample_labels(carried.read(z), volume.downsample, volume.shape[1:]) for z in looked_at)
        pairs = (
            (z, volume.final(volume.cells, z, None), ids) for z, ids in zip(looked_at, found, strict=True)
        )
        # The slices that are looked at have this share of the voxels that a cell has in all of the volume.
        least = volume.min_cell_voxels * len(looked_at) / volume.shape[0]
        return changes_around(left_out, ends, pairs, least)


def changes_around(
    left_out: int,
    ends: Sequence[int],
    slices: Iterable[tuple[int, NDArray[np.integer], NDArray[np.integer]]],
    least: float = 1,
) -> pd.DataFrame:
    """The rows of ``carried_changes`` for one labelled slice that is left out.

    ends: the labelled slices that its gap ends at; slices: z, and the ids (Y, X) with and without the label; least:
    voxels in all these slices that a cell must have.
    """
    rows, tables = [], []
    for z, final, found in slices:
        ids, voxels, dice = dice_per_id(count_overlaps(final, found))
        tables.append(pd.DataFrame({"z": z, "cell": ids, "voxels": voxels, "dice": dice}))
        without = min(abs(z - end) for end in ends)
        rows.append({"z": z, "without": without, "with": min(without, abs(z - left_out))})
    if not rows:
        return pd.DataFrame()
    cells = pd.concat(tables, ignore_index=True)
    large = cells[cells.groupby("cell")["voxels"].transform("sum") >= least]
    change = 1 - large.groupby("z")["dice"].mean()
    return pd.DataFrame(rows).merge(change.rename("change"), on="z")


def spread(zs: Sequence[int], most: int) -> list[int]:
    """At most so many of some slices, spread evenly."""
    count = min(most, len(zs))
    return [zs[(2 * i + 1) * len(zs) // (2 * count)] for i in range(count)]


def gain_per_slice(changes: pd.DataFrame) -> float | None:
    """Dice that a slice should gain for each slice that its nearest label comes nearer; None where nothing is known.

    changes: from ``carried_changes``.
    """
    nearer = float((changes["without"] - changes["with"]).sum())
    return KEPT * float(changes["change"].sum()) / nearer if nearer > 0 else None


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
    before = distance_to_labelled(n_slices, labelled)[stay]
    after = [distance_to_labelled(n_slices, [*labelled, *added[: k + 1]])[stay] for k in range(len(added))]
    return np.array([per_slice * float((before - nearest).mean()) for nearest in after])


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
