"""Write a phantom: slices, sparse labels and dense truth."""

from pathlib import Path

from ultraseg.jobs.ingest import Phantom
from ultraseg.phantom.volume import write_phantom
from ultraseg.run.job import job

with job(snakemake, Phantom) as (spec, log):
    settings = dict(spec.settings)
    every, labelled = settings.pop("label_every"), settings.pop("labelled")
    log.info("labels on every %d. slice: %s", every, labelled)
    folder = Path(snakemake.output[0]).parents[1]  # of .../image/z0000.tif
    write_phantom(str(folder), label_slices=labelled, voxel_size_nm=spec.voxel_size_nm, **settings)
