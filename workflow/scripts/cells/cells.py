"""Cut the cells of one slab into 2D pieces, slice by slice."""

import numpy as np
import pandas as pd
from ultraseg.base.files import write_table
from ultraseg.cells.pieces import empty_table, given_pieces, slice_cells
from ultraseg.run.job import job, parameters
from ultraseg.storage.arrays import read_slices, write_slab
from ultraseg.storage.slice_stacks import propagated_slices

with job(snakemake) as log:
    p, wc = parameters(snakemake), snakemake.wildcards
    start, stop = p.slab
    maps = read_slices(f"results/{wc.volume}/work/probability/{p.network}", start, stop)
    interior, boundary = (maps[:, channel] for channel in p.channels)
    pieces, tables = np.zeros(interior.shape, np.uint32), []
    carried = propagated_slices(f"results/{wc.volume}/work/propagated", p.gaps, p.good, interior.shape[1:])
    for z, (labels, confidence, given) in zip(p.good, carried, strict=True):
        i = z - start
        pieces[i], table = slice_cells(
            labels,
            confidence,
            interior[i],
            boundary[i],
            given=given,
            foreground_threshold=p.foreground_threshold,
            **p.settings,
        )
        tables.append(table.assign(z=z, given=given_pieces(pieces[i], given)))
    # A slab of bad slices alone has no pieces, but a table all the same.
    table = pd.concat(tables, ignore_index=True) if tables else empty_table()
    log.info(
        "%d pieces, %d of them bodies, %d without id",
        len(table),
        table["body"].sum(),
        (table["cell"] == 0).sum(),
    )
    write_table(snakemake.output.table, table)
    write_slab(f"results/{wc.volume}/work/pieces", start, pieces)
