"""Measures of one slab: voxels, moments, bounds, unlike neighbours and shared voxels. They add up over slabs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
# How the measures of a label in two places add up.
ADDED_UP = {**dict.fromkeys(SUMS, "sum"), **dict.fromkeys(LOWS, "min"), **dict.fromkeys(HIGHS, "max")}
Partial = dict[str, pd.DataFrame]  # the tables ``labels``, ``contacts`` and ``joint`` of a slab


def measure_slab(
    labels: Mapping[str, NDArray[np.integer]],
    z0: int,
    *,
    following: Mapping[str, NDArray[np.integer]] | None = None,
    within: Sequence[str] = ("cell",),
    touching: Sequence[str] = (),
) -> Partial:
    """Measure every label of every structure in one slab; ``tables.merge_measures`` adds the slabs up.

    labels: structure -> labels (n, Y, X) of the slices from z0 on, all of one shape; following: structure -> the next
    slice (Y, X) of the volume, for the surfaces between slabs, None after the last slab. within: structures that
    contain others, such as cells and nuclei: the voxels that each other structure shares with them are counted;
    touching: structures whose contacts are counted for every pair of labels.

    Returns three tables. ``labels``: structure, id, voxels, sums of voxel indices and of their products, n_slices, and
    bounds z_min .. x_max, the last voxel included. ``contacts``: structure, id, other and the unlike neighbours in each
    direction, as from ``surfaces.slice_contacts``. ``joint``: structure, id, within, within_id, voxels. All are whole
    numbers, so that sums are exact in any order. Raises ValueError for labels of several shapes.
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
    """Add up the measures of several slabs or slices."""
    add = {"labels": add_labels, "contacts": add_contacts, "joint": add_joints}
    return {key: add_tables([part[key] for part in partials]) for key, add_tables in add.items()}


def add_labels(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Add up tables of labels: sums are added, bounds are widened; sorted by structure and id."""
    table = pd.concat([empty_table(LABEL_TYPES), *tables], ignore_index=True)
    return table.groupby(["structure", "id"], as_index=False).agg(ADDED_UP)[LABEL_COLUMNS]


def add_joints(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Add up tables of shared voxels; sorted by structure, id, within, within_id."""
    table = pd.concat([empty_table(JOINT_TYPES), *tables], ignore_index=True)
    return table.groupby(JOINT_COLUMNS[:-1], as_index=False)["voxels"].sum()


def _slice_table(one: NDArray[np.integer], z: int) -> pd.DataFrame:
    """The table ``labels`` of one slice, without the structure: one row for each label."""
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
    table = table.groupby("id", as_index=False).agg(ADDED_UP)
    table["n_slices"] = 1
    return table


def _squares(last: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sum of the squares of 0 .. last."""
    return last * (last + 1) * (2 * last + 1) // 6


def _joint_table(stack: NDArray[np.integer], other: NDArray[np.integer]) -> pd.DataFrame:
    """The voxels that every pair of labels of two stacks shares."""
    parts = [overlap_counts(a, b) for a, b in zip(stack, other, strict=True)]
    a, b, voxels = sum_pairs(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return pd.DataFrame({"id": a, "within_id": b, "voxels": voxels})


def measure_slices(
    read: Callable[[int], Mapping[str, np.ndarray]],
    slab: tuple[int, int],
    n_slices: int,
    *,
    within: Sequence[str],
    touching: Sequence[str],
) -> Partial:
    """The measures of the slices slab[0] <= z < slab[1], of which only two are in memory at a time.

    read: z -> labels (1, Y, X) of every structure; n_slices: of the volume, as faces to the slice after the slab
    count; within, touching: as for ``measure_slab``.
    """
    partials, here = [], read(slab[0])
    for z in range(*slab):
        following = read(z + 1) if z + 1 < n_slices else None
        faces = {s: values[0] for s, values in following.items()} if following else None
        partials.append(measure_slab(here, z, following=faces, within=within, touching=touching))
        here = following or {}
    return add_partials(partials)
