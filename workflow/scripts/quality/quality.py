"""Compare every slice with those around it; table and figure of the slices of a volume."""

import pandas as pd
from ultraseg.base.files import read_table, write_table
from ultraseg.figures.slice_quality import slices_figure
from ultraseg.jobs.quality import Quality
from ultraseg.quality.flags import defect_thresholds, quality_note, slice_table
from ultraseg.run.job import job

with job(snakemake, Quality) as (spec, log):
    out = snakemake.output
    statistics = pd.concat([read_table(file) for file in snakemake.input.slabs], ignore_index=True)
    table = slice_table(statistics, pd.DataFrame(spec.slices), **spec.settings)
    write_table(out.parquet, table)
    write_table(out.csv, table)
    slices_figure(table, defect_thresholds(spec.settings), out.figure)
    log.info("%d of %d slices flagged", int(table["flagged"].sum()), len(table))
    if note := quality_note(table, spec.first):
        log.warning("%s: %s", spec.volume, note)
