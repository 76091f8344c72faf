"""What every job does around its work: compare what it reads, log what it read, wrote and how long it took, record its
files, end plainly.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ultraseg.base.checksums import drop_record, write_record
from ultraseg.base.errors import UserError
from ultraseg.base.files import remove_parts
from ultraseg.base.system_errors import explain_system_error
from ultraseg.grid.paths import CHECKSUMS
from ultraseg.run.inputs import check_dates, compare_inputs, drop_other_records, wait_for_dates
from ultraseg.run.limits import processor_time_told

log = logging.getLogger("ultraseg")
Told = TypeVar("Told")


@contextmanager
def job(snakemake: Any, kind: Callable[..., Told]) -> Iterator[tuple[Told, logging.Logger]]:
    """Run the body of a script as a job of Snakemake; a UserError ends it with its message alone.

    kind: what the rule's parameter ``job`` is made to: a class of ``ultraseg.jobs``, or ``dict``.
    """
    handlers = _handlers(snakemake)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", handlers=handlers, force=True
    )
    for noisy in ("absl", "tensorflow", "h5py", "matplotlib", "numcodecs", "asyncio", "PIL", "fontTools"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    _keep_opencv_to(snakemake.threads)
    start = time.monotonic()
    wildcards = dict(snakemake.wildcards.items())  # Snakemake's own list of them has no values()
    drop_record(snakemake.rule, wildcards, CHECKSUMS)
    drop_other_records(snakemake.output, snakemake.rule)
    for file in snakemake.output:
        for left in remove_parts(file):
            log.info("removed %s, left by a job that was cut off", left)
    named = ", ".join(f"{key} {value}" for key, value in wildcards.items())
    log.info("%s: %s, %d thread(s)", snakemake.rule, named or "one job", snakemake.threads)
    log.info("reads %s", _names(snakemake.input))
    try:
        check_dates(snakemake.input)
        begun = time.monotonic()
        compared = compare_inputs(snakemake.input)
        log.info("compared %.2f MB of them in %.2f s", compared / 1e6, time.monotonic() - begun)
        with processor_time_told():
            yield kind(**snakemake.params.job), log
        if len(snakemake.output):
            write_record(snakemake.rule, wildcards, snakemake.output, CHECKSUMS)
        if waited := wait_for_dates(snakemake.input, snakemake.output):
            log.warning("waited %.0f s: what the job read is dated in the future", waited)
    except UserError as error:
        log.error("%s: %s", snakemake.rule, error)
        sys.exit(1)
    except Exception as error:
        explained = explain_system_error(error, snakemake.output)
        if explained is None:
            log.exception("%s failed", snakemake.rule)
            raise
        log.error("%s: %s", snakemake.rule, explained)
        sys.exit(1)
    written = sum(os.path.getsize(file) for file in snakemake.output if os.path.isfile(file))
    log.info("wrote %s: %.2f MB", _names(snakemake.output), written / 1e6)
    log.info("took %.1f s", time.monotonic() - start)


def _keep_opencv_to(threads: int) -> None:
    """Let OpenCV use as many threads as the job has; by itself it takes all processors, whatever else runs there.

    The libraries of NumPy and SciPy heed what Snakemake sets, ``OMP_NUM_THREADS`` and its like.
    """
    os.environ["OPENCV_FOR_THREADS_NUM"] = str(threads)  # for a job that imports it later
    if opencv := sys.modules.get("cv2"):
        opencv.setNumThreads(threads)


def _handlers(snakemake: Any) -> list[logging.Handler]:
    """The job's log file and the terminal; the terminal alone where a full disk leaves no room for a log."""
    terminal = logging.StreamHandler(sys.stderr)
    # Training takes longest: its epochs are progress to watch. The other jobs are short, and Snakemake counts them.
    terminal.setLevel(logging.INFO if snakemake.rule == "train" else logging.WARNING)
    logging.raiseExceptions = False  # a line that finds no room in the log is no traceback
    try:
        # Not the old file emptied: a job that outlived its Snakemake may still write there.
        Path(snakemake.log[0]).unlink(missing_ok=True)
        return [logging.FileHandler(snakemake.log[0]), terminal]
    except OSError:
        return [terminal]


def _names(files: Iterable[Any]) -> str:
    names = [str(file) for file in files]
    return (
        ", ".join(names)
        if len(names) <= 4
        else f"{names[0]}, {names[1]} ... {names[-1]} ({len(names)} files)"
    )
