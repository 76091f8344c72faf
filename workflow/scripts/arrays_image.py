"""Write the zarr.json of an image's group and arrays, which tell its grey-value window."""

from ultraseg.intensity import known_window, stored_as
from ultraseg.job import job
from ultraseg.ome import with_window
from ultraseg.store_create import create_array, create_group

with job(snakemake) as log:
    p = snakemake.params
    stored = stored_as(p.dtype, known_window(p.window, snakemake.input), p.bit_depth)
    log.info("grey values %s of the %s image become 0 and 255", list(stored.window), p.dtype)
    for name, spec in with_window(p.arrays, stored).items():
        path = f"results/{snakemake.wildcards.volume}/{name}"
        make = create_array if "shape" in spec else create_group
        make(path, **spec)
        log.info("%s: %s", path, spec.get("shape", "group"))
