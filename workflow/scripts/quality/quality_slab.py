"""Statistics of the image slices of one slab by which bad ones are told."""

from ultraseg.base.files import write_table
from ultraseg.quality.statistics import statistics_of
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_image

with job(snakemake) as log:
    p = snakemake.params
    image = f"results/{snakemake.wildcards.volume}/image.zarr/0"
    zs = sorted({*p.references, *(z for z in p.references.values() if z is not None)})
    table = statistics_of(((z, read_image(image, z, z + 1)[0]) for z in zs), p.references)
    log.info("%d slices measured", len(table))
    write_table(snakemake.output[0], table)
