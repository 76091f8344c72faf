"""Write the final objects of one structure in one slab at all pyramid levels."""

import numpy as np
from ultraseg.arrays.labels import count_ids, relabel_in_place
from ultraseg.networks.card import threshold_of
from ultraseg.objects.organelles import label_slab, mask_slab
from ultraseg.run.job import job, parameters
from ultraseg.storage.arrays import read_slices
from ultraseg.storage.pyramid import levels_of, reduce_labels, write_pyramid

with job(snakemake) as log:
    p, wc = parameters(snakemake), snakemake.wildcards
    s = p.settings
    maps = read_slices(f"results/{wc.volume}/work/probability/{s['network']}", *p.slab)[:, s["channel"]]
    threshold = s["threshold"] or threshold_of(snakemake.input.card, wc.structure)
    settings = dict(downsample=s["downsample"], threshold=threshold, max_hole_pixels=s["max_hole_pixels"])
    if snakemake.input.merged:
        # Labelling again costs less than storing the labels of every slab twice.
        labels, _ = label_slab(maps, tuple(p.shape[1:]), **settings)
        with np.load(str(snakemake.input.merged)) as tables:
            relabel_in_place(labels, tables[str(p.slab_number)])
    else:
        labels = mask_slab(maps, tuple(p.shape[1:]), **settings).astype(np.uint32)
    log.info("%d ids in slices %d to %d", count_ids(labels), *p.slab)
    group = f"results/{wc.volume}/image.zarr/labels/{wc.structure}"
    write_pyramid(group, p.slab[0], labels, levels_of(p.levels), reduce_labels)
