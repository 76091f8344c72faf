"""Draw what augmentation does to the training crops of one network."""

from ultraseg.figures.augmentation import augmentation_figure
from ultraseg.jobs.train import AugmentationFigure
from ultraseg.run.job import job
from ultraseg.train.augment import Augmentation
from ultraseg.train.tiles import read_tiles

with job(snakemake, AugmentationFigure) as (spec, log):
    tiles, _ = read_tiles(snakemake.input.tiles, "train")
    settings = Augmentation(**spec.augmentation)
    augmentation_figure(tiles, settings, spec.crop, snakemake.output[0], spec.network)
