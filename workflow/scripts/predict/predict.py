"""Predict the maps of one slab."""

import json

from ultraseg.base.files import write_text
from ultraseg.jobs.predict import Predict
from ultraseg.predict.predictor import open_predictor
from ultraseg.predict.slab import predict_slab
from ultraseg.run.job import job

with job(snakemake, Predict) as (spec, log):
    predictor, device, precision = open_predictor(
        snakemake.input.model, spec.device, snakemake.threads, spec.mixed_precision, spec.channels
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
