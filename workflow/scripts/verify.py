"""Read all results and compare them with what their jobs recorded; list what to make anew."""

from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan
from ultraseg.run.job import job
from ultraseg.run.verify import damage, verify_results

with job(snakemake, dict) as (spec, log):
    found = verify_results(Plan(load_config(spec["config"])), snakemake.threads)
    log.warning(
        "read %d files (%.2f GB) in %d arrays and beside them; %d slabs are not made yet",
        found.files, found.bytes / 1e9, found.arrays, found.unmade,
    )  # fmt: skip
    for file in found.leftovers:
        log.warning("%s: left by a job that was cut off; it can be deleted when no run is going on", file)
    if found.wrong:
        raise damage(found, spec["command"])
    log.warning("every file is as its job wrote it")
