"""Write page, client, state and surfaces of a volume."""

from pathlib import Path

from ultraseg.run.job import job
from ultraseg.viewer.page import write_viewer

with job(snakemake) as log:
    written = write_viewer(Path(snakemake.output[0]).parent, snakemake.output[0])
    log.info("surfaces: %s", written)
