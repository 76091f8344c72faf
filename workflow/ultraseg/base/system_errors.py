"""Errors of the system in words for the user of a job: a full disk, a quota, a permission, too little memory."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
from collections.abc import Iterable

from ultraseg.base.errors import UserError
from ultraseg.base.text import amount

# How libraries say it; a thread that cannot start lacks memory for its stack, or may not be one more.
NO_MEMORY = re.compile(
    r"bad_alloc|[Ii]nsufficient memory|can't start new thread|[Uu]nable to allocate|[Oo]ut of memory|annot allocate"
)
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
    number = _error_number(error)
    if _is_lack_of_memory(error, number):
        limit = _memory_limit()
        told = f"; a process may have {amount(limit)}" if limit else ""
        cure = "Raise the limit on memory (ulimit -v unlimited)" if limit else "Give the job more memory"
        return UserError(
            f"out of memory ({error or type(error).__name__}{told})",
            f"{cure} (fewer --cores, or mem_mb in the profile), or set a smaller slab_depth, {AGAIN}",
        )
    if number in (errno.EMFILE, errno.ENFILE):
        return UserError("too many files are open", f"Raise the limit (ulimit -n 4096), {AGAIN}")
    if number in FULL:
        what, cure = FULL[number]
        file, free = _fullest(outputs)
        return UserError(f"{file}: {what} ({free / 1e6:.1f} MB free)", cure)
    named = getattr(error, "filename", None)
    if number in OTHER and named:
        what, cure = OTHER[number]
        return UserError(f"{named}: {what}", cure)
    return None


def _is_lack_of_memory(error: BaseException | None, number: int | None) -> bool:
    """Whether an error, or one behind it, says that there is no memory, in the words of any library."""
    if number == errno.ENOMEM:
        return True
    while error is not None:
        if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
            return True
        if isinstance(error, RuntimeError | OSError) and NO_MEMORY.search(str(error)):
            return True
        if type(error).__module__.startswith("cv2") and NO_MEMORY.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _memory_limit() -> int | None:
    """Bytes of memory that the shell or the queue allows a process; None without a limit."""
    limits = [resource.getrlimit(which)[0] for which in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=None)


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
