"""Draw the learning curves of one network."""

import pandas as pd
from ultraseg.figures.charts import learning_curves
from ultraseg.run.job import job

with job(snakemake):
    learning_curves(pd.read_csv(snakemake.input[0]), snakemake.output[0], snakemake.wildcards.network)
