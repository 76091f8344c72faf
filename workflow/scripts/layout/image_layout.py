"""Write the zarr.json of an image's arrays or group, which tell its window of grey values."""

from ultraseg.arrays.grey_values import stored_as
from ultraseg.ingest.grey_window import known_window
from ultraseg.jobs.layout import ImageLayout
from ultraseg.run.job import job
from ultraseg.storage.create import create
from ultraseg.storage.ome_write import with_window

with job(snakemake, ImageLayout) as (spec, log):
    window = known_window(spec.window, snakemake.input.window)
    stored = stored_as(spec.dtype, window, spec.bit_depth)
    log.info("grey values %s of the %s image become 0 and 255", list(stored.window), spec.dtype)
    for path, about in with_window(spec.layout, stored).items():
        create(path, about)
        log.info("%s: %s", path, about.get("shape", "group"))
