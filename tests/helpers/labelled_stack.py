"""A small stack with cells on its first slice, to label the others by hand."""

from pathlib import Path

import numpy as np
import tifffile
import yaml
from ultraseg.exchange.labelling import Desk

SHAPE, VOXEL_NM = (12, 16, 20), (20, 10, 10)


def write_stack_to_label(folder: Path, shape=SHAPE, **changes) -> dict:
    """Write image, labels of slice 0 and my.yaml to ``folder``; returns the configuration.

    ``changes``: keys of the volume.
    """
    (folder / "image").mkdir(parents=True)
    for z in range(shape[0]):
        grey = np.full(shape[1:], 10 + z, np.uint8)
        tifffile.imwrite(folder / f"image/z{z:03d}.tif", grey)
    (folder / "labels/cells").mkdir(parents=True)
    cells = np.zeros(shape[1:], np.uint8)
    cells[2:10, 2:9], cells[2:10, 10:18] = 4, 12
    tifffile.imwrite(folder / "labels/cells/z000.tif", cells)
    volume = {
        "image": "image", "voxel_size_nm": [*VOXEL_NM],
        "labels": {"cells": "labels/cells", "mito": "labels/mito"},
    } | changes  # fmt: skip
    config = {
        "volumes": {"v": volume},
        "structures": {"cells": {"kind": "cells"}, "mito": {"kind": "organelle"}},
        "networks": {"a": {"structures": ["cells", "mito"]}},
        "slab_depth": 4, "pyramid_levels": 1,
    }  # fmt: skip
    (folder / "my.yaml").write_text(yaml.safe_dump(config))
    return config


def desk_of(folder: Path, **how) -> Desk:
    """The desk of this stack."""
    return Desk(folder / "my.yaml", folder, **how)
