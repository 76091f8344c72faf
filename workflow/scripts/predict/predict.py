"""Predict the maps of one slab."""

import json

from ultraseg.base.files import write_text
from ultraseg.jobs.predict import Predict
from ultraseg.networks.devices import open_device
from ultraseg.networks.precision import policy
from ultraseg.predict.predictor import load_predictor
from ultraseg.predict.slab import predict_slab
from ultraseg.run.job import job

with job(snakemake, Predict) as (spec, log):
    framework = "litert" if spec.device == "cpu" else None
    device = open_device(spec.device, snakemake.threads, framework=framework)
    precision = policy(spec.mixed_precision, device.compute, training=False)
    predictor = load_predictor(
        snakemake.input.model, snakemake.threads, spec.device, precision=precision, channels=spec.channels
    )
    mean = predict_slab(
        predictor,
        spec.files.image_level(),
        spec.files.probability(spec.network),
        slab=spec.slab,
        window=spec.window,
        **spec.settings,
    )
    first, last = spec.slab[0], spec.slab[1] - 1
    log.info("slices %d to %d in %s, mean probability %.3f", first, last, precision, mean)
    write_text(snakemake.output.device, json.dumps(device.record(precision), indent=2))
