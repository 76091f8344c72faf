"""Draw examples of what linking decided."""

import pandas as pd
from ultraseg.figures.link_examples import link_examples_figure
from ultraseg.grid.good_slices import GoodSlices
from ultraseg.link.examples import choose_examples, read_example
from ultraseg.run.job import job

with job(snakemake) as log:
    p, given = snakemake.params, snakemake.input
    links = pd.read_parquet(given.links)
    chosen, totals = choose_examples(links, p.bad)
    # Of the pieces of the whole volume only those of these fragments.
    columns = ["z", "piece", "area", "y", "x", "fragment", "strength", "margin"]
    wanted = [("fragment", "in", chosen["fragment"].tolist() or [0])]
    nodes = pd.read_parquet(given.nodes, columns=columns, filters=wanted)
    folder, good_slices = f"results/{snakemake.wildcards.volume}", GoodSlices(p.shape[0], tuple(p.bad))
    examples = [
        read_example(folder, p.cells, row, nodes, p.shape, p.downsample, good_slices)
        for row in chosen.to_dict("records")
    ]
    link_examples_figure(examples, totals, p.voxel_size_nm, snakemake.output[0])
    log.info("%d examples of %s", len(examples), totals)
