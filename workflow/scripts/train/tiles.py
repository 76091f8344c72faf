"""Cut the training and validation tiles of one network from all its volumes."""

from itertools import chain

from ultraseg.grid.paths import VolumeFiles
from ultraseg.jobs.train import Tiles
from ultraseg.run.job import job
from ultraseg.train.tiles import write_tiles
from ultraseg.train.volume_tiles import plane_tiles, volume_tiles

with job(snakemake, Tiles) as (spec, log):
    context = spec.settings["z_context"]
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
    across = (
        group
        for volume, told in spec.planes.items()
        for group in plane_tiles(
            VolumeFiles.of(volume).folder,
            volume,
            kinds=spec.kinds,
            z_context=context,
            cuts=spec.cuts,
            **told,
            **settings,
        )
    )
    groups = chain(groups, across)
    write_tiles(snakemake.output[0], groups, channels=spec.channels, **spec.settings)
