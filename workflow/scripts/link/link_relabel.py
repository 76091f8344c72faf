"""Write the final cells of one slab at all pyramid levels."""

from ultraseg.arrays.labels import count_ids
from ultraseg.base.files import read_table
from ultraseg.base.memory import keep_freed_memory
from ultraseg.jobs.link import LinkRelabel
from ultraseg.link.final_cells import NODE_COLUMNS, final_cells
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_slice
from ultraseg.storage.pyramid import levels_of, reduce_labels, write_pyramid

with job(snakemake, LinkRelabel) as (spec, log):
    keep_freed_memory()  # every slice has several arrays of its size
    # Of the table of the whole volume only the rows of these slices.
    here = [("z", "in", spec.walk)]
    cells = final_cells(
        lambda z: read_slice(spec.files.pieces, z),
        read_table(snakemake.input.nodes, columns=NODE_COLUMNS, filters=here),
        spec.walk,
        spec.stand_ins,
        plane=spec.plane,
        downsample=spec.downsample,
        drawn=snakemake.input.labels,
        ids=read_table(snakemake.input.ids),
        span=spec.span,
        max_hole_area=spec.max_hole_area,
    )
    log.info("%d cells in slices %d to %d", count_ids(cells), spec.slab[0], spec.slab[1] - 1)
    group = spec.files.labels(spec.structure)
    write_pyramid(group, spec.slab[0], cells, levels_of(spec.factors), reduce_labels)
