"""Write the final cells of one slab at all pyramid levels."""

from ultraseg.arrays.labels import count_ids
from ultraseg.base.files import read_table
from ultraseg.jobs.link import LinkRelabel
from ultraseg.link.final_cells import final_cells
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_listed
from ultraseg.storage.pyramid import levels_of, reduce_labels, write_pyramid

with job(snakemake, LinkRelabel) as (spec, log):
    zs = sorted(set(spec.stand_ins))  # the good slices of the slab, and those that bad ones show
    # Of the table of the whole volume only the rows of these slices.
    columns, here = ["z", "piece", "final"], [("z", "in", zs)]
    nodes = read_table(snakemake.input.nodes, columns=columns, filters=here)
    cells = final_cells(
        read_listed(spec.files.pieces, zs),
        nodes,
        zs,
        spec.stand_ins,
        plane=spec.plane,
        downsample=spec.downsample,
        drawn=snakemake.input.labels,
        ids=read_table(snakemake.input.ids),
    )
    log.info("%d cells in slices %d to %d", count_ids(cells), spec.slab[0], spec.slab[1] - 1)
    group = spec.files.labels(spec.structure)
    write_pyramid(group, spec.slab[0], cells, levels_of(spec.factors), reduce_labels)
