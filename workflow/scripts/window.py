"""Choose the grey values of a stack that become 0 and 255."""

import json

from ultraseg.files import write_text
from ultraseg.images import read_slices
from ultraseg.intensity import window_of
from ultraseg.job import job
from ultraseg.tiff_names import SliceRef

with job(snakemake) as log:
    p = snakemake.params
    refs = [SliceRef(*ref) for ref in p.slices]
    window = window_of(read_slices(refs, p.plane, p.dtype), p.percentiles)
    source = f"percentiles {p.percentiles[0]:g} and {p.percentiles[1]:g} of {len(refs)} slices"
    log.info("intensity window %s (%s)", list(window), source)
    write_text(snakemake.output[0], json.dumps({"window": list(window), "source": source}))
