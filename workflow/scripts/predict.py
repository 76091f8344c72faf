"""Predict the probability maps of one slab."""

import json

from ultraseg.devices import open_device
from ultraseg.files import write_text
from ultraseg.job import job
from ultraseg.precision import policy
from ultraseg.predict import load_predictor, predict_slices
from ultraseg.slices import image_stack
from ultraseg.store import write_slab

with job(snakemake) as log:
    p, wc = snakemake.params, snakemake.wildcards
    net, (start, stop) = p.network, p.slab
    folder = f"results/{wc.volume}"
    device = open_device(p.device, snakemake.threads, framework="litert" if p.device == "cpu" else None)
    precision = policy(p.mixed_precision, device.compute, training=False)
    read, shown = p.window
    image = image_stack(f"{folder}/image.zarr/0", read, net["downsample"])
    predictor = load_predictor(snakemake.input.model, snakemake.threads, p.device, precision=precision)
    maps = predict_slices(
        predictor, image, z_context=net["z_context"], tile=net["predict_tile"], overlap=net["overlap"]
    )
    log.info("slices %d to %d in %s, mean probability %.3f", start, stop - 1, precision, maps.mean() / 255)
    if shown != list(range(stop - start)):
        log.info("bad slices show the maps of the nearest good slice")
        maps = maps[shown]
    write_text(snakemake.output.device, json.dumps(device.record(precision), indent=2))
    write_slab(f"{folder}/work/probability/{wc.network}", start, maps)
