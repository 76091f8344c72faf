"""Linking of given pieces: ours as it is, ours with optical flow, or the published loop over regions.

Voxels of all these phantoms are cubes, so that ours takes no flow (`link.by_flow: auto`).
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))
from protrusions import Tissue, greedy  # noqa: E402
from ultraseg.cells.flow import stack_flow  # noqa: E402
from ultraseg.link.decide import link_pieces  # noqa: E402
from ultraseg.link.edges import slab_edges  # noqa: E402
from ultraseg.link.nodes import piece_luts, relabel_pieces  # noqa: E402

given, out, way = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
image, labels, pieces = (np.load(given / f"{name}.npy") for name in ("image", "labels-cells", "pieces"))
nodes, zs = pd.read_parquet(given / "nodes.parquet"), list(range(len(image)))
if way in ("ours", "with-flow"):
    # The pieces that resemble real tissue have no image.
    flow = stack_flow(image) if way == "with-flow" and image.any() else None
    edges = slab_edges(pieces, zs, flow=flow, max_gap=1)
    linked = link_pieces(nodes, edges, max_user_id=int(labels.max()))
    found = relabel_pieces(pieces, piece_luts(linked.nodes, zs))
else:
    known = np.load(given / "given.npy").tolist()
    tissue = Tissue(zs, known, image, labels, np.zeros_like(labels), int(labels.max()))
    found = greedy(tissue, pieces, nodes)
np.save(out / "result-cells.npy", found.astype(np.uint32))
