"""Take a network over that was trained before: the same files as after training."""

from ultraseg.jobs.train import Adopt
from ultraseg.networks.devices import open_device
from ultraseg.run.job import job

with job(snakemake, Adopt) as (spec, log):
    open_device("cpu", snakemake.threads)
    # Keras reads the limits when it is imported.
    from ultraseg.networks.architecture import check_card, load_network
    from ultraseg.networks.card import write_card
    from ultraseg.networks.export import export_network
    from ultraseg.networks.model_file import read_card

    model, out = snakemake.input.model, snakemake.output
    card = read_card(model) | {"network": spec.network, "taken_from": model}
    network = load_network(model)
    check_card(model, network, card)
    export_network(
        network,
        out.keras,
        out.tflite,
        architecture=spec.architecture,
        filters=spec.filters,
        tile=spec.predict_tile,
        card=card,
    )
    write_card(out.card, card, out.keras)
