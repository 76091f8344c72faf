"""Errors of the system in words: which file, what happened, what to do."""

import errno
import re
import subprocess
import sys
from itertools import product

import cv2
import pytest
from small_disk import no_mount
from ultraseg.base.system_errors import explain_system_error

WRITERS = {
    "slab": (
        "from ultraseg.storage.arrays import write_slab\n"
        "from ultraseg.storage.create import create_array\n"
        "create_array('slab', (8, 300, 400), (1, 300, 400), (8, 300, 400), 'uint8', 'zyx')\n"
        "write_slab('slab', 0, noise)"
    ),
    "labels.h5": (
        "from ultraseg.storage.label_slices import write_slices\n"
        "write_slices('labels.h5', (300, 400), ((z, {'labels': s}) for z, s in enumerate(noise)))"
    ),
    "tiles.h5": (
        "from ultraseg.train.tiles import cut_tiles, write_tiles\n"
        "def groups():\n"
        "    for z in range(8):\n"
        "        target = noise[z : z + 1, :128, :128]\n"
        "        cut = cut_tiles(noise[z : z + 1, :128, :128], target, numpy.ones(1), tile=64, z=z)\n"
        "        yield 'train', 'a', cut\n"
        "write_tiles('tiles.h5', groups(), channels=['cells'])"
    ),
    "table.parquet": (
        "import pandas\n"
        "from ultraseg.base.files import write_table\n"
        "write_table('table.parquet', pandas.DataFrame({'v': noise.ravel()}))"
    ),
    "table.csv": (
        "import pandas\n"
        "from ultraseg.base.files import write_table\n"
        "write_table('table.csv', pandas.DataFrame({'v': noise.ravel()}))"
    ),
    "arrays.npz": "from ultraseg.base.files import write_arrays\nwrite_arrays('arrays.npz', noise=noise)",
}


@pytest.mark.parametrize(
    ("name", "limit"),
    [*((name, 100_000) for name in WRITERS), *product(("labels.h5", "tiles.h5"), (0, 20, 5000))],
)
def test_every_kind_of_file_that_finds_no_room_is_explained(tmp_path, name, limit):
    """A limit on the size of files fails in the same calls as a full disk, and needs no disk of its own."""
    code = f"""
import resource, numpy
from ultraseg.base.system_errors import explain_system_error
noise = numpy.random.default_rng(0).integers(0, 256, (8, 300, 400)).astype("uint8")
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    {WRITERS[name].replace(chr(10), chr(10) + "    ")}
except Exception as error:
    print(explain_system_error(error, ["{name}"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert f"{name}: the file would pass the limit on the size of files" in done.stdout, done.stderr
    assert "ulimit -f" in done.stdout
    # HDF5 printed tracebacks and crashed when Python ended.
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert not [file for file in tmp_path.rglob("*part*")]


@pytest.mark.parametrize("name", ["labels.h5", "tiles.h5"])
def test_a_disk_that_is_full_while_hdf5_is_written_is_explained(tmp_path, name):
    if why := no_mount():
        pytest.skip(why)
    code = f"""
import numpy
from ultraseg.base.system_errors import explain_system_error
noise = numpy.random.default_rng(0).integers(0, 256, (8, 300, 400)).astype("uint8")
try:
    {WRITERS[name].replace(chr(10), chr(10) + "    ")}
except Exception as error:
    print(explain_system_error(error, ["{name}"]))
"""
    (tmp_path / "code.py").write_text(code)
    for size in (8, 40, 100):  # kB
        mount = f"mount -t tmpfs -o size={size}k tmpfs /mnt && cd /mnt"
        command = f"{mount} && {sys.executable} {tmp_path}/code.py && ls -A /mnt"
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", command],
            capture_output=True,
            text=True,
            env={"PYTHONPATH": ":".join(sys.path)},
        )
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
        assert re.match(rf"{name}: the disk is full .*\n  Cure: Free space .*\n\Z", done.stdout), done.stdout


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENOSPC, "out.bin: the disk is full"),
        (errno.EDQUOT, "out.bin: your quota"),
        (errno.EACCES, "in.tif: no permission"),
        (errno.EROFS, "in.tif: the disk can only be read"),
        (errno.EIO, "in.tif: the disk reports an error"),
    ],
)
def test_numbers_of_the_system_have_a_cure(number, text):
    found = explain_system_error(OSError(number, "words of the system", "in.tif"), ["out.bin"])
    assert text in found.problem
    assert "run snakemake again" in found.cure


def test_the_error_behind_another_one_counts():
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as first:
            raise RuntimeError("cannot write the array") from first
    except RuntimeError as error:
        assert "the disk is full" in explain_system_error(error, ["a/b/out.bin"]).problem


def test_too_little_memory_is_explained():
    assert "slab_depth" in explain_system_error(MemoryError("Unable to allocate 9 GiB"), []).cure


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
        RuntimeError("std::bad_alloc"),
        OSError("Unable to create dataset (memory allocation failed: unable to allocate)"),
        cv2.error("OpenCV: error: (-4:Insufficient memory) Failed to allocate 9 bytes"),
        type("ResourceExhaustedError", (Exception,), {})("OOM when allocating tensor"),
    ],
)
def test_libraries_say_in_many_words_that_memory_is_lacking(error):
    assert "out of memory" in explain_system_error(error, ["out.bin"]).problem
    try:
        raise KeyError("x") from error
    except KeyError as outer:
        assert "out of memory" in explain_system_error(outer, ["out.bin"]).problem


def test_too_many_open_files_are_explained():
    assert (
        "ulimit -n"
        in explain_system_error(OSError(errno.EMFILE, "Too many open files", "x"), ["out.bin"]).cure
    )


@pytest.mark.parametrize("error", [ValueError("shape"), FileNotFoundError(errno.ENOENT, "no such file", "x")])
def test_errors_of_the_program_stay_what_they_are(error):
    assert explain_system_error(error, ["out.bin"]) is None
