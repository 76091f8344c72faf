"""Join all pieces of a volume to cells, to new cells, or to none; write the decisions."""

import pandas as pd
from ultraseg.files import write_table
from ultraseg.job import job
from ultraseg.labelstore import LabelSlices
from ultraseg.link import link_pieces

with job(snakemake) as log:
    out = snakemake.output
    nodes = pd.concat([pd.read_parquet(file) for file in snakemake.input.tables], ignore_index=True)
    edges = pd.concat([pd.read_parquet(file) for file in snakemake.input.edges], ignore_index=True)
    highest = 0
    for file in snakemake.input.labels:
        with LabelSlices(file) as given:
            highest = max(int(given.read(z).max()) for z in given.zs)
    result = link_pieces(nodes, edges, max_user_id=highest, **snakemake.params.settings)
    write_table(out.nodes, result.nodes)
    write_table(out.protrusions, result.protrusions)
    write_table(out.links, result.links)
    write_table(out.links_csv, result.links)
    log.info("%d fragments: %s", len(result.links), result.links["outcome"].value_counts().to_dict())
