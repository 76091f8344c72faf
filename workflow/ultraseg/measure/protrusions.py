"""The table of protrusions, and the points of their courses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.base.tables import empty_table
from ultraseg.measure.lengths import Course

ROOT, TIP = ["z_root", "y_root", "x_root"], ["z_tip", "y_tip", "x_tip"]
PROTRUSION_TYPES = {
    **dict.fromkeys(["protrusion", "cell", "z_first", "z_last", "pieces"], "int64"),
    **dict.fromkeys(["strength", "probability", "volume_um3", "length_um", "length_voxels"], "float64"),
    **dict.fromkeys(["mean_area_um2", "diameter_um"], "float64"),
    **dict.fromkeys([*ROOT, *TIP], "Int64"),
}
COURSE_TYPES = {
    **dict.fromkeys(["protrusion", "cell", "point"], "int64"),
    **dict.fromkeys(["z", "y", "x", "distance_um"], "float64"),
}
EVERY = 3  # of how many points of a smoothed course the table keeps one


def protrusion_tables(
    linked: tuple[pd.DataFrame, pd.DataFrame] | None,
    courses: Mapping[int, Course],
    size: NDArray[np.float64],
    downsample: int,
    stand_ins: Mapping[int, int],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The protrusions of linking with size, length, width and ends, and the points of their courses.

    linked: the tables of protrusions and pieces that linking made, with places at the scale of the pieces, where a
    pixel covers ``downsample`` pixels in y and x; courses: by protrusion, in voxels of the pieces; size: of a voxel of
    the image (z, y, x), in um; stand_ins: bad slice -> the good slice whose pieces count on the bad slice again.

    diameter_um is that of a tube of the same volume and length, mean_area_um2 the volume over the extent in z. The
    columns of ``ROOT`` are empty where no piece of a protrusion overlaps a body of its cell. A course begins at the end
    near the root, or else at the lower one; ``TIP`` is its other end. Places are in voxels of the image.
    """
    if linked is None or linked[0].empty:
        return empty_table(PROTRUSION_TYPES), empty_table(COURSE_TYPES)
    table, scale = linked[0].copy(), np.array([1, downsample, downsample])
    _add_extent(table, linked[1], stand_ins)
    rooted = (table["z_root"] >= 0).to_numpy()
    root = table[ROOT].to_numpy(float)
    found = {
        number: courses[number].from_end_near(place, size * scale) if known else courses[number]
        for number, place, known in zip(table["protrusion"].tolist(), root, rooted, strict=True)
        if number in courses
    }
    table["volume_um3"] = table["voxels"] * (size * scale).prod()
    for name, unit in (("length_um", size), ("length_voxels", 1.0)):
        lengths = {number: course.length(unit * scale) for number, course in found.items()}
        table[name] = table["protrusion"].map(lengths).astype(float)
    table["mean_area_um2"] = table["volume_um3"] / ((table["z_last"] - table["z_first"] + 1) * size[0])
    table["diameter_um"] = 2 * np.sqrt(table["volume_um3"] / (np.pi * table["length_um"]))
    nowhere = np.full(3, np.nan)
    tip = np.array([found[n].path[-1] if n in found else nowhere for n in table["protrusion"].tolist()])
    for names, places in ((ROOT, np.where(rooted[:, None], root, np.nan)), (TIP, tip)):
        # A pixel of the pieces stands for the pixels of the image around its centre.
        voxels = np.floor((places + 0.5) * scale)
        for name, column in zip(names, voxels.T, strict=True):
            table[name] = pd.array(column, "Int64")
    cells = dict(zip(table["protrusion"].tolist(), table["cell"].tolist(), strict=True))
    points = [_points(number, cells[number], course, size, scale) for number, course in found.items()]
    ways = np.concatenate([np.zeros((0, len(COURSE_TYPES))), *points])
    return (
        table[list(PROTRUSION_TYPES)].astype(PROTRUSION_TYPES),
        pd.DataFrame(ways, columns=list(COURSE_TYPES)).astype(COURSE_TYPES),
    )


def _add_extent(table: pd.DataFrame, pieces: pd.DataFrame, stand_ins: Mapping[int, int]) -> None:
    """Extent in z and voxels of each protrusion, with the copies of its pieces on bad slices, in place."""
    copies = [pieces[pieces["z"] == good].assign(z=bad) for bad, good in stand_ins.items()]
    pieces = pd.concat([pieces, *copies], ignore_index=True) if copies else pieces
    extent = pieces[pieces["protrusion"] > 0].groupby("protrusion")
    extent = extent.agg(z_first=("z", "min"), z_last=("z", "max"), voxels=("area", "sum"))
    for name in extent:
        table[name] = extent[name].reindex(table["protrusion"]).to_numpy()


def _points(
    number: int, cell: int, course: Course, size: NDArray[np.float64], scale: NDArray[np.int_]
) -> NDArray[np.float64]:
    """Rows of the table of courses (m, columns): every `EVERY`-th point of a course, and its last one."""
    places = (course.path + 0.5) * scale - 0.5
    way = np.cumsum(np.append(0.0, np.linalg.norm(np.diff(places * size, axis=0), axis=1)))
    kept = np.unique(np.append(np.arange(0, len(places), EVERY), len(places) - 1))
    same = np.broadcast_to([number, cell], (len(kept), 2))
    return np.column_stack([same, np.arange(len(kept)), places[kept], way[kept]])
