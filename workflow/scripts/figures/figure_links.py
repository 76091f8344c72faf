"""Draw examples of what linking decided, slice by slice and in three dimensions."""

from ultraseg.base.files import read_table
from ultraseg.figures.decisions_3d import EACH, NODE_COLUMNS, decisions_figure, read_cube
from ultraseg.figures.link_examples import link_examples_figure
from ultraseg.grid.good_slices import GoodSlices
from ultraseg.jobs.figures import FigureLinks
from ultraseg.link.examples import choose_examples, read_example
from ultraseg.run.job import job

with job(snakemake, FigureLinks) as (spec, log):
    given, out = snakemake.input, snakemake.output
    links = read_table(given.links)
    (chosen, totals), (in_3d, _) = choose_examples(links, spec.bad), choose_examples(links, spec.bad, EACH)
    # Of the pieces of the whole volume only those of these fragments.
    wanted = [("fragment", "in", [0, *chosen["fragment"], *in_3d["fragment"]])]
    columns = [*NODE_COLUMNS, "strength", "margin"]
    nodes = read_table(given.nodes, columns=columns, filters=wanted)
    good = GoodSlices(spec.shape[0], tuple(spec.bad))
    where = (spec.shape, spec.downsample, good)
    examples = [
        read_example(spec.files.folder, spec.cells, row, nodes, *where) for row in chosen.to_dict("records")
    ]
    link_examples_figure(examples, totals, spec.voxel_size_nm, out.slices)
    cubes = [
        read_cube(
            spec.files.folder,
            spec.cells,
            row,
            nodes,
            shape=spec.shape,
            voxel_size_nm=spec.voxel_size_nm,
            downsample=spec.downsample,
            level=spec.level,
            factor=spec.factor,
            good_slices=good,
        )
        for row in in_3d.to_dict("records")
    ]
    decisions_figure(cubes, totals, out.in_3d)
    log.info("%d examples in slices and %d in 3D of %s", len(examples), len(cubes), totals)
