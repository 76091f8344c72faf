"""Cut the cells of one slab into 2D pieces, slice by slice."""

from ultraseg.base.files import write_table
from ultraseg.cells.pieces import slab_pieces
from ultraseg.jobs.cells import Cells
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_slices, write_slab
from ultraseg.storage.slice_stacks import propagated_slices

with job(snakemake, Cells) as (spec, log):
    settings = spec.settings | {"foreground_threshold": spec.foreground_threshold}
    maps = read_slices(spec.files.probability(spec.network), *spec.slab)
    interior, boundary = (maps[:, channel] for channel in spec.channels)
    carried = propagated_slices(spec.files.propagated_folder, spec.gaps, spec.good, interior.shape[1:])
    carried = zip(spec.good, carried, strict=True)
    pieces, table = slab_pieces(carried, interior, boundary, start=spec.slab[0], **settings)
    without = (table["cell"] == 0).sum()
    log.info("%d pieces, %d of them bodies, %d without id", len(table), table["body"].sum(), without)
    write_table(snakemake.output.table, table)
    write_slab(spec.files.pieces, spec.slab[0], pieces)
