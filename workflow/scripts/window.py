"""Choose the grey values of a 16-bit stack that become 0 and 255."""

import json

from ultraseg.files import write_text
from ultraseg.job import job
from ultraseg.tiff import SliceRef, sample_window

with job(snakemake) as log:
    refs = [SliceRef(*ref) for ref in snakemake.params.slices]
    window = snakemake.params.given or sample_window(refs)
    source = "given" if snakemake.params.given else "percentiles 0.1 and 99.9 of sampled slices"
    log.info("intensity window %s (%s)", window, source)
    write_text(snakemake.output[0], json.dumps({"window": list(window), "source": source}))
