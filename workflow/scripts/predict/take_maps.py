"""Take the maps of one slab over from another program."""

from ultraseg.jobs.predict import TakeMaps
from ultraseg.predict.take_maps import limits_of, take_slab
from ultraseg.run.job import job

with job(snakemake, TakeMaps) as (spec, log):
    mean = take_slab(
        [*spec.maps.values()],
        limits_of(snakemake.input.card, spec.volume, spec.given),
        spec.files.probability(spec.network),
        slab=spec.slab,
        shown=spec.shown,
        plane=spec.plane,
        crop=spec.crop,
        downsample=spec.downsample,
    )
    log.info("slices %d to %d, mean probability %.3f", spec.slab[0], spec.slab[1] - 1, mean)
