"""Tables of cells, their contacts, organelles and protrusions, from the measures of all slabs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.measure.lengths import Course
from ultraseg.measure.protrusions import protrusion_tables
from ultraseg.measure.slab import Partial, add_partials
from ultraseg.measure.surfaces import contact_areas, surfaces

GEOMETRY = [
    "voxels",
    "volume_um3",
    "surface_um2",
    "face_area_um2",
    "sphericity",
    "major_axis_um",
    "middle_axis_um",
    "minor_axis_um",
    "elongation",
    "centroid_z_um",
    "centroid_y_um",
    "centroid_x_um",
    "z_min",
    "y_min",
    "x_min",
    "z_max",
    "y_max",
    "x_max",
    "n_slices",
    "cut_by_edge",
]
ORGANELLE_COLUMNS = ["structure", "id", "cell", "cell_share", "nucleus", *GEOMETRY]


def cell_columns(organelles: Sequence[str], masks: Sequence[str] = ()) -> list[str]:
    """The columns of the table of cells, where these structures are measured."""
    columns = ["cell", *GEOMETRY, "n_neighbours", "contact_area_um2"]
    columns += ["n_protrusions", "protrusion_length_um", "protrusion_volume_um3", "nucleus_to_cell_ratio"]
    for name in (*organelles, *masks):
        columns += [f"n_{name}"] if name not in masks else []
        columns += [f"{name}_volume_um3", f"{name}_volume_fraction"]
    return columns


def merge_measures(
    partials: Sequence[Partial],
    voxel_size_nm: tuple[float, float, float],
    shape: tuple[int, int, int],
    *,
    organelles: Sequence[str] = (),
    masks: Sequence[str] = (),
    cell: str = "cell",
    nucleus: str | None = None,
    protrusions: pd.DataFrame | None = None,
    pieces: pd.DataFrame | None = None,
    stand_ins: Mapping[int, int] | None = None,
    cell_downsample: int = 1,
    courses: Mapping[int, Course] | None = None,
) -> dict[str, pd.DataFrame]:
    """Add up the measures of all slabs, and derive the tables of cells, contacts, organelles, protrusions and courses.

    partials: from ``slab.measure_slab``, in any order; voxel_size_nm, shape: of the volume (z, y, x); organelles,
    masks: structures with and without objects of their own; cell, nucleus: names of the structures that contain others.
    protrusions, pieces: the tables of protrusions and of pieces (nodes) that linking made; a pixel of them covers
    ``cell_downsample`` pixels of the image in y and x. stand_ins: bad slice -> its stand-in, whose pieces count on the
    bad slice again, as its labels do. courses: of the protrusions, from ``lengths.protrusion_courses``. Raises
    ValueError for a voxel size that is not three positive numbers.

    Geometry of every object: surface_um2 is the estimate for a smooth surface (``surfaces.surfaces``). It is low for
    flat faces along the axes: by 13 %, and by 9 % for a whole cube. face_area_um2 is the area of the faces of voxels.
    It is right for flat faces along the axes, and half as much again as the surface of a sphere. Neither counts the
    border of the volume; cut_by_edge tells which objects reach the border. sphericity is the surface of a sphere of the
    same volume over surface_um2, NaN where the object is cut, as a part of its surface is missing. The axes are those
    of the ellipsoid with the same second moments; elongation is the major over the middle axis. Bounds include the last
    voxel. Centroids are in um from the corner of the volume.

    Organelles: the cell of an organelle is the one that shares most voxels with it (the lowest id of equals, 0 where no
    cell shares any). cell_share is the share of these voxels in the organelle. The nucleus of an organelle is found
    in the same way.

    Cells: a contact is a pair of cells with touching faces of voxels; n_neighbours and contact_area_um2 add up the
    contacts of a cell. Volumes and fractions of a structure count the voxels that the structure shares with the cell;
    n_<structure> counts the objects whose cell it is. nucleus_to_cell_ratio is the volume of the nuclei over the volume
    of the cell, NaN where the cell has no nucleus.

    Protrusions and courses: see ``protrusions.protrusion_tables``.
    """
    size = np.asarray(voxel_size_nm, float) / 1000
    if len(size) != 3 or (size <= 0).any():
        raise ValueError(f"voxel size must be three positive numbers, got {voxel_size_nm}")
    sums = add_partials(partials)
    geometry = _geometry(sums["labels"], surfaces(sums["contacts"], size), size, shape)
    contacts = contact_areas(sums["contacts"], cell, size)
    linked = None if protrusions is None or pieces is None else (protrusions, pieces)
    found, ways = protrusion_tables(linked, courses or {}, size, cell_downsample, stand_ins or {})
    objects = _organelles(geometry, sums["joint"], organelles, cell, nucleus)
    cells = geometry[geometry["structure"] == cell].rename(columns={"id": "cell"}).set_index("cell")
    _add_contacts(cells, contacts)
    _add_protrusions(cells, found)
    _add_contents(cells, sums["joint"], objects, organelles, masks, cell, float(size.prod()))
    _add_nucleus_ratio(cells, nucleus if nucleus in organelles else None)
    contacts = contacts.rename(
        columns={"id": "cell", "other": "neighbour", "area": "area_um2", "faces": "face_area_um2"}
    )
    return {
        "cells": cells.reset_index()[cell_columns(organelles, masks)],
        "contacts": contacts,
        "organelles": objects,
        "protrusions": found,
        "courses": ways,
    }


def _add_contacts(cells: pd.DataFrame, contacts: pd.DataFrame) -> None:
    """Add to the cells, indexed by id, how many cells each one touches, and the sum of the contact areas."""
    neighbours = pd.concat([contacts, contacts.assign(id=contacts["other"])]).groupby("id")["area"]
    cells["n_neighbours"] = neighbours.size().reindex(cells.index, fill_value=0)
    cells["contact_area_um2"] = neighbours.sum().reindex(cells.index, fill_value=0.0)


def _add_protrusions(cells: pd.DataFrame, protrusions: pd.DataFrame) -> None:
    """Add to the cells, indexed by id, number, length and volume of their protrusions."""
    by_cell = protrusions.groupby("cell")
    cells["n_protrusions"] = by_cell.size().reindex(cells.index, fill_value=0)
    for measure in ("length_um", "volume_um3"):
        cells[f"protrusion_{measure}"] = by_cell[measure].sum().reindex(cells.index, fill_value=0.0)


def _add_contents(
    cells: pd.DataFrame,
    joint: pd.DataFrame,
    objects: pd.DataFrame,
    organelles: Sequence[str],
    masks: Sequence[str],
    cell: str,
    voxel_um3: float,
) -> None:
    """Add to the cells, indexed by id, number, volume and share of what each structure has in them."""
    shared = joint[joint["within"] == cell].groupby(["structure", "within_id"])["voxels"].sum()
    for name in (*organelles, *masks):
        if name not in masks:
            owners = objects.loc[objects["structure"] == name, "cell"].value_counts()
            cells[f"n_{name}"] = owners.reindex(cells.index, fill_value=0)
        inside = shared[shared.index.get_level_values(0) == name].droplevel(0)
        inside = inside.reindex(cells.index, fill_value=0)
        cells[f"{name}_volume_um3"] = inside * voxel_um3
        cells[f"{name}_volume_fraction"] = inside / cells["voxels"]


def _add_nucleus_ratio(cells: pd.DataFrame, nucleus: str | None) -> None:
    """Add to the cells the share of the nuclei in their volume, NaN where a cell has none."""
    cells["nucleus_to_cell_ratio"] = cells[f"{nucleus}_volume_fraction"] if nucleus else 0.0
    cells["nucleus_to_cell_ratio"] = cells["nucleus_to_cell_ratio"].where(lambda share: share > 0)


def _geometry(
    labels: pd.DataFrame, areas: pd.DataFrame, size: NDArray[np.float64], shape: tuple[int, int, int]
) -> pd.DataFrame:
    """Sizes, shapes and places of all labels, in um.

    labels: sums and bounds in voxels; areas: from ``surfaces``, in um2; size: of a voxel, in um.
    """
    table = labels.copy()
    table["volume_um3"] = table["voxels"] * size.prod()
    # A label that fills the volume has no surface.
    areas = areas.reindex(pd.MultiIndex.from_frame(table[["structure", "id"]]), fill_value=0.0)
    table["surface_um2"] = areas["surface"].to_numpy()
    table["face_area_um2"] = areas["faces"].to_numpy()
    axes = _axes(table, size)
    for number, name in enumerate(("major", "middle", "minor")):
        table[f"{name}_axis_um"] = axes[:, number]
    table["elongation"] = table["major_axis_um"] / table["middle_axis_um"]
    cut = np.zeros(len(table), bool)
    for axis, step, extent in zip("zyx", size, shape, strict=True):
        table[f"centroid_{axis}_um"] = (table[f"sum_{axis}"] / table["voxels"] + 0.5) * step
        cut |= ((table[f"{axis}_min"] == 0) | (table[f"{axis}_max"] == extent - 1)).to_numpy()
    table["cut_by_edge"] = cut
    sphere = np.pi ** (1 / 3) * (6 * table["volume_um3"]) ** (2 / 3)
    table["sphericity"] = sphere / table["surface_um2"].where((table["surface_um2"] > 0) & ~cut)
    return table[["structure", "id", *GEOMETRY]]


def _axes(table: pd.DataFrame, size: NDArray[np.float64]) -> NDArray[np.float64]:
    """The full axes (n, 3), the longest first, of the ellipsoids with the second moments of the labels."""
    moments = np.empty((len(table), 3, 3))
    for i, a in enumerate("zyx"):
        for j, b in enumerate("zyx"):
            squares = table[f"sum_{a}{b}" if f"sum_{a}{b}" in table else f"sum_{b}{a}"]
            mean = table[f"sum_{a}"] / table["voxels"] * (table[f"sum_{b}"] / table["voxels"])
            # A voxel is no point: its own extent adds a twelfth.
            moments[:, i, j] = (squares / table["voxels"] - mean + (i == j) / 12) * size[i] * size[j]
    return 2 * np.sqrt(5 * np.maximum(np.linalg.eigvalsh(moments)[:, ::-1], 0))


def _organelles(
    geometry: pd.DataFrame, joint: pd.DataFrame, organelles: Sequence[str], cell: str, nucleus: str | None
) -> pd.DataFrame:
    """One row for each object of every organelle, with its cell and its nucleus."""
    table = geometry[geometry["structure"].isin(list(organelles))].reset_index(drop=True)
    table["cell"], shared = _owner(table, joint, cell)
    table["cell_share"] = shared / table["voxels"]
    table["nucleus"] = _owner(table, joint, nucleus)[0]
    return table[ORGANELLE_COLUMNS]


def _owner(
    table: pd.DataFrame, joint: pd.DataFrame, within: str | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For every object the label of ``within`` that shares most voxels with the object, and how many; 0 for none."""
    candidates = joint[joint["within"] == within] if within else joint.iloc[:0]
    candidates = candidates.sort_values(["voxels", "within_id"], ascending=[False, True], kind="stable")
    best = candidates.drop_duplicates(["structure", "id"]).set_index(["structure", "id"])
    best = best.reindex(pd.MultiIndex.from_frame(table[["structure", "id"]]))
    label, voxels = (best[name].fillna(0).astype("int64").to_numpy() for name in ("within_id", "voxels"))
    return label, voxels
