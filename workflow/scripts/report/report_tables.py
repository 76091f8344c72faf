"""Write the tables and scores of a volume as pages."""

from pathlib import Path

import pandas as pd
from ultraseg.base.files import read_table, write_text
from ultraseg.jobs.report import ReportTables
from ultraseg.report.pages import accuracy_page, table_page
from ultraseg.run.job import job

with job(snakemake, ReportTables) as (spec, log):
    given, out = snakemake.input, snakemake.output
    files = {Path(file).stem: file for file in given.tables}
    for name in [name for name in out.keys() if name != "accuracy"]:
        table = read_table(files[name]) if name in files else pd.DataFrame()
        write_text(out[name], table_page(spec.volume, name, table, spec.files.table(name, "csv")))
    write_text(out.accuracy, accuracy_page(spec.volume, pd.read_csv(given.metrics)))
