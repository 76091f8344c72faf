"""Write the final cells of one slab at all pyramid levels."""

import numpy as np
import pandas as pd
from ultraseg.arrays.labels import count_ids
from ultraseg.arrays.scale import upsample_labels
from ultraseg.link.apply_edits import edited_ids
from ultraseg.link.nodes import piece_luts, relabel_pieces
from ultraseg.run.job import job, parameters
from ultraseg.storage.arrays import read_listed
from ultraseg.storage.label_slices import LabelSlices
from ultraseg.storage.pyramid import levels_of, reduce_labels, write_pyramid

with job(snakemake) as log:
    p, wc = parameters(snakemake), snakemake.wildcards
    start, stop = p.slab
    zs = sorted(set(p.stand_ins))  # the good slices of the slab, and those that bad ones show
    # Of the table of the whole volume only the rows of these slices.
    here = [("z", "in", zs)]
    nodes = pd.read_parquet(snakemake.input.nodes, columns=["z", "piece", "final"], filters=here)
    ids = pd.read_parquet(snakemake.input.ids)
    pieces = read_listed(f"results/{wc.volume}/work/pieces", zs)
    small = relabel_pieces(pieces, piece_luts(nodes, zs))
    cells = np.empty((len(zs), *p.shape[1:]), np.uint32)
    for one, large in zip(small, cells, strict=True):
        large[:] = upsample_labels(one, p.downsample, large.shape)
    for file in snakemake.input.labels:
        with LabelSlices(file) as given:
            for z in set(given.zs) & set(zs):
                known, i = given.known(z), zs.index(z)  # what the user drew is final
                drawn = edited_ids(given.read(z), z, ids)  # but for the ids, where cells were merged or split
                cells[i] = drawn if known is None else np.where(known, drawn, cells[i])
    if p.stand_ins != list(range(start, stop)):
        cells = cells[[zs.index(z) for z in p.stand_ins]]
    log.info("%d cells in slices %d to %d", count_ids(cells), start, stop - 1)
    group = f"results/{wc.volume}/image.zarr/labels/{wc.structure}"
    write_pyramid(group, start, cells, levels_of(p.levels), reduce_labels)
