"""Read the image slices of one slab and write them at all pyramid levels."""

from ultraseg.arrays.grey_values import stored_as
from ultraseg.ingest.fill_missing import with_missing
from ultraseg.ingest.grey_window import known_window
from ultraseg.ingest.read_slices import read_stored
from ultraseg.jobs.ingest import Ingest
from ultraseg.run.job import job
from ultraseg.storage.pyramid import levels_of, reduce_image, write_pyramid

with job(snakemake, Ingest) as (spec, log):
    stored = stored_as(spec.dtype, known_window(spec.window, snakemake.input.window), spec.bit_depth)
    log.info("%s stored with %d bits, window %s", spec.dtype, spec.bit_depth, list(stored.window))
    slices = read_stored(spec.slices, spec.plane, spec.dtype, stored, spec.crop, snakemake.threads)
    slices = with_missing(slices, [ref.z for ref in spec.slices], *spec.slab, spec.bridges)
    write_pyramid(spec.files.image, spec.slab[0], slices, levels_of(spec.factors), reduce_image, spec.depth)
    log.info("slices %d to %d, bridged: %s", spec.slab[0], spec.slab[1] - 1, spec.bridges or "none")
