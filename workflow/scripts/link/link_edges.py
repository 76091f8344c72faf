"""Overlaps between the pieces of neighbouring good slices that start in one slab."""

import numpy as np
from ultraseg.base.files import write_table
from ultraseg.base.tables import empty_table
from ultraseg.jobs.link import LinkEdges
from ultraseg.link.edges import EDGE_TYPES, slab_edges
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_listed

with job(snakemake, LinkEdges) as (spec, log):
    edges, walk = empty_table(EDGE_TYPES), spec.walk
    if walk:
        pieces = read_listed(spec.files.pieces, walk).astype(np.int32)
        flow = read_listed(spec.files.flow, walk[:-1] or walk) if spec.by_flow else None
        n = sum(z < spec.slab[1] for z in walk)
        edges = slab_edges(pieces, walk, n=n, flow=flow, max_gap=spec.max_gap)
    log.info("%d edges", len(edges))
    write_table(snakemake.output[0], edges)
