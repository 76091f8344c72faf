"""Write the final objects, or the mask, of one structure in one slab at all pyramid levels."""

import numpy as np
from ultraseg.arrays.labels import count_ids
from ultraseg.jobs.objects import Objects
from ultraseg.networks.card import threshold_of
from ultraseg.objects.organelles import final_labels, smooth_along_z
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_slices
from ultraseg.storage.pyramid import levels_of, reduce_labels, write_pyramid

with job(snakemake, Objects) as (spec, log):
    near = read_slices(spec.files.probability(spec.network), *spec.read)[:, spec.channel]
    maps = smooth_along_z(near, [z - spec.read[0] for z in spec.shown], spec.good, spec.deviation)
    final_ids = None
    for file in snakemake.input.merged:
        with np.load(file) as tables:
            final_ids = tables[str(spec.number)]
    labels = final_labels(
        maps,
        spec.shape[1:],
        final_ids,
        downsample=spec.downsample,
        threshold=spec.threshold or threshold_of(snakemake.input.card, spec.structure),
        max_hole_pixels=spec.max_hole_pixels,
    )
    log.info("%d ids in slices %d to %d", count_ids(labels), *spec.slab)
    group = spec.files.labels(spec.structure)
    write_pyramid(group, spec.slab[0], labels, levels_of(spec.factors), reduce_labels)
