"""Cut the cells of one slab, which another program made, into 2D pieces."""

from ultraseg.base.files import write_table
from ultraseg.cells.pieces import ready_slab
from ultraseg.jobs.cells import TakeCells
from ultraseg.run.job import job
from ultraseg.storage.arrays import write_slab

with job(snakemake, TakeCells) as (spec, log):
    pieces, table = ready_slab(
        spec.source.open().planes(spec.source.rows(spec.shown)),
        spec.good,
        f"{spec.source.name}: {spec.source.path}",
        slab=spec.slab,
        plane=spec.plane,
        downsample=spec.downsample,
        factor=spec.source.factor[1:],
        crop=spec.crop,
        **spec.settings,
    )
    log.info("%d pieces, %d of them bodies", len(table), table["body"].sum())
    write_table(snakemake.output.table, table)
    write_slab(spec.files.pieces, spec.slab[0], pieces)
