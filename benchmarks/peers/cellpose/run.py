"""Cellpose's stitching of 2D objects (`stitch3D` with its default threshold) on our 2D cells.

Linking alone: which piece of one slice is which piece of the next. Its networks are not asked: their weights would have
to be downloaded.
"""

import sys
from pathlib import Path

import numpy as np
from cellpose.utils import stitch3D

given, out = Path(sys.argv[1]), Path(sys.argv[2])
np.save(out / "objects-cells.npy", stitch3D(np.load(given / "pieces.npy").astype(np.uint32)))
