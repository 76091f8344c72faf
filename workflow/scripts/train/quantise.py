"""Write a network in 8-bit integers, where validation slices prove the integers as good."""

import json

from ultraseg.base.files import write_text
from ultraseg.jobs.train import Quantise
from ultraseg.networks.devices import open_device
from ultraseg.run.job import job

with job(snakemake, Quantise) as (spec, log):
    open_device("cpu", snakemake.threads, framework="tensorflow")
    # Keras reads the limits when it is imported.
    from ultraseg.networks.architecture import load_network
    from ultraseg.networks.export import fixed_size
    from ultraseg.networks.model_file import read_card
    from ultraseg.predict.quantise import write_int8
    from ultraseg.train.tiles import read_tiles

    files, out = snakemake.input, snakemake.output
    card = read_card(files.keras)
    about = card["settings"]
    model = fixed_size(load_network(files.keras), about["architecture"], about["filters"], spec.tile)
    (tiles, _), (held, _) = (read_tiles(files.tiles, split) for split in ("train", "validation"))
    proof = write_int8(
        model, files.tflite, out.tflite, tiles, held, card,
        threads=snakemake.threads, tile=spec.tile, overlap=spec.overlap, stride=spec.stride,
    )  # fmt: skip
    for name, dice in proof.items():
        log.info("%s: Dice %.4f in float32, %.4f in int8", name, dice["float32"], dice["int8"])
    write_text(out.proof, json.dumps(proof, indent=2))
