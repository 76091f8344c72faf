"""Label the objects of one structure in one slab; keep their sizes and the slab's outer faces."""

from ultraseg.base.files import write_arrays
from ultraseg.networks.card import threshold_of
from ultraseg.objects.organelles import label_slab
from ultraseg.run.job import job, parameters
from ultraseg.storage.arrays import read_slices

with job(snakemake) as log:
    p, wc = parameters(snakemake), snakemake.wildcards
    s = p.settings
    maps = read_slices(f"results/{wc.volume}/work/probability/{s['network']}", *p.slab)[:, s["channel"]]
    threshold = s["threshold"] or threshold_of(snakemake.input.card, wc.structure)
    labels, sizes = label_slab(
        maps,
        tuple(p.shape[1:]),
        downsample=s["downsample"],
        threshold=threshold,
        max_hole_pixels=s["max_hole_pixels"],
    )
    log.info("threshold %.3f: %d components in slices %d to %d", threshold, len(sizes) - 1, *p.slab)
    write_arrays(snakemake.output[0], sizes=sizes, first=labels[0], last=labels[-1])
