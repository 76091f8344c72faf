"""Add the measures of all slabs up to tables."""

import pandas as pd
from ultraseg.files import write_table
from ultraseg.job import job
from ultraseg.measure import merge_measures

MEASURES = ("labels", "contacts", "joint")

with job(snakemake) as log:
    p, given = snakemake.params, snakemake.input
    parts = zip(*(given[name] for name in MEASURES), strict=True)
    partials = [
        {name: pd.read_parquet(file) for name, file in zip(MEASURES, files, strict=True)} for files in parts
    ]
    linked = "nodes" in given.keys()
    tables = merge_measures(
        partials,
        p.voxel_size_nm,
        p.shape,
        organelles=p.organelles,
        masks=p.masks,
        cell=p.containers["cell"] or "cells",
        nucleus=p.containers["nucleus"],
        protrusions=pd.read_parquet(given.protrusions) if linked else None,
        pieces=pd.read_parquet(given.nodes) if linked else None,
        cell_downsample=p.cell_downsample,
    )
    for file in snakemake.output:
        write_table(file, tables[file.rsplit("/", 1)[1].split(".")[0]])
    log.info("rows: %s", {name: len(table) for name, table in tables.items()})
