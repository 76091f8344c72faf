"""Predict the cuts between the cells of one brick along all three axes."""

from ultraseg.jobs.predict import Cuts
from ultraseg.networks.devices import open_device
from ultraseg.networks.precision import policy
from ultraseg.predict.brick import predict_brick
from ultraseg.predict.predictor import load_predictor
from ultraseg.run.job import job

with job(snakemake, Cuts) as (spec, log):
    device = open_device(spec.device, snakemake.threads)
    precision = policy(spec.mixed_precision, device.compute, training=False)
    predictor = load_predictor(
        snakemake.input.model, snakemake.threads, spec.device, precision=precision, channels=spec.channels
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
    log.info("slices %d to %d, mean cut %.3f", spec.brick[0], spec.brick[1] - 1, mean)
