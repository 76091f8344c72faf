"""Freed memory stays with the process, unless a user has set the allocator."""

import platform
import subprocess
import sys

import pytest

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")

# Faults while a large array is made and dropped ten times, after the first time.
CODE = """
import resource, sys
import numpy as np
from ultraseg.base.memory import keep_freed_memory
print(keep_freed_memory() if sys.argv[1] == "keep" else None)

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def use():
    np.full(12_000_000, 3.0)  # 96 MB

use()
before = faults()
for _ in range(10):
    use()
print(faults() - before)
"""


def _run(what: str, **environment: str) -> tuple[str, int]:
    env = {"PYTHONPATH": ":".join(sys.path), "NUMPY_MADVISE_HUGEPAGE": "0"} | environment
    done = subprocess.run(
        [sys.executable, "-c", CODE, what], capture_output=True, text=True, env=env, timeout=60, check=True
    )
    kept, faults = done.stdout.split()
    return kept, int(faults)


@glibc
def test_a_large_array_is_new_memory_only_once():
    kept, faults = _run("keep")
    _, usual = _run("leave")
    assert kept == "True" and usual > 10_000 and faults < usual / 20


@glibc
@pytest.mark.parametrize(
    "name, value",
    [("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=1000000"), ("MALLOC_MMAP_THRESHOLD_", "100000")],
)
def test_what_a_user_has_set_stays(name, value):
    kept, faults = _run("keep", **{name: value})
    assert kept == "False" and faults > 10_000
