"""Overlaps between the pieces of neighbouring slices that start in one slab."""

import numpy as np
from ultraseg.files import write_table
from ultraseg.job import job
from ultraseg.link_edges import slab_edges
from ultraseg.store import read_slices

with job(snakemake) as log:
    p, wc = snakemake.params, snakemake.wildcards
    start, stop = p.slab
    end = min(stop + 1 + p.max_gap, p.n_slices)
    pieces = read_slices(f"results/{wc.volume}/work/pieces", start, end).astype(np.int32)
    flow = read_slices(f"results/{wc.volume}/work/flow", start, max(end - 1, start + 1))
    edges = slab_edges(pieces, start, n=stop - start, flow=flow, max_gap=p.max_gap)
    log.info("%d edges", len(edges))
    write_table(snakemake.output[0], edges)
