"""Train one network; write it with its history and its card."""

from ultraseg.networks.devices import data_parallel, open_device
from ultraseg.run.job import job
from ultraseg.train.checkpoints import hold

with job(snakemake) as log:
    device = open_device(snakemake.params.device, snakemake.threads, snakemake.params.gpus)
    # Keras reads the limits when it is imported.
    from ultraseg.networks.card import write_card, write_history
    from ultraseg.networks.export import export_network
    from ultraseg.networks.precision import policy
    from ultraseg.train.checkpoints import file_hash
    from ultraseg.train.result import make_card
    from ultraseg.train.settings import Compute, TrainSettings
    from ultraseg.train.train_network import train_network

    p, out = snakemake.params, snakemake.output
    precision = policy(p.mixed_precision, device.compute, training=True)
    settings = TrainSettings.of(p.settings)
    lock = hold(p.checkpoint)  # until this process ends
    result = train_network(
        snakemake.input.tiles,
        p.checkpoint,
        settings,
        Compute(precision, p.gpus, data_parallel(p.gpus, p.device)),
        # What alters the numbers beside the settings; another number of GPUs may take over.
        code=f"{p.code} {p.mixed_precision}",
        init_from=snakemake.input.get("init_from") or None,
    )
    told = dict(p.settings) | {"filters": list(settings.all_filters)}
    card = make_card(result, p.about, told, device.record(precision), file_hash(snakemake.input.tiles))
    export_network(
        result.model,
        out.keras,
        out.tflite,
        architecture=settings.architecture,
        filters=settings.all_filters,
        tile=p.predict_tile,
        card=card,
    )
    write_card(out.card, card, out.keras)
    write_history(out.history, result.history)
