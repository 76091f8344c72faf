"""Train one network; write it with its history and its card."""

from ultraseg.jobs.train import Train
from ultraseg.networks.devices import data_parallel, open_device
from ultraseg.run.job import job
from ultraseg.train.checkpoints import hold

with job(snakemake, Train) as (spec, log):
    device = open_device(spec.device, snakemake.threads, spec.gpus)
    # Keras reads the limits when it is imported.
    from ultraseg.networks.card import make_card, write_card, write_history
    from ultraseg.networks.export import export_network
    from ultraseg.networks.precision import policy
    from ultraseg.networks.sizes import FILTERS
    from ultraseg.train.augment import Augmentation
    from ultraseg.train.checkpoints import file_hash
    from ultraseg.train.train_network import train_network

    tiles, out, settings = snakemake.input.tiles, snakemake.output, dict(spec.settings)
    precision = policy(spec.mixed_precision, device.compute, training=True)
    lock = hold(spec.files.checkpoint)  # until this process ends
    result = train_network(
        tiles,
        spec.files.checkpoint,
        precision=precision,
        devices=spec.gpus,
        scope=data_parallel(spec.gpus, spec.device),
        # What alters the numbers beside the settings; another number of GPUs may take over.
        code=f"{snakemake.params.code} {spec.mixed_precision}",
        init_from=next(iter(snakemake.input.init_from), None),
        **settings | {"augmentation": Augmentation(**settings["augmentation"])},
    )
    shape = {"architecture": settings["architecture"]}
    shape["filters"] = list(settings["filters"] or FILTERS[settings["architecture"]])
    card = make_card(result, spec.about, settings | shape, device.record(precision), file_hash(tiles))
    export_network(result.model, out.keras, out.tflite, **shape, tile=spec.predict_tile, card=card)
    write_card(out.card, card, out.keras)
    write_history(out.history, result.history)
