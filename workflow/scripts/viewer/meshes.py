"""Write the surfaces of the objects of one structure."""

import pandas as pd
from ultraseg.run.job import job
from ultraseg.viewer.mesh_files import write_meshes

with job(snakemake) as log:
    p, wc = snakemake.params, snakemake.wildcards
    cells, organelles = (pd.read_parquet(file) for file in snakemake.input.tables)
    objects = organelles[organelles["structure"] == wc.structure]
    table = cells.rename(columns={"cell": "id"}) if p.is_cells else objects
    folder = f"results/{wc.volume}"
    count = write_meshes(folder, wc.structure, table, snakemake.output[0], p.formats, p.max_voxels)
    log.info("%d surfaces of %d objects", count, len(table))
