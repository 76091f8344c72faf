"""Predict the probability maps of one slab."""

from ultraseg.job import job
from ultraseg.predict import load_predictor, predict_slices
from ultraseg.slices import context_stack
from ultraseg.store import write_slab

with job(snakemake) as log:
    p, wc = snakemake.params, snakemake.wildcards
    net, (start, stop) = p.network, p.slab
    folder = f"results/{wc.volume}"
    image = context_stack(
        f"{folder}/image.zarr/0", start, stop, p.shape[0], net["z_context"], net["downsample"]
    )
    predictor = load_predictor(snakemake.input.model, snakemake.threads, p.device)
    maps = predict_slices(
        predictor, image, z_context=net["z_context"], tile=net["predict_tile"], overlap=net["overlap"]
    )
    log.info("slices %d to %d on %s, mean probability %.3f", start, stop - 1, p.device, maps.mean() / 255)
    write_slab(f"{folder}/work/probability/{wc.network}", start, maps)
