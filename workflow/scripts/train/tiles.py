"""Cut the training and validation tiles of one network from all its volumes."""

from ultraseg.grid.paths import VolumeFiles
from ultraseg.jobs.train import Tiles
from ultraseg.run.job import job
from ultraseg.train.tiles import write_tiles
from ultraseg.train.volume_tiles import plane_tiles, volume_tiles

with job(snakemake, Tiles) as (spec, log):
    context = {"z_context": spec.settings["z_context"]}
    settings = {key: value for key, value in spec.settings.items() if key not in context}
    settings |= {"kinds": spec.kinds, "cuts": spec.cuts}
    slices = {
        volume: {"split": split, "labelled": spec.labelled[volume], "contexts": spec.contexts[volume]}
        for volume, split in spec.split.items()
    }
    planes = {volume: told | context for volume, told in spec.planes.items()}
    groups = (
        group
        for cut, volumes in ((volume_tiles, slices), (plane_tiles, planes))
        for volume, told in volumes.items()
        for group in cut(VolumeFiles.of(volume).folder, volume, **told, **settings)
    )
    write_tiles(snakemake.output[0], groups, channels=spec.channels, **spec.settings)
