"""Add the measures of all slabs up to tables."""

from pathlib import Path

from ultraseg.base.files import read_table, write_table
from ultraseg.jobs.measure import MEASURES, Measure
from ultraseg.measure.volume import Linked, measure_tables
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_slice, read_whole

with job(snakemake, Measure) as (spec, log):
    given, files, linked = snakemake.input, spec.files, None
    if spec.cells:
        nodes, protrusions = (read_table(given[name]) for name in ("nodes", "protrusions"))
        linked = Linked(nodes, protrusions, lambda z: read_slice(files.pieces, z), spec.cell_downsample)
    roles = {"cell": spec.cells, "nucleus": spec.nuclei}
    tables = measure_tables(
        {kind: [read_table(file) for file in given[kind]] for kind in MEASURES},
        linked,
        spec.voxel_size_nm,
        spec.shape,
        organelles=spec.organelles,
        masks=spec.masks,
        containers=roles,
        replaced=spec.replaced,
        coarse={role: read_whole(files.labels_level(s, spec.level)) for role, s in roles.items() if s},
        factor=spec.factor,
    )
    for file in snakemake.output:
        write_table(file, tables[Path(file).stem])
    log.info("rows: %s", {name: len(table) for name, table in tables.items()})
