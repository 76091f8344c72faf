"""Draw examples of what linking decided."""

from ultraseg.base.files import read_table
from ultraseg.figures.link_examples import link_examples_figure
from ultraseg.grid.good_slices import GoodSlices
from ultraseg.jobs.figures import FigureLinks
from ultraseg.link.examples import choose_examples, read_example
from ultraseg.run.job import job

with job(snakemake, FigureLinks) as (spec, log):
    chosen, totals = choose_examples(read_table(snakemake.input.links), spec.bad)
    # Of the pieces of the whole volume only those of these fragments.
    columns = ["z", "piece", "area", "y", "x", "fragment", "strength", "margin"]
    wanted = [("fragment", "in", chosen["fragment"].tolist() or [0])]
    nodes = read_table(snakemake.input.nodes, columns=columns, filters=wanted)
    good = GoodSlices(spec.shape[0], tuple(spec.bad))
    where = (spec.shape, spec.downsample, good)
    examples = [
        read_example(spec.files.folder, spec.cells, row, nodes, *where) for row in chosen.to_dict("records")
    ]
    link_examples_figure(examples, totals, spec.voxel_size_nm, snakemake.output[0])
    log.info("%d examples of %s", len(examples), totals)
