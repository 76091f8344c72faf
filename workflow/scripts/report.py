"""Let Snakemake pack its report of this run into one zip file."""

from ultraseg.job import job
from ultraseg.reporting import write_report

with job(snakemake):
    p = snakemake.params
    write_report(snakemake.output[0], p.snakefile, p.config, snakemake.input.stylesheet)
