"""What linking decided, and the slices to label next, as annotations of Neuroglancer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

AXES = "xyz"
MOST_LINKS = 1000  # that are shown, those with the least margin first
# Names of layers with a space, as no structure has one.
ASSIGNED, LEFT = "links decided", "links left alone"
ADVICE = "label next"
COLOURS = {ASSIGNED: "#56b4e9", LEFT: "#d55e00", ADVICE: "#f0e442"}


def link_layers(
    links: pd.DataFrame, first: Sequence[float], size_nm: Sequence[float], cells: str
) -> list[dict[str, Any]]:
    """A point for each fragment that linking decided on: one layer of those with a cell, one of those without.

    links: the table; first: where the first voxel lies, in voxels z, y, x; size_nm: of a voxel; cells: the layer of the
    cells, whose cell a point selects.
    """
    links = links.sort_values("margin")
    left = links["outcome"].astype(str).str.startswith("unassigned")
    layers = []
    for name, rows in ((LEFT, links[left]), (ASSIGNED, links[~left])):
        points = []
        for row in rows.head(MOST_LINKS).itertuples():
            place = [start + at for start, at in zip(first, (row.z, row.y, row.x), strict=True)]
            cell = row.cell or row.best_cell
            points.append(
                {
                    "type": "point",
                    "id": f"fragment {row.fragment}",
                    "point": place[::-1],
                    "description": _decision(row),
                    "segments": [[str(cell)] if cell else []],
                }
            )
        layers.append(_layer(name, points, size_nm) | {"linkedSegmentationLayer": {"segments": cells}})
    return layers


def _decision(row: Any) -> str:
    text = f"fragment {row.fragment}: {row.outcome}"
    text += f" to cell {row.cell}" if row.cell else ""
    text += f"; likeliest cell {row.best_cell} ({row.strength:.2f})" if row.best_cell else ""
    return text + (f", then {row.runner_up_cell} ({row.runner_up:.2f})" if row.runner_up_cell else "")


def advice_layer(
    advice: pd.DataFrame, first: Sequence[float], size_nm: Sequence[float], shape: Sequence[int]
) -> dict[str, Any]:
    """A box around each slice to label next. advice: the table; shape: of the volume; first, size_nm: as above."""
    boxes = []
    for row in advice[advice["rank"].notna()].sort_values("rank").itertuples():
        low = (first[0] + row.z - 0.5, first[1] - 0.5, first[2] - 0.5)
        high = (low[0] + 1, low[1] + shape[1], low[2] + shape[2])
        boxes.append(
            {
                "type": "axis_aligned_bounding_box",
                "id": f"advice {int(row.rank)}",
                "pointA": low[::-1],
                "pointB": high[::-1],
                "description": (
                    f"{int(row.rank)}. slice {row.z}: a label should clear up {row.relief_um3:.3g} um3; the two sides "
                    f"disagree on {row.disagreement_um2:.3g} um2"
                ),
            }
        )
    return _layer(ADVICE, boxes, size_nm)


def _layer(name: str, annotations: Sequence[dict[str, Any]], size_nm: Sequence[float]) -> dict[str, Any]:
    dimensions = {axis: [nm * 1e-9, "m"] for axis, nm in zip(AXES, size_nm[::-1], strict=True)}
    return {
        "type": "annotation",
        "name": name,
        "source": {"url": "local://annotations", "transform": {"outputDimensions": dimensions}},
        "annotations": list(annotations),
        "annotationColor": COLOURS[name],
        "visible": False,
    }
