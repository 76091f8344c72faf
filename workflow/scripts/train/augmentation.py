"""Draw what augmentation does to the training crops of one network."""

from ultraseg.figures.augmentation import augmentation_figure
from ultraseg.run.job import job
from ultraseg.train.augment import Augmentation
from ultraseg.train.tiles import read_tiles

with job(snakemake):
    p = snakemake.params
    tiles, _ = read_tiles(snakemake.input[0], "train")
    augmentation_figure(
        tiles, Augmentation(**p.augmentation), p.crop, snakemake.output[0], snakemake.wildcards.network
    )
