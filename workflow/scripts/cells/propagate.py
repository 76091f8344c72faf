"""Carry cell ids through one gap between labelled slices."""

import numpy as np
from ultraseg.cells.gap_ends import known_slices, read_end
from ultraseg.cells.propagate import propagate_gap
from ultraseg.cells.trust import fill_bad
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_listed
from ultraseg.storage.label_slices import LabelSlices, write_slices
from ultraseg.storage.slice_stacks import image_stack

with job(snakemake) as log:
    p, gap = snakemake.params, snakemake.params.gap
    folder = f"results/{snakemake.wildcards.volume}"
    first, last = gap["first"], gap["last"]
    lent = [next(iter(files), None) for files in (snakemake.input.up, snakemake.input.down)]
    with LabelSlices(snakemake.input.labels) as given:
        ends = [
            read_end(given, z, p.downsample, file) if is_given else None
            for z, is_given, file in (
                (first, gap["first_given"] and p.direction != "down", lent[0]),
                (last, gap["last_given"] and last > first and p.direction != "up", lent[1]),
            )
        ]
    maps = read_listed(f"{folder}/work/probability/{p.network}", p.walk)
    interior, boundary = (maps[:, channel] for channel in p.channels)
    image = image_stack(f"{folder}/image.zarr/0", p.walk, p.downsample)
    flow = read_listed(f"{folder}/work/flow", p.walk[:-1] or p.walk)
    # Only good slices are walked over; the others show the labels of the nearest one.
    count = np.zeros(len(p.walk), np.int64)
    labels, confidence = propagate_gap(
        image, flow, interior, boundary, *ends, zs=p.walk, differ=count, **p.settings
    )
    labels, confidence = fill_bad(labels, confidence, p.walk, first, p.stand_ins)
    differ = np.zeros(len(labels), np.int64)
    differ[np.array(p.walk) - first] = count
    arrays = {"labels": labels, "confidence": confidence, "differ": differ}
    if p.partial:
        arrays["known"] = known_slices(ends, labels.shape)
    # Of ids for the next gap only what arrives at the far end is asked for.
    wanted = {"": range(len(labels)), "up": [len(labels) - 1], "down": [0]}[p.direction]
    slices = ((first + i, {name: values[i] for name, values in arrays.items()}) for i in wanted)
    write_slices(snakemake.output[0], labels.shape[1:], slices)
