"""Two segmentations of one volume compared: how far they agree, which objects changed, and where."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.evaluate.metrics import (
    Overlaps,
    adapted_rand,
    binary_scores,
    count_overlaps,
    merge_overlaps,
    variation_of_information,
)

SAME, CHANGED, MERGED, SPLIT, LOST, NEW = WHATS = ("same", "changed", "merged", "split", "lost", "new")
OBJECTS = ["structure", "what", "a", "b", "voxels_a", "voxels_b", "common", "dice", "changed_voxels"]


class Comparison:
    """Compares label slices of A and B, gathered one by one.

    Objects are matched by their voxels, not by their numbers: two objects are partners where each is the one that the
    other shares most voxels with. An object of A without a partner is ``merged`` where more than half of it lies in an
    object of B, else ``lost``; one of B is ``split`` off where more than half of it lies in an object of A, else
    ``new``. Partners of the same voxels are the ``same``, others ``changed``.
    """

    def __init__(self, structure: str):
        self.structure = structure
        self._slices: list[Overlaps] = []

    def add(self, a: NDArray[np.integer], b: NDArray[np.integer]) -> None:
        """Add the next slice, (Y, X) of both. Raises ValueError for slices of two shapes."""
        self._slices.append(count_overlaps(a, b))

    @cached_property
    def _whole(self) -> Overlaps:
        return merge_overlaps(self._slices)

    @cached_property
    def objects(self) -> pd.DataFrame:
        """One row for each object of A, and for each object of B without a partner; those that changed most first.

        Columns: structure, what, a and b (numbers of the object and of its partner, or of the object that it lies in; 0
        where there is none), voxels_a, voxels_b, common, dice, changed_voxels.
        """
        voxels = {
            side: pd.Series(self._whole.voxels)
            .groupby(getattr(self._whole, column))
            .sum()
            .drop(0, errors="ignore")
            for side, column in (("a", "truth"), ("b", "predicted"))
        }
        pairs = pd.DataFrame(
            {"a": self._whole.truth, "b": self._whole.predicted, "common": self._whole.voxels}
        ).query("a != 0 and b != 0")
        pairs = pairs.sort_values(["common", "a", "b"], ascending=[False, True, True])
        best_b, best_a = pairs.drop_duplicates("a"), pairs.drop_duplicates("b")
        partners = best_b.merge(best_a, on=["a", "b", "common"]).assign(what=CHANGED)
        rows = [partners]
        for side, best, inside, alone in (("a", best_b, MERGED, LOST), ("b", best_a, SPLIT, NEW)):
            rest = voxels[side].index.difference(partners[side])
            found = best.set_index(side).reindex(rest).fillna(0).astype(np.int64)
            found.index.name = side
            found = found.reset_index()
            most = 2 * found["common"].to_numpy() > voxels[side].reindex(rest).to_numpy()
            found["what"] = np.where(most, inside, alone)
            found.loc[~most, ["b" if side == "a" else "a", "common"]] = 0
            rows.append(found)
        table = pd.concat(rows, ignore_index=True)
        for side in "ab":
            table[f"voxels_{side}"] = table[side].map(voxels[side]).fillna(0).astype(np.int64)
        total = table["voxels_a"] + table["voxels_b"]
        table["dice"] = 2 * table["common"] / total
        own = table["voxels_a"].where(table["what"].isin([MERGED, LOST]), table["voxels_b"])
        is_partner = table["what"] == CHANGED
        table["changed_voxels"] = (total - 2 * table["common"]).where(is_partner, own)
        table.loc[is_partner & (table["changed_voxels"] == 0), "what"] = SAME
        table["structure"] = self.structure
        order = ["changed_voxels", "a", "b"]
        return table.sort_values(order, ascending=[False, True, True], ignore_index=True)[OBJECTS]

    @property
    def partner_of(self) -> dict[int, int]:
        """The object of A for each object of B that has a partner."""
        found = self.objects[self.objects["what"].isin([SAME, CHANGED])]
        return dict(zip(found["b"].tolist(), found["a"].tolist(), strict=True))

    def changed(self, a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.bool_]:
        """The voxels of a slice (Y, X) that belong to other objects in B than in A."""
        return self.renumbered(b) != a.astype(np.int64)

    def renumbered(self, b: NDArray[np.integer]) -> NDArray[np.int64]:
        """Labels of B with the numbers of their partners in A; objects without one get negative numbers."""
        ids, places = np.unique(b, return_inverse=True)
        partner = self.partner_of
        numbers = np.array([0 if i == 0 else partner.get(i, -i) for i in ids.tolist()], np.int64)
        return numbers[places].reshape(b.shape)

    @cached_property
    def slices(self) -> pd.DataFrame:
        """One row per slice: structure, z, labelled (voxels with an object in A or B), changed, share of changed."""
        partner, rows = self.partner_of, []
        for z, found in enumerate(self._slices):
            labelled = (found.truth != 0) | (found.predicted != 0)
            kept = pd.Series(found.predicted).map(partner).fillna(-1).to_numpy() == found.truth
            changed = int(found.voxels[labelled & ~kept].sum())
            rows.append((z, int(found.voxels[labelled].sum()), changed))
        table = pd.DataFrame(rows, columns=["z", "labelled", "changed"])
        table.insert(0, "structure", self.structure)
        table["share"] = table["changed"] / table["labelled"].where(table["labelled"] > 0)
        return table

    def scores(self) -> dict[str, Any]:
        """How far A and B agree, A taken for the truth: one row of the table of scores."""
        overlaps, objects, slices = self._whole, self.objects, self.slices
        error, precision, recall = adapted_rand(overlaps)
        split, merge = variation_of_information(overlaps)
        both, a, b = (
            int(overlaps.voxels[chosen].sum())
            for chosen in (
                (overlaps.truth != 0) & (overlaps.predicted != 0),
                overlaps.truth != 0,
                overlaps.predicted != 0,
            )
        )
        counts = objects["what"].value_counts()
        of_a = objects[objects["voxels_a"].gt(0) & ~objects["what"].isin([SPLIT, NEW])]
        paired = objects[objects["what"].isin([SAME, CHANGED])]
        labelled = int(slices["labelled"].sum())
        return {
            "structure": self.structure,
            "slices": len(slices),
            "objects_a": len(of_a),
            "objects_b": len(paired) + int(counts.get(SPLIT, 0)) + int(counts.get(NEW, 0)),
            **{what: int(counts.get(what, 0)) for what in WHATS},
            "renumbered": int((paired["a"] != paired["b"]).sum()),
            "dice": binary_scores(both, a, b)["dice"],
            "dice_objects": float(of_a["dice"].where(of_a["what"].isin([SAME, CHANGED]), 0.0).mean()),
            "adapted_rand_error": error,
            "adapted_rand_precision": precision,
            "adapted_rand_recall": recall,
            "voi_split": split,
            "voi_merge": merge,
            "changed_voxels": int(slices["changed"].sum()),
            "changed_share": int(slices["changed"].sum()) / labelled if labelled else float("nan"),
        }


def most_changed(slices: pd.DataFrame, count: int) -> list[int]:
    """Slices to look at, in their order: those with most changed voxels, none beside another one while there is room.

    slices: of ``Comparison.slices``. Slices without a change are left out.
    """
    ranked = (
        slices[slices["changed"] > 0].sort_values(["changed", "z"], ascending=[False, True])["z"].tolist()
    )
    apart = max(1, len(slices) // (4 * count))
    chosen: list[int] = []
    for z in ranked:
        if len(chosen) < count and all(abs(z - other) >= apart for other in chosen):
            chosen.append(z)
    return sorted(chosen)
