"""Train one network; write it with its history and its card."""

from ultraseg.checkpoints import hold
from ultraseg.devices import data_parallel, open_device
from ultraseg.job import job

with job(snakemake) as log:
    device = open_device(snakemake.params.device, snakemake.threads, snakemake.params.gpus)
    # Keras reads the limits when it is imported.
    from ultraseg.card import write_card
    from ultraseg.precision import policy
    from ultraseg.train import Augmentation, export_network, train_network

    p, out = snakemake.params, snakemake.output
    precision = policy(p.mixed_precision, device.compute, training=True)
    settings = dict(p.settings)
    lock = hold(p.checkpoint)  # until this process ends
    augmentation = Augmentation(**settings.pop("augmentation"))
    result = train_network(
        snakemake.input[0],
        p.checkpoint,
        augmentation=augmentation,
        precision=precision,
        devices=p.gpus,
        scope=data_parallel(p.gpus, p.device),
        # What alters the numbers beside the settings; another number of GPUs may take over.
        code=f"{p.code} {p.mixed_precision}",
        **settings,
    )
    export_network(
        result.model,
        out.keras,
        out.tflite,
        architecture=settings["architecture"],
        filters=settings["filters"],
        tile=p.predict_tile,
    )
    write_card(out.card, out.history, result, p.about, settings, device.record(precision))
