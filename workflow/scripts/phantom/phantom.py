"""Write a phantom: slices, sparse labels and dense truth."""

from pathlib import Path

from ultraseg.phantom.volume import write_phantom
from ultraseg.run.job import job

with job(snakemake) as log:
    settings = dict(snakemake.params.settings)
    every = settings.pop("label_every")
    labelled = settings.pop("labelled")
    log.info("labels on every %d. slice: %s", every, labelled)
    write_phantom(
        str(Path(snakemake.output[0]).parents[1]),  # .../image/z0000.tif
        label_slices=labelled,
        voxel_size_nm=snakemake.params.voxel_size_nm,
        **settings,
    )
