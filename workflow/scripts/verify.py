"""Read all results and compare them with what their jobs recorded; list what to make anew."""

from ultraseg.base.errors import UserError
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan
from ultraseg.run.job import job
from ultraseg.run.verify import remake_command, verify_results

with job(snakemake) as log:
    p = snakemake.params
    found = verify_results(Plan(load_config(p.config)), snakemake.threads)
    log.warning(
        "read %d files (%.2f GB) in %d arrays and beside them; %d slabs are not made yet",
        found.files, found.bytes / 1e9, found.arrays, found.unmade,
    )  # fmt: skip
    for file in found.leftovers:
        log.warning("%s: left by a job that was cut off; it can be deleted when no run is going on", file)
    if found.wrong:
        listed = "".join(f"\n  {file}: {what}" for file, what in sorted(found.wrong.items()))
        raise UserError(
            f"{len(found.wrong)} file(s) are damaged, missing or in doubt:{listed}",
            f"make them anew, with all that follows from them:\n\n  "
            f"{remake_command(p.command, found.wrong, 'logs/verify_files.txt')}\n",
        )
    log.warning("every file is as its job wrote it")
