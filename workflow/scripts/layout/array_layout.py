"""Write the zarr.json of arrays and groups."""

from ultraseg.run.job import job
from ultraseg.storage.create import create_array, create_group

with job(snakemake) as log:
    volume = snakemake.params.get("volume") or snakemake.wildcards.volume
    for name, spec in snakemake.params.arrays.items():
        path = f"results/{volume}/{name}"
        if "shape" in spec:
            create_array(path, **spec)
        else:
            create_group(path, **spec)
        log.info("%s: %s", path, spec.get("shape", "group"))
