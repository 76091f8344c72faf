"""Train one network; write it with its history and its card."""

import shutil

from ultraseg.job import job
from ultraseg.threads import limit_tensorflow

with job(snakemake) as log:
    limit_tensorflow(snakemake.threads, snakemake.params.device)
    # Keras reads the limits when it is imported.
    from ultraseg.card import write_card
    from ultraseg.train import Augmentation, export_network, train_network

    p, out = snakemake.params, snakemake.output
    settings = dict(p.settings)
    augmentation = Augmentation(**settings.pop("augmentation"))
    result = train_network(
        snakemake.input[0], p.checkpoint, augmentation=augmentation, code=p.code, **settings
    )
    export_network(
        result.model,
        out.keras,
        out.tflite,
        architecture=settings["architecture"],
        filters=settings["filters"],
        tile=p.predict_tile,
    )
    write_card(out.card, out.history, result, p.about, settings, p.device)
    # The checkpoint served this training; a later one, forced by hand, shall not find it finished.
    shutil.rmtree(p.checkpoint)
