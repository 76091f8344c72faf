"""Optical flow between the good slices of one slab, and on to the next good one."""

import numpy as np
from ultraseg.cells.flow import stack_flow
from ultraseg.run.job import job, parameters
from ultraseg.storage.arrays import write_slab
from ultraseg.storage.slice_stacks import image_stack

with job(snakemake) as log:
    p, wc = parameters(snakemake), snakemake.wildcards
    start, stop = p.slab
    # From the last slice of the stack and from bad slices nothing flows on.
    flow = np.zeros((stop - start, 4, *p.plane), np.float16)
    if len(p.walk) > 1:
        found = stack_flow(
            image_stack(f"results/{wc.volume}/image.zarr/0", p.walk, p.downsample), **p.settings
        )
        log.info("mean length %.2f pixels", float(np.hypot(found[:, 0], found[:, 1]).mean()))
        flow[[z - start for z in p.walk[:-1]]] = found
    write_slab(f"results/{wc.volume}/work/flow", start, flow)
