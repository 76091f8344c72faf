"""Errors of the system in words for the user of a job: a full disk, a quota, a permission, too little memory."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterable

from ultraseg.base.errors import UserError

AGAIN = "then run snakemake again: what is finished stays."
FULL = {
    errno.ENOSPC: ("the disk is full", f"Free space on this disk, {AGAIN}"),
    errno.EDQUOT: (
        "your quota on this disk is used up",
        f"Delete files of yours or ask for a larger quota, {AGAIN}",
    ),
    errno.EFBIG: (
        "the file would pass the limit on the size of files",
        f"Raise the limit (ulimit -f unlimited), {AGAIN}",
    ),
}
OTHER = {
    errno.EROFS: (
        "the disk can only be read",
        f"Choose another --directory, or have it mounted for writing, {AGAIN}",
    ),
    errno.EACCES: ("no permission", f"Ask its owner for permission (ls -l shows who that is), {AGAIN}"),
    errno.EIO: ("the disk reports an error", f"Have the disk checked, {AGAIN}"),
}


def explain_system_error(error: BaseException, outputs: Iterable[str]) -> UserError | None:
    """Explain a full disk, a quota, a limit, a permission or too little memory; None for errors of other kinds.

    outputs: the files that the job writes, as the system does not say which file a full disk cut off.
    """
    if isinstance(error, MemoryError):
        return UserError(
            f"out of memory ({error})",
            f"Give the job more memory (fewer --cores, or mem_mb in the profile), or set a smaller slab_depth, {AGAIN}",
        )
    number = _error_number(error)
    if number in FULL:
        what, cure = FULL[number]
        file, free = _fullest(outputs)
        return UserError(f"{file}: {what} ({free / 1e6:.1f} MB free)", cure)
    named = getattr(error, "filename", None)
    if number in OTHER and named:
        what, cure = OTHER[number]
        return UserError(f"{named}: {what}", cure)
    return None


def _error_number(error: BaseException | None) -> int | None:
    """Number of the system's error behind an exception. HDF5 writes the number into its messages only."""
    while error is not None:
        if isinstance(error, OSError) and error.errno:
            return error.errno
        if found := re.search(r"errno = (\d+)", str(error)):
            return int(found[1])
        error = error.__cause__ or error.__context__
    return None


def _fullest(outputs: Iterable[str]) -> tuple[str, int]:
    """The output whose disk has the least free space, and the free space in bytes."""
    free = []
    for file in outputs:
        folder = os.path.dirname(os.path.abspath(file))
        while not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        free.append((shutil.disk_usage(folder).free, file))
    space, file = min(free, key=lambda pair: pair[0])
    return file, space
