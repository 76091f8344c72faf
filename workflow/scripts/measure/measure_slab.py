"""Measure the final labels of one slab, slice by slice, so that only two slices are in memory."""

from ultraseg.base.files import write_table
from ultraseg.jobs.measure import MeasureSlab
from ultraseg.measure.slab import measure_slices
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_slices

with job(snakemake, MeasureSlab) as (spec, log):
    arrays = {s: spec.files.labels_level(s) for s in spec.structures}
    measures = measure_slices(
        lambda z: {s: read_slices(array, z, z + 1) for s, array in arrays.items()},
        spec.slab,
        spec.n_slices,
        within=spec.containers,
        touching=spec.touching,
    )
    for name, table in measures.items():
        write_table(snakemake.output[name], table)
    log.info("%d objects", len(measures["labels"]))
