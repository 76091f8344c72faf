"""Overlaps between the pieces of neighbouring good slices that start in one slab."""

import numpy as np
from ultraseg.base.files import write_table
from ultraseg.base.tables import empty_table
from ultraseg.link.edges import EDGE_TYPES, slab_edges
from ultraseg.run.job import job, parameters
from ultraseg.storage.arrays import read_listed

with job(snakemake) as log:
    p, wc = parameters(snakemake), snakemake.wildcards
    folder, stop = f"results/{wc.volume}/work", p.slab[1]
    edges = empty_table(EDGE_TYPES)
    if p.walk:
        pieces = read_listed(f"{folder}/pieces", p.walk).astype(np.int32)
        flow = read_listed(f"{folder}/flow", p.walk[:-1] or p.walk)
        n = sum(z < stop for z in p.walk)
        edges = slab_edges(pieces, p.walk, n=n, flow=flow, max_gap=p.max_gap)
    log.info("%d edges", len(edges))
    write_table(snakemake.output[0], edges)
