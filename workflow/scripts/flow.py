"""Optical flow between the slices of one slab, and on to the next."""

import numpy as np
from ultraseg.flow import stack_flow
from ultraseg.job import job
from ultraseg.slices import image_stack
from ultraseg.store import write_slab

with job(snakemake) as log:
    p, wc = snakemake.params, snakemake.wildcards
    start, stop = p.slab
    image = image_stack(f"results/{wc.volume}/image.zarr/0", start, min(stop + 1, p.shape[0]), p.downsample)
    flow = stack_flow(image, **p.settings)
    # From the last slice of the stack nothing flows on.
    flow = np.concatenate([flow, np.zeros((stop - start - len(flow), *flow.shape[1:]), np.float32)])
    log.info("mean length %.2f pixels", float(np.hypot(flow[:, 0], flow[:, 1]).mean()))
    write_slab(f"results/{wc.volume}/work/flow", start, flow.astype(np.float16))
