"""Cut the training and validation tiles of one network from all its volumes."""

from ultraseg.grid.paths import VolumeFiles
from ultraseg.jobs.train import Tiles
from ultraseg.run.job import job
from ultraseg.train.tiles import write_tiles
from ultraseg.train.volume_tiles import volume_tiles

with job(snakemake, Tiles) as (spec, log):
    settings = {key: value for key, value in spec.settings.items() if key != "z_context"}
    groups = (
        group
        for volume, split in spec.split.items()
        for group in volume_tiles(
            VolumeFiles.of(volume).folder,
            volume,
            split=split,
            labelled=spec.labelled[volume],
            kinds=spec.kinds,
            contexts=spec.contexts[volume],
            cuts=spec.cuts,
            **settings,
        )
    )
    write_tiles(snakemake.output[0], groups, channels=spec.channels, **spec.settings)
