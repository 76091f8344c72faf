"""Make the cuts between the cells of one brick from the affinities of another program."""

from ultraseg.jobs.predict import TakeCuts
from ultraseg.predict.take_cuts import take_brick
from ultraseg.predict.take_maps import limits_of
from ultraseg.run.job import job

with job(snakemake, TakeCuts) as (spec, log):
    (limits,) = limits_of(snakemake.input.card, spec.volume, [spec.source.key])
    mean = take_brick(
        spec.source,
        limits,
        spec.files.cuts,
        brick=spec.brick,
        shown=spec.shown,
        crop=spec.crop,
        downsample=spec.downsample,
    )
    log.info("steps %d to %d, mean cut %.3f", spec.brick[0], spec.brick[1] - 1, mean)
