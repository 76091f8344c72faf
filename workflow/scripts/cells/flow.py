"""Optical flow between the good slices of one slab, and on to the next good one."""

import numpy as np
from ultraseg.cells.flow import stack_flow
from ultraseg.evaluate.choose_method import method_of
from ultraseg.grid.gaps import FLOW
from ultraseg.jobs.cells import Flow
from ultraseg.run.job import job
from ultraseg.storage.arrays import write_slab
from ultraseg.storage.slice_stacks import image_stack

with job(snakemake, Flow) as (spec, log):
    start, stop = spec.slab
    # From the last slice of the stack and from bad slices nothing flows on.
    flow = np.zeros((stop - start, 4, *spec.plane), np.float16)
    if method_of(spec.method, snakemake.input.chosen) != FLOW:
        log.info("ids are carried in three dimensions: nothing needs the flow, and it stays zero")
    elif len(spec.walk) > 1:
        images = image_stack(spec.files.image_level(), spec.walk, spec.downsample)
        found = stack_flow(images, **spec.settings)
        log.info("mean length %.2f pixels", float(np.hypot(found[:, 0], found[:, 1]).mean()))
        flow[[z - start for z in spec.walk[:-1]]] = found
    write_slab(spec.files.flow, start, flow)
