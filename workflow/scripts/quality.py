"""Compare every slice with those around it; table and figure of the slices of a volume."""

import pandas as pd
from ultraseg.base.files import write_table
from ultraseg.figures.slice_quality import slices_figure
from ultraseg.quality.flags import defect_thresholds, quality_note, slice_table
from ultraseg.run.job import job

with job(snakemake) as log:
    p, out = snakemake.params, snakemake.output
    statistics = pd.concat([pd.read_parquet(file) for file in snakemake.input], ignore_index=True)
    table = slice_table(statistics, pd.DataFrame(p.slices), **p.settings)
    write_table(out.parquet, table)
    write_table(out.csv, table)
    slices_figure(table, defect_thresholds(p.settings), out.figure)
    log.info("%d of %d slices flagged", int(table["flagged"].sum()), len(table))
    note = quality_note(table, p.first)
    if note:
        log.warning("%s: %s", snakemake.wildcards.volume, note)
