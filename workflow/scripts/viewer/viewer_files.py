"""Write page, client, state and surfaces of a volume."""

from ultraseg.jobs.figures import ViewerFiles
from ultraseg.run.job import job
from ultraseg.viewer.page import write_viewer

with job(snakemake, ViewerFiles) as (spec, log):
    log.info("surfaces: %s", write_viewer(spec.files.folder, snakemake.output[0]))
