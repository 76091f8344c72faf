"""Write the final objects, or the mask, of one structure in one slab at all pyramid levels."""

import numpy as np
from ultraseg.arrays.labels import count_ids
from ultraseg.jobs.objects import Objects
from ultraseg.networks.card import threshold_of
from ultraseg.objects.organelles import final_labels, mask_slab
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_slices
from ultraseg.storage.pyramid import levels_of, reduce_labels, write_pyramid

with job(snakemake, Objects) as (spec, log):
    if spec.merged:
        with np.load(snakemake.input.labelled) as slab, np.load(snakemake.input.merged) as tables:
            labels = final_labels(slab["mask"], spec.shape[2], tables[str(spec.number)])
    else:
        labels = mask_slab(
            read_slices(spec.files.probability(spec.network), *spec.slab)[:, spec.channel],
            spec.shape[1:],
            downsample=spec.downsample,
            threshold=spec.threshold or threshold_of(snakemake.input.card, spec.structure),
        ).astype(np.uint32)
    log.info("%d ids in slices %d to %d", count_ids(labels), *spec.slab)
    group = spec.files.labels(spec.structure)
    write_pyramid(group, spec.slab[0], labels, levels_of(spec.factors), reduce_labels)
