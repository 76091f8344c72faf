"""Predict the cuts between the cells of one brick along all three axes."""

from ultraseg.jobs.predict import Cuts
from ultraseg.predict.brick import predict_brick
from ultraseg.predict.predictor import open_predictor
from ultraseg.run.job import job

with job(snakemake, Cuts) as (spec, log):
    predictor, _, precision = open_predictor(
        snakemake.input.model, spec.device, snakemake.threads, spec.mixed_precision, spec.channels
    )
    mean = predict_brick(
        predictor,
        spec.files.image_level(),
        spec.files.probability(spec.network),
        spec.files.cuts,
        brick=spec.brick,
        read=spec.read,
        rows=slice(*spec.rows),
        channels=spec.channels,
        **spec.settings,
    )
    log.info("steps %d to %d in %s, mean cut %.3f", spec.brick[0], spec.brick[1] - 1, precision, mean)
