"""Measures of one slab that add up over slabs: voxels, sums, bounds, faces and shared voxels per label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ultraseg.labels3d import label_runs, overlap_counts, sum_pairs

SUMS = ["voxels", "sum_z", "sum_y", "sum_x", "n_slices", "faces_z", "faces_y", "faces_x"]
LOWS, HIGHS = ["z_min", "y_min", "x_min"], ["z_max", "y_max", "x_max"]
LABEL_COLUMNS = ["structure", "id", *SUMS, *LOWS, *HIGHS]
JOINT_COLUMNS = ["structure", "id", "within", "within_id", "voxels"]
Partial = dict[str, pd.DataFrame]


def measure_slab(
    labels: Mapping[str, np.ndarray],
    z0: int,
    *,
    following: Mapping[str, np.ndarray] | None = None,
    within: Sequence[str] = ("cell",),
) -> Partial:
    """Measure every label of every structure in one slab (map); `measure.merge_measures` adds the slabs up.

    labels: structure -> integers (n, Y, X) on one grid, slices z0 ..; following: structure -> the next slice
    (Y, X) of the volume, needed for the faces between slabs, None after the last slab. within: the structures
    (those present) whose voxels shared with each other structure are counted, such as cell and nucleus.

    Returns `labels`: structure, id, voxels, sum_z/y/x (of voxel indices), n_slices, faces_z/y/x (faces
    towards another label or background, not those on the border of the volume), z_min .. x_max (last index
    included); and `joint`: structure, id, within, within_id, voxels. All integers, so sums are exact in any
    order. Raises ValueError when the grids differ.
    """
    shapes = {name: stack.shape for name, stack in labels.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"label stacks differ in shape: {shapes}")
    following = following or {}
    label_tables, joint_tables = [], []
    for name, stack in labels.items():
        n = len(stack)
        for i in range(n):
            after = stack[i + 1] if i + 1 < n else following.get(name)
            label_tables.append(_slice_table(stack[i], after, z0 + i).assign(structure=name))
        for other in within:
            if other in labels and other != name:
                joint_tables.append(_joint_table(stack, labels[other]).assign(structure=name, within=other))
    return {"labels": add_labels(label_tables), "joint": add_joints(joint_tables)}


def add_labels(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Add up label tables: sums of sums, extremes of bounds; sorted by structure and id."""
    table = pd.concat([_empty(LABEL_COLUMNS), *tables], ignore_index=True)
    how = {**dict.fromkeys(SUMS, "sum"), **dict.fromkeys(LOWS, "min"), **dict.fromkeys(HIGHS, "max")}
    return table.groupby(["structure", "id"], as_index=False).agg(how)[LABEL_COLUMNS]


def add_joints(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Add up tables of shared voxels; sorted by structure, id, within, within_id."""
    table = pd.concat([_empty(JOINT_COLUMNS), *tables], ignore_index=True)
    return table.groupby(JOINT_COLUMNS[:-1], as_index=False)["voxels"].sum()


def _empty(columns: Sequence[str]) -> pd.DataFrame:
    """A table without rows, with typed columns."""
    text = ("structure", "within")
    return pd.DataFrame({c: pd.Series(dtype="str" if c in text else "int64") for c in columns})


def _slice_table(one: np.ndarray, after: np.ndarray | None, z: int) -> pd.DataFrame:
    """All measures of one slice but for the joint counts, one row per label.

    Faces towards the next slice count for the labels of both slices, so the table may name a label that only
    the next slice shows; it has no voxels here and neutral bounds.
    """
    height, width = one.shape
    (value,), start, length = label_runs(one)
    inside = value > 0
    value, start, length = value[inside].astype(np.int64), start[inside], length[inside]
    y, x = np.divmod(start, width)
    last = x + length - 1
    table = pd.DataFrame(
        {
            "id": value,
            "voxels": length,
            "sum_z": length * z,
            "sum_y": length * y,
            "sum_x": (x + last) * length // 2,
            "n_slices": 0,
            "faces_z": 0,
            "faces_y": 0,
            # A run has a face at either end, unless the volume ends there.
            "faces_x": (x > 0).astype(np.int64) + (last < width - 1),
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
    faces = [_faces(one[:-1], one[1:], "faces_y")]
    if after is not None:
        faces.append(_faces(one, after, "faces_z"))
    return pd.concat([table, *faces], ignore_index=True)


def _faces(a: np.ndarray, b: np.ndarray, column: str) -> pd.DataFrame:
    """Faces between unlike voxels of the neighbouring slabs of voxels `a` and `b`, per label of either."""
    unlike = a != b
    sides = np.concatenate([a[unlike], b[unlike]]).astype(np.int64)
    ids, counts = np.unique(sides[sides > 0], return_counts=True)
    table = pd.DataFrame({"id": ids, **dict.fromkeys(SUMS, 0)})
    table[column] = counts
    for name in LOWS:
        table[name] = np.iinfo(np.int64).max
    for name in HIGHS:
        table[name] = -1
    return table


def _joint_table(stack: np.ndarray, other: np.ndarray) -> pd.DataFrame:
    """Voxels shared by the labels of two stacks."""
    parts = [overlap_counts(a, b) for a, b in zip(stack, other, strict=True)]
    a, b, voxels = sum_pairs(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return pd.DataFrame({"id": a, "within_id": b, "voxels": voxels})
