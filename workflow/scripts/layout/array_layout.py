"""Write the zarr.json of arrays and groups."""

from ultraseg.jobs.layout import ArrayLayout
from ultraseg.run.job import job
from ultraseg.storage.create import create

with job(snakemake, ArrayLayout) as (spec, log):
    for path, about in spec.layout.items():
        create(path, about)
        log.info("%s: %s", path, about.get("shape", "group"))
