"""Carry cell ids through one gap between labelled slices."""

from ultraseg.job import job
from ultraseg.labelstore import LabelSlices, write_slices
from ultraseg.propagate import fill_bad, propagate_gap
from ultraseg.slices import image_stack
from ultraseg.store import read_listed
from ultraseg.tiles import downsample_ids

with job(snakemake) as log:
    p, gap = snakemake.params, snakemake.params.gap
    folder = f"results/{snakemake.wildcards.volume}"
    first, last = gap["first"], gap["last"]
    with LabelSlices(snakemake.input.labels) as given:
        ends = [
            downsample_ids(given.read(z), p.downsample) if is_given else None
            for z, is_given in ((first, gap["first_given"]), (last, gap["last_given"] and last > first))
        ]
    maps = read_listed(f"{folder}/work/probability/{p.network}", p.walk)
    interior, boundary = (maps[:, channel] for channel in p.channels)
    image = image_stack(f"{folder}/image.zarr/0", p.walk, p.downsample)
    flow = read_listed(f"{folder}/work/flow", p.walk[:-1] or p.walk)
    # Only good slices are walked over; the others show the labels of the nearest one.
    labels, confidence = propagate_gap(image, flow, interior, boundary, *ends, zs=p.walk, **p.settings)
    labels, confidence = fill_bad(labels, confidence, p.walk, first, p.stand_ins)
    slices = ((first + i, {"labels": labels[i], "confidence": confidence[i]}) for i in range(len(labels)))
    write_slices(snakemake.output[0], labels.shape[1:], slices)
