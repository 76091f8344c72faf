"""What every job does around its work: log what it read, wrote and how long it took, record its files, end plainly."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from ultraseg.checksums import drop_record, write_record
from ultraseg.errors import UserError
from ultraseg.files import remove_parts

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
    wildcards = dict(snakemake.wildcards.items())  # Snakemake's own list of them has no values()
    drop_record(snakemake.rule, wildcards)
    for file in snakemake.output:
        for left in remove_parts(file):
            log.info("removed %s, left by a job that was cut off", left)
    named = ", ".join(f"{key} {value}" for key, value in wildcards.items())
    log.info("%s: %s, %d thread(s)", snakemake.rule, named or "one job", snakemake.threads)
    log.info("reads %s", _names(snakemake.input))
    try:
        yield log
        write_record(snakemake.rule, wildcards, snakemake.output)
    except UserError as error:
        log.error("%s: %s", snakemake.rule, error)
        sys.exit(1)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            log.exception("%s failed", snakemake.rule)
            raise
        log.error("%s: %s", snakemake.rule, _disk_full(error, snakemake.output))
        sys.exit(1)
    except Exception:
        log.exception("%s failed", snakemake.rule)
        raise
    written = sum(os.path.getsize(file) for file in snakemake.output if os.path.isfile(file))
    log.info("wrote %s: %.2f MB", _names(snakemake.output), written / 1e6)
    log.info("took %.1f s", time.monotonic() - start)


def _disk_full(error: OSError, outputs) -> UserError:
    file = error.filename or (outputs[0] if len(outputs) else ".")
    folder = Path(file).absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return UserError(
        f"{file}: {error.strerror} ({free / 1e6:.0f} MB free on this disk)",
        "Make room or raise the quota, then run snakemake again: finished slabs stay, this one is made anew.",
    )


def _names(files) -> str:
    names = [str(file) for file in files]
    return (
        ", ".join(names)
        if len(names) <= 4
        else f"{names[0]}, {names[1]} ... {names[-1]} ({len(names)} files)"
    )
