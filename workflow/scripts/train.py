"""Train one network; write it with its history and its card."""

from ultraseg.job import job
from ultraseg.threads import limit_tensorflow

limit_tensorflow(snakemake.threads, snakemake.params.device)

from ultraseg.card import write_card  # noqa: E402 - Keras must see the limits above first
from ultraseg.train import Augmentation, export_network, train_network  # noqa: E402

with job(snakemake) as log:
    p, out = snakemake.params, snakemake.output
    settings = dict(p.settings)
    augmentation = Augmentation(**settings.pop("augmentation"))
    result = train_network(snakemake.input[0], p.checkpoint, augmentation=augmentation, **settings)
    export_network(
        result.model,
        out.keras,
        out.tflite,
        architecture=settings["architecture"],
        filters=settings["filters"],
        tile=p.predict_tile,
    )
    write_card(out.card, out.history, result, p.about, settings, p.device)
