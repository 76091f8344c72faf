"""Predict the probability maps of one slab."""

import json

from ultraseg.base.files import write_text
from ultraseg.networks.devices import open_device
from ultraseg.networks.precision import policy
from ultraseg.predict.predictor import load_predictor
from ultraseg.predict.slab import predict_slab
from ultraseg.run.job import job, parameters

with job(snakemake) as log:
    p, wc = parameters(snakemake), snakemake.wildcards
    device = open_device(p.device, snakemake.threads, framework="litert" if p.device == "cpu" else None)
    precision = policy(p.mixed_precision, device.compute, training=False)
    predictor = load_predictor(snakemake.input.model, snakemake.threads, p.device, precision=precision)
    folder = f"results/{wc.volume}"
    mean = predict_slab(
        predictor,
        f"{folder}/image.zarr/0",
        f"{folder}/work/probability/{wc.network}",
        slab=p.slab,
        window=p.window,
        **p.network,
    )
    log.info("slices %d to %d in %s, mean probability %.3f", p.slab[0], p.slab[1] - 1, precision, mean)
    write_text(snakemake.output.device, json.dumps(device.record(precision), indent=2))
