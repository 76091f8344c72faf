"""Measures of one slab that add up over slabs: voxels, moments, bounds, unlike neighbours and shared voxels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ultraseg.arrays.labels import label_runs, overlap_counts, sum_pairs
from ultraseg.base.tables import empty_table
from ultraseg.measure.surfaces import add_contacts, slice_contacts

SQUARES = ["sum_zz", "sum_yy", "sum_xx", "sum_zy", "sum_zx", "sum_yx"]
SUMS = ["voxels", "sum_z", "sum_y", "sum_x", *SQUARES, "n_slices"]
LOWS, HIGHS = ["z_min", "y_min", "x_min"], ["z_max", "y_max", "x_max"]
LABEL_COLUMNS = ["structure", "id", *SUMS, *LOWS, *HIGHS]
JOINT_COLUMNS = ["structure", "id", "within", "within_id", "voxels"]
LABEL_TYPES = dict.fromkeys(LABEL_COLUMNS, "int64") | {"structure": "str"}
JOINT_TYPES = dict.fromkeys(JOINT_COLUMNS, "int64") | {"structure": "str", "within": "str"}
Partial = dict[str, pd.DataFrame]


def measure_slab(
    labels: Mapping[str, np.ndarray],
    z0: int,
    *,
    following: Mapping[str, np.ndarray] | None = None,
    within: Sequence[str] = ("cell",),
    touching: Sequence[str] = (),
) -> Partial:
    """Measure every label of every structure in one slab (map); `measure.merge_measures` adds the slabs up.

    labels: structure -> integers (n, Y, X) on one grid, slices z0 ..; following: structure -> the next slice
    (Y, X) of the volume, needed for the surfaces between slabs, None after the last slab. within: the structures
    (those present) whose voxels shared with each other structure are counted, such as cell and nucleus; touching:
    those whose labels' contacts with each other are counted pair by pair.

    Returns `labels`: structure, id, voxels, sums of voxel indices and of their products, n_slices, z_min .. x_max
    (last index included); `contacts`: structure, id, other and unlike neighbours per direction
    (`surfaces.slice_contacts`); and `joint`: structure, id, within, within_id, voxels. All integers, so sums are
    exact in any order. Raises ValueError when the grids differ.
    """
    shapes = {name: stack.shape for name, stack in labels.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"label stacks differ in shape: {shapes}")
    following = following or {}
    label_tables, contact_tables, joint_tables = [], [], []
    for name, stack in labels.items():
        n = len(stack)
        for i in range(n):
            after = stack[i + 1] if i + 1 < n else following.get(name)
            label_tables.append(_slice_table(stack[i], z0 + i).assign(structure=name))
            contact_tables.append(slice_contacts(stack[i], after, name in touching).assign(structure=name))
        for other in within:
            if other in labels and other != name:
                joint_tables.append(_joint_table(stack, labels[other]).assign(structure=name, within=other))
    return {
        "labels": add_labels(label_tables),
        "contacts": add_contacts(contact_tables),
        "joint": add_joints(joint_tables),
    }


def add_partials(partials: Sequence[Partial]) -> Partial:
    """Add up the tables of several slabs or slices."""
    add = {"labels": add_labels, "contacts": add_contacts, "joint": add_joints}
    return {key: add_tables([part[key] for part in partials]) for key, add_tables in add.items()}


def add_labels(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Add up label tables: sums of sums, extremes of bounds; sorted by structure and id."""
    table = pd.concat([empty_table(LABEL_TYPES), *tables], ignore_index=True)
    how = {**dict.fromkeys(SUMS, "sum"), **dict.fromkeys(LOWS, "min"), **dict.fromkeys(HIGHS, "max")}
    return table.groupby(["structure", "id"], as_index=False).agg(how)[LABEL_COLUMNS]


def add_joints(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Add up tables of shared voxels; sorted by structure, id, within, within_id."""
    table = pd.concat([empty_table(JOINT_TYPES), *tables], ignore_index=True)
    return table.groupby(JOINT_COLUMNS[:-1], as_index=False)["voxels"].sum()


def _slice_table(one: np.ndarray, z: int) -> pd.DataFrame:
    """All measures of one slice but for contacts and joint counts, one row per label."""
    (value,), start, length = label_runs(one)
    inside = value > 0
    value, start, length = value[inside].astype(np.int64), start[inside], length[inside]
    y, x = np.divmod(start, one.shape[1])
    last = x + length - 1
    sum_x = (x + last) * length // 2
    table = pd.DataFrame(
        {
            "id": value,
            "voxels": length,
            "sum_z": length * z,
            "sum_y": length * y,
            "sum_x": sum_x,
            "sum_zz": length * z**2,
            "sum_yy": length * y**2,
            "sum_xx": _squares(last) - _squares(x - 1),
            "sum_zy": length * z * y,
            "sum_zx": sum_x * z,
            "sum_yx": sum_x * y,
            "n_slices": 0,
            "z_min": z,
            "y_min": y,
            "x_min": x,
            "z_max": z,
            "y_max": y,
            "x_max": last,
        }
    )
    how = {**dict.fromkeys(SUMS, "sum"), **dict.fromkeys(LOWS, "min"), **dict.fromkeys(HIGHS, "max")}
    table = table.groupby("id", as_index=False).agg(how)
    table["n_slices"] = 1
    return table


def _squares(last: np.ndarray) -> np.ndarray:
    """Sum of the squares of 0 .. last."""
    return last * (last + 1) * (2 * last + 1) // 6


def _joint_table(stack: np.ndarray, other: np.ndarray) -> pd.DataFrame:
    """Voxels shared by the labels of two stacks."""
    parts = [overlap_counts(a, b) for a, b in zip(stack, other, strict=True)]
    a, b, voxels = sum_pairs(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return pd.DataFrame({"id": a, "within_id": b, "voxels": voxels})
