"""Write the zarr.json of an image's group and arrays, which tell its grey-value window."""

from ultraseg.arrays.grey_values import stored_as
from ultraseg.ingest.grey_window import known_window
from ultraseg.run.job import job
from ultraseg.storage.create import create_array, create_group
from ultraseg.storage.ome_write import with_window

with job(snakemake) as log:
    p = snakemake.params
    stored = stored_as(p.dtype, known_window(p.window, snakemake.input), p.bit_depth)
    log.info("grey values %s of the %s image become 0 and 255", list(stored.window), p.dtype)
    for name, spec in with_window(p.arrays, stored).items():
        path = f"results/{snakemake.wildcards.volume}/{name}"
        make = create_array if "shape" in spec else create_group
        make(path, **spec)
        log.info("%s: %s", path, spec.get("shape", "group"))
