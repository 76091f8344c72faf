"""What Neuroglancer lists of each object beside its id: name, sizes and classes, to search, sort and select by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

OF_CELLS = {
    "volume_um3": "volume in cubic micrometres",
    "surface_um2": "surface in square micrometres",
    "n_slices": "slices that show it",
    "n_neighbours": "cells that it touches",
    "n_protrusions": "protrusions",
    "protrusion_length_um": "length of its protrusions in micrometres",
}
OF_ORGANELLES = {
    "cell": "cell that holds most of it, 0: none",
    "cell_share": "share of it in this cell",
    "volume_um3": "volume in cubic micrometres",
    "surface_um2": "surface in square micrometres",
    "n_slices": "slices that show it",
}
OF_PROTRUSIONS = {
    "cell": "cell that it belongs to",
    "strength": "smallest probability among its pieces that it belongs to the cell",
    "length_um": "length in micrometres",
    "volume_um3": "volume in cubic micrometres",
    "diameter_um": "mean width in micrometres",
}
EDGE, LABELLED, NEW, NUCLEUS = "cut_by_edge", "labelled", "new", "with_nucleus"


def cell_properties(cells: pd.DataFrame, labelled: Sequence[int] | None) -> bytes:
    """Properties of cells, from their table; labelled: cells that a labelled slice shows, None: not known."""
    tags = _at_edge(cells)
    if labelled is not None:
        shown = cells["cell"].isin([*labelled]).to_numpy()
        tags |= {LABELLED: shown, NEW: ~shown}
    if "nucleus_to_cell_ratio" in cells:
        tags |= {NUCLEUS: cells["nucleus_to_cell_ratio"].notna().to_numpy()}
    names = [f"cell {i}" for i in cells["cell"]]
    return properties(cells["cell"], names, _numbers(cells, OF_CELLS), OF_CELLS, tags)


def organelle_properties(structure: str, organelles: pd.DataFrame) -> bytes:
    """Properties of the objects of one structure, from the table of organelles."""
    own = organelles[organelles["structure"] == structure]
    names = [
        f"{structure} {i}" + (f" in cell {cell}" if cell else "")
        for i, cell in zip(own["id"], own["cell"], strict=True)
    ]
    tags = _at_edge(own)
    return properties(own["id"], names, _numbers(own, OF_ORGANELLES), OF_ORGANELLES, tags)


def protrusion_properties(protrusions: pd.DataFrame) -> bytes:
    """Properties of protrusions, from their table."""
    pairs = zip(protrusions["protrusion"].astype(int), protrusions["cell"].astype(int), strict=True)
    names = [f"protrusion {i} of cell {cell}" for i, cell in pairs]
    numbers = _numbers(protrusions, OF_PROTRUSIONS)
    return properties(protrusions["protrusion"].astype(int), names, numbers, OF_PROTRUSIONS, {})


def _at_edge(table: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    return {EDGE: table["cut_by_edge"].to_numpy(bool)} if "cut_by_edge" in table else {}


def _numbers(table: pd.DataFrame, known: Mapping[str, str]) -> dict[str, NDArray[np.float32]]:
    """The columns that are there; an empty value is 0, as there is no other number for it."""
    return {name: table[name].fillna(0).to_numpy(np.float32) for name in known if name in table}


def properties(
    ids: Sequence[int] | pd.Series,
    names: Sequence[str],
    numbers: Mapping[str, NDArray[np.float32]],
    described: Mapping[str, str],
    tags: Mapping[str, NDArray[np.bool_]],
) -> bytes:
    """The file ``info`` of Neuroglancer's segment properties: one name, some numbers and tags for each id."""
    found: list[dict[str, Any]] = [{"id": "label", "type": "label", "values": list(names)}]
    for name, values in numbers.items():
        about = {"id": name, "type": "number", "data_type": "float32", "description": described[name]}
        found.append(about | {"values": [float(f"{value:.6g}") for value in values.tolist()]})
    if tags:
        held = np.stack([*tags.values()], axis=1)
        places = [np.flatnonzero(row).tolist() for row in held]
        found.append({"id": "tags", "type": "tags", "tags": [*tags], "values": places})
    inline = {"ids": [str(int(i)) for i in ids], "properties": found}
    return json.dumps({"@type": "neuroglancer_segment_properties", "inline": inline}).encode()
