"""Rank the slices of a volume by how much labels there should help."""

import pandas as pd
from ultraseg.base.files import write_table
from ultraseg.evaluate.label_next import advice_note, advice_table, advise, doubt_table
from ultraseg.figures.label_next import advice_figure
from ultraseg.run.job import job
from ultraseg.storage.label_slices import LabelSlices

with job(snakemake) as log:
    p, given, out = snakemake.params, snakemake.input, snakemake.output
    nodes = pd.read_parquet(given.nodes, columns=["z", "area", "confidence", "outcome"])
    slices = pd.read_parquet(given.slices)
    differ = {}
    for file in given.propagated:
        with LabelSlices(file) as carried:
            differ |= {z: int(carried.read(z, "differ")) for z in carried.zs}
    bad = slices.loc[slices["bad"] | slices["missing"], "z"]
    doubt = doubt_table(nodes, differ, p.labelled, bad, len(slices))
    ranked = advise(doubt, avoid=slices.loc[slices["flagged"], "z"])
    pixel_nm = (p.voxel_size_nm[0], *(size * p.downsample for size in p.voxel_size_nm[1:]))
    table = advice_table(ranked, slices, pixel_nm)
    write_table(out.parquet, table)
    write_table(out.csv, table)
    advice_figure(ranked, pixel_nm[1] * pixel_nm[2] / 1e6, out.figure)
    log.info("%s", advice_note(table))
