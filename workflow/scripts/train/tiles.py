"""Cut the training and validation tiles of one network from all its volumes."""

from ultraseg.run.job import job
from ultraseg.train.tiles import write_tiles
from ultraseg.train.volume_tiles import volume_tiles

with job(snakemake) as log:
    p = snakemake.params
    groups = (
        group
        for volume, split in p.split.items()
        for group in volume_tiles(
            f"results/{volume}",
            volume,
            split=split,
            labelled=p.labelled[volume],
            kinds=p.kinds,
            contexts=p.contexts[volume],
            **{key: value for key, value in p.network.items() if key != "z_context"},
        )
    )
    write_tiles(snakemake.output[0], groups, channels=p.channels, **p.network)
