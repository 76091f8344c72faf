"""Choose the grey values of a stack that become 0 and 255."""

import json

from ultraseg.base.files import write_text
from ultraseg.ingest.grey_window import window_of
from ultraseg.ingest.read_slices import read_source_slices
from ultraseg.ingest.slice_source import SliceRef
from ultraseg.run.job import job

with job(snakemake) as log:
    p = snakemake.params
    refs = [SliceRef(*ref) for ref in p.slices]
    window = window_of(read_source_slices(refs, p.plane, p.dtype, p.crop), p.percentiles)
    source = f"percentiles {p.percentiles[0]:g} and {p.percentiles[1]:g} of {len(refs)} slices"
    log.info("intensity window %s (%s)", list(window), source)
    write_text(snakemake.output[0], json.dumps({"window": list(window), "source": source}))
