"""Train one network; write it with its history and its card."""

from ultraseg.jobs.train import Train
from ultraseg.networks.devices import data_parallel, open_device
from ultraseg.run.job import job
from ultraseg.train.checkpoints import hold

with job(snakemake, Train) as (spec, log):
    device = open_device(spec.device, snakemake.threads, spec.gpus)
    # Keras reads the limits when it is imported.
    from ultraseg.networks.card import write_card, write_history
    from ultraseg.networks.export import export_network
    from ultraseg.networks.precision import policy
    from ultraseg.train.checkpoints import file_hash
    from ultraseg.train.result import make_card
    from ultraseg.train.settings import Compute, TrainSettings
    from ultraseg.train.train_network import train_network

    tiles, out, settings = snakemake.input.tiles, snakemake.output, TrainSettings.of(spec.settings)
    precision = policy(spec.mixed_precision, device.compute, training=True)
    lock = hold(spec.files.checkpoint)  # until this process ends
    result = train_network(
        tiles,
        spec.files.checkpoint,
        settings,
        Compute(precision, spec.gpus, data_parallel(spec.gpus, spec.device)),
        # What alters the numbers beside the settings; another number of GPUs may take over.
        code=f"{snakemake.params.code} {spec.mixed_precision}",
        init_from=next(iter(snakemake.input.init_from), None),
    )
    shape = {"architecture": settings.architecture, "filters": list(settings.all_filters)}
    card = make_card(result, spec.about, spec.settings | shape, device.record(precision), file_hash(tiles))
    export_network(result.model, out.keras, out.tflite, **shape, tile=spec.predict_tile, card=card)
    write_card(out.card, card, out.keras)
    write_history(out.history, result.history)
