"""Join the components of all slabs of one structure into numbered objects."""

import numpy as np
from ultraseg.base.files import write_arrays
from ultraseg.jobs.objects import ObjectsMerge
from ultraseg.objects.organelles import face_pairs, merge_slabs
from ultraseg.run.job import job

with job(snakemake, ObjectsMerge) as (spec, log):
    sizes, pairs, slices, last = [], [], [], None
    for file in snakemake.input.slabs:
        with np.load(file) as slab:
            if last is not None:
                pairs.append(face_pairs(last, slab["first"]))
            sizes.append(slab["sizes"])
            slices.append(slab["slices"])
            last = slab["last"]
    least = {"min_voxels": spec.min_voxels, "min_slices": spec.min_slices}
    tables = merge_slabs(sizes, pairs, slices=slices, n_slices=spec.n_slices, **least)
    log.info("%d objects", max(int(table.max()) for table in tables))
    write_arrays(snakemake.output[0], **{str(slab): table for slab, table in enumerate(tables)})
