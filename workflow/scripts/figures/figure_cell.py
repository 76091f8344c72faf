"""Draw one cell in 3D, with its protrusions and organelles."""

from ultraseg.base.files import read_table
from ultraseg.figures.one_cell_3d import cell_figure, choose_cell, describe_cell
from ultraseg.figures.style import empty_figure
from ultraseg.figures.volume_arrays import cut_out
from ultraseg.jobs.figures import FigureCell
from ultraseg.run.job import job

with job(snakemake, FigureCell) as (spec, log):
    given = snakemake.input
    cells = read_table(given.cells)
    cell = choose_cell(cells)
    if cell is None or "nodes" not in given.keys():
        empty_figure(snakemake.output[0], "No cells to show.")
    else:
        row = cells[cells["cell"] == cell].iloc[0]
        parts, step_nm = cut_out(
            spec.files.folder,
            row,
            spec.kinds,
            spec.level,
            spec.factor,
            spec.voxel_size_nm,
            read_table(given.nodes),
            spec.downsample,
            spec.replaced,
        )
        title = describe_cell(row, [name for name, kind in spec.kinds.items() if kind == "organelle"])
        cell_figure(cell, parts, step_nm, title, snakemake.output[0], **spec.roles)
        log.info("%s", title)
