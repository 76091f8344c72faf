"""Draw the learning curves of one network."""

import pandas as pd
from ultraseg.figures.charts import learning_curves
from ultraseg.jobs.figures import LearningCurves
from ultraseg.run.job import job

with job(snakemake, LearningCurves) as (spec, log):
    learning_curves(pd.read_csv(snakemake.input.history), snakemake.output[0], spec.network)
