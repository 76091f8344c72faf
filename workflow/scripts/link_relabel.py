"""Write the final cells of one slab at all pyramid levels."""

import numpy as np
import pandas as pd
from ultraseg.job import job
from ultraseg.labels3d import upsample_labels
from ultraseg.labelstore import LabelSlices
from ultraseg.link_nodes import piece_luts, relabel_pieces
from ultraseg.pyramid import levels_of, reduce_labels, write_pyramid
from ultraseg.store import read_slices

with job(snakemake) as log:
    p, wc = snakemake.params, snakemake.wildcards
    start, stop = p.slab
    nodes = pd.read_parquet(snakemake.input.nodes)
    pieces = read_slices(f"results/{wc.volume}/work/pieces", start, stop)
    small = relabel_pieces(pieces, piece_luts(nodes, start, stop - start))
    cells = np.stack([upsample_labels(one, p.downsample, tuple(p.shape[1:])) for one in small])
    for file in snakemake.input.labels:
        with LabelSlices(file) as given:
            for z in set(given.zs) & set(range(start, stop)):
                known = given.known(z)  # what the user drew is final
                cells[z - start] = (
                    given.read(z) if known is None else np.where(known, given.read(z), cells[z - start])
                )
    log.info("%d cells in slices %d to %d", len(np.unique(cells[cells > 0])), start, stop - 1)
    group = f"results/{wc.volume}/image.zarr/labels/{wc.structure}"
    write_pyramid(group, start, cells, levels_of(p.levels), reduce_labels)
