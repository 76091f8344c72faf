"""Statistics of the image slices of one slab by which bad ones are told."""

from ultraseg.base.files import write_table
from ultraseg.jobs.quality import QualitySlab
from ultraseg.quality.statistics import statistics_of
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_image_slice

with job(snakemake, QualitySlab) as (spec, log):
    image = spec.files.image_level()
    table = statistics_of(((z, read_image_slice(image, z)) for z in spec.zs), spec.references)
    log.info("%d slices measured", len(table))
    write_table(snakemake.output[0], table)
