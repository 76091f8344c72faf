"""Trackastra's pretrained model `general_2d` with greedy linking, as in its documentation; a slice is a time point."""

import sys
from pathlib import Path

import numpy as np
from trackastra.model import Trackastra
from trackastra.tracking import graph_to_ctc

given, out = Path(sys.argv[1]), Path(sys.argv[2])
image, pieces = np.load(given / "image.npy"), np.load(given / "pieces.npy")
model = Trackastra.from_pretrained("general_2d", device="cpu")
graph, masks = model.track(image, pieces, mode="greedy")
_, tracked = graph_to_ctc(graph, masks, outdir=out / "ctc")
np.save(out / "objects-cells.npy", np.asarray(tracked).astype(np.uint32))
