"""What every job does around its work: say in its log what it read, wrote and how long it took, and end plainly."""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import contextmanager

from ultraseg.errors import UserError

log = logging.getLogger("ultraseg")


@contextmanager
def job(snakemake):
    """Run the body of a script as a job of Snakemake; a UserError ends it with its message alone."""
    handlers = [logging.FileHandler(snakemake.log[0], mode="w"), logging.StreamHandler(sys.stderr)]
    # Training takes longest: its epochs are progress to watch. The other jobs are short, and Snakemake counts them.
    handlers[1].setLevel(logging.INFO if snakemake.rule == "train" else logging.WARNING)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", handlers=handlers, force=True
    )
    for noisy in ("absl", "tensorflow", "h5py", "matplotlib", "numcodecs", "asyncio", "PIL", "fontTools"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    start = time.monotonic()
    wildcards = ", ".join(f"{key} {value}" for key, value in snakemake.wildcards.items())
    log.info("%s: %s, %d thread(s)", snakemake.rule, wildcards or "one job", snakemake.threads)
    log.info("reads %s", _names(snakemake.input))
    try:
        yield log
    except UserError as error:
        log.error("%s: %s", snakemake.rule, error)
        sys.exit(1)
    except Exception:
        log.exception("%s failed", snakemake.rule)
        raise
    written = sum(os.path.getsize(file) for file in snakemake.output if os.path.isfile(file))
    log.info("wrote %s: %.2f MB", _names(snakemake.output), written / 1e6)
    log.info("took %.1f s", time.monotonic() - start)


def _names(files) -> str:
    names = [str(file) for file in files]
    return (
        ", ".join(names)
        if len(names) <= 4
        else f"{names[0]}, {names[1]} ... {names[-1]} ({len(names)} files)"
    )
