"""Write the surfaces of the objects of one structure."""

from ultraseg.base.files import read_table
from ultraseg.jobs.figures import Meshes
from ultraseg.run.job import job
from ultraseg.viewer.mesh_files import write_meshes

with job(snakemake, Meshes) as (spec, log):
    cells, organelles = (read_table(file) for file in snakemake.input.tables)
    objects = organelles[organelles["structure"] == spec.structure]
    table = cells.rename(columns={"cell": "id"}) if spec.is_cells else objects
    out = snakemake.output[0]
    count = write_meshes(spec.files.folder, spec.structure, table, out, spec.formats, spec.max_voxels)
    log.info("%d surfaces of %d objects", count, len(table))
