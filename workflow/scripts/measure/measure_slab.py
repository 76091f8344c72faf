"""Measure the final labels of one slab, slice by slice, so that only two slices are in memory."""

from ultraseg.base.files import write_table
from ultraseg.measure.slab import add_partials, measure_slab
from ultraseg.run.job import job, parameters
from ultraseg.storage.arrays import read_slices

with job(snakemake) as log:
    p = parameters(snakemake)
    group = f"results/{snakemake.wildcards.volume}/image.zarr/labels"

    def labels_at(z):
        return {s: read_slices(f"{group}/{s}/0", z, z + 1) for s in p.structures} if z < p.n_slices else None

    partials, here = [], labels_at(p.slab[0])
    for z in range(*p.slab):
        following = labels_at(z + 1)
        faces = {s: values[0] for s, values in following.items()} if following else None
        partials.append(
            measure_slab(
                here, z, following=faces, within=[s for s in p.within.values() if s], touching=p.touching
            )
        )
        here = following
    measures = add_partials(partials)
    for name, table in measures.items():
        write_table(snakemake.output[name], table)
    log.info("%d objects", len(measures["labels"]))
