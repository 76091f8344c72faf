"""Draw what augmentation does to the training crops of one network."""

from ultraseg.augment import Augmentation
from ultraseg.figures_augment import augmentation_figure
from ultraseg.job import job
from ultraseg.tiles import read_tiles

with job(snakemake):
    p = snakemake.params
    tiles, _ = read_tiles(snakemake.input[0], "train")
    augmentation_figure(
        tiles, Augmentation(**p.augmentation), p.crop, snakemake.output[0], snakemake.wildcards.network
    )
