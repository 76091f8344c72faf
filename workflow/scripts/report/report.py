"""Let Snakemake pack its report of this run into one zip file."""

from ultraseg.report.snakemake_report import size_warning, write_report
from ultraseg.run.job import job

with job(snakemake, dict) as (spec, log):
    write_report(snakemake.output[0], spec["snakefile"], spec["config"], snakemake.input.stylesheet)
    if warning := size_warning(snakemake.output[0]):
        log.warning("%s", warning)
