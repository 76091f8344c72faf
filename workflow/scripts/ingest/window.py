"""Choose the grey values of a stack that become 0 and 255."""

import json

from ultraseg.base.files import write_text
from ultraseg.ingest.grey_window import window_of
from ultraseg.ingest.read_slices import read_source_slices
from ultraseg.jobs.ingest import Window
from ultraseg.run.job import job

with job(snakemake, Window) as (spec, log):
    low, high = spec.percentiles
    slices = read_source_slices(spec.slices, spec.plane, spec.dtype, spec.crop)
    window = window_of(slices, spec.percentiles)
    source = f"percentiles {low:g} and {high:g} of {len(spec.slices)} slices"
    log.info("intensity window %s (%s)", list(window), source)
    write_text(snakemake.output[0], json.dumps({"window": list(window), "source": source}))
