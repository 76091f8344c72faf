"""How this process keeps memory: large arrays that come and go again and again must not go back to the kernel."""

from __future__ import annotations

import ctypes
import os

# Numbers of mallopt's parameters in glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
# Bytes of the heap that is asked for in pages of 2 MB, where the kernel gives these on request.
IN_LARGE_PAGES = 2 << 30
MADV_HUGEPAGE = 14
# Variables with which a user sets glibc's allocator.
USERS = {f"MALLOC_{name}_" for name in ("TRIM_THRESHOLD", "TOP_PAD", "MMAP_THRESHOLD", "MMAP_MAX")}


def keep_freed_memory() -> bool:
    """Let the C library keep freed memory, where it is glibc; returns whether it does.

    By default glibc gives arrays above 32 MB, and the free end of the heap, back to the kernel at once. The kernel then
    clears every page anew for the next array: in training this took as much processor time as the network. The process
    keeps no more memory than it needed at its peak. What a user has set for glibc's allocator stays as it is.
    """
    if "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "") or {*os.environ} & USERS:
        return False
    try:
        library = ctypes.CDLL(None)
        mallopt = library.mallopt
    except (OSError, AttributeError):  # another C library
        return False
    wanted = {
        M_TRIM_THRESHOLD: -1,  # the end of the heap stays
        M_MMAP_MAX: 0,  # large arrays are part of the heap
    }
    if "MALLOC_ARENA_MAX" not in os.environ:
        wanted[M_ARENA_MAX] = 1  # what one thread frees serves all others
    kept = all([mallopt(parameter, value) for parameter, value in wanted.items()])
    if kept:
        _ask_for_large_pages(library)
    return kept


def _ask_for_large_pages(library: ctypes.CDLL) -> None:
    """Let the heap's next part be made of large pages: fewer faults, and fewer misses of the processor's tables."""
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    library.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    start = library.malloc(IN_LARGE_PAGES)  # addresses alone: no memory is taken before it is written to
    if start:
        page = os.sysconf("SC_PAGESIZE")
        first = -(-start // page) * page
        library.madvise(first, (start + IN_LARGE_PAGES - first) // page * page, MADV_HUGEPAGE)
        library.free(start)
