"""Read the image slices of one slab and write them at all pyramid levels."""

import numpy as np
from ultraseg.arrays.grey_values import stored_as
from ultraseg.ingest.fill_missing import fill_missing
from ultraseg.ingest.grey_window import known_window
from ultraseg.ingest.read_slices import read_stored
from ultraseg.ingest.slice_source import SliceRef
from ultraseg.run.job import job, parameters
from ultraseg.storage.pyramid import levels_of, reduce_image, write_pyramid

with job(snakemake) as log:
    p = parameters(snakemake)
    refs = [SliceRef(*ref) for ref in p.slices]
    stored = stored_as(p.dtype, known_window(p.window, snakemake.input.window), p.bit_depth)
    log.info("%s stored with %d bits, window %s", p.dtype, p.bit_depth, list(stored.window))
    slices = read_stored(refs, p.plane, p.dtype, stored, p.crop, snakemake.threads)
    start, stop = p.slab
    if p.bridges:  # missing slices are mixed from others, which must all be at hand
        slices = iter(fill_missing(np.stack(list(slices)), [ref.z for ref in refs], start, stop, p.bridges))
        log.info("missing slices bridged: %s", dict(p.bridges))
    group = f"results/{snakemake.wildcards.volume}/image.zarr"
    write_pyramid(group, start, slices, levels_of(p.levels), reduce_image, stop - start)
    log.info("slices %d to %d", start, stop - 1)
