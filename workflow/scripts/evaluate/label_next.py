"""Rank the slices of a volume by how much labels there should help."""

from ultraseg.base.files import read_table, write_table
from ultraseg.evaluate.label_next import advice_note, advise_volume
from ultraseg.figures.label_next import advice_figure
from ultraseg.jobs.evaluate import LabelNext
from ultraseg.run.job import job

with job(snakemake, LabelNext) as (spec, log):
    given, out = snakemake.input, snakemake.output
    z_nm, y_nm, x_nm = spec.voxel_size_nm
    pixel_nm = (z_nm, y_nm * spec.downsample, x_nm * spec.downsample)
    nodes = read_table(given.nodes, columns=["z", "area", "confidence", "outcome"])
    slices = read_table(given.slices)
    ranked, table = advise_volume(nodes, slices, given.propagated, spec.labelled, pixel_nm)
    write_table(out.parquet, table)
    write_table(out.csv, table)
    advice_figure(ranked, pixel_nm[1] * pixel_nm[2] / 1e6, out.figure)
    log.info("%s", advice_note(table))
