"""A small volume for napari: a grey image, two cells and a mitochondrion."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from written_volume import write_volume

SHAPE, VOXEL_NM, ORIGIN_NM, DEPTH = (8, 40, 48), (20, 10, 5), (40, 0, 100), 4


def write_napari_volume(folder: Path) -> Path:
    """Write results/v with cells 5 and 70001 and one mitochondrion; its folder."""
    volume = folder / "results/v"
    image = volume / "image.zarr"
    cells = np.zeros(SHAPE, np.uint32)
    cells[:, :20], cells[:, 20:] = 5, 70001
    stacks = {
        "image": np.full(SHAPE, 90, np.uint8),
        "cells": cells,
        "mitochondria": (cells == 5).astype(np.uint32),
    }
    write_volume(image, stacks, voxel_nm=VOXEL_NM, depth=DEPTH, origin_nm=ORIGIN_NM)
    (folder / "results/models").mkdir()
    card = {"channels": ["cells/interior", "cells/boundary", "mitochondria"]}
    (folder / "results/models/net.json").write_text(json.dumps(card))
    (volume / "tables").mkdir()
    pd.DataFrame({"cell": [5, 70001]}).to_parquet(volume / "tables/cells.parquet")
    return volume
