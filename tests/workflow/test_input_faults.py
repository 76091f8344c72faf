"""One fault at a time in the input, on the disk or in a slab: the run ends with a status and a message, nothing half
made stays under its name, and after the cure the same command completes.
"""

import ctypes
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from small_disk import no_mount
from workflow_run import Run

SLICES, DEPTH = 6, 3
CONFIG = {
    "slab_depth": DEPTH,
    "pyramid_levels": 2,
    "volumes": {
        "v": {
            "image": "data/image",
            "voxel_size_nm": [20, 16, 16],
            "labels": {"cells": "data/cells", "mitochondria": "data/mitochondria"},
        }
    },
    "structures": {"cells": {"kind": "cells"}, "mitochondria": {"kind": "organelle"}},
    "networks": {"context": {"structures": ["cells", "mitochondria"]}},
    "propagate": {"method": "flow"},  # otherwise flow waits for a choice, which waits for a training
}
# Slab 1 holds the slices 3 to 5.
IMAGE_SLAB = [f"results/v/image.zarr/{level}/c/1/0/0" for level in (0, 1)]
CELLS = ["results/v/work/labels/cells.h5", "results/v/work/labels/cells.csv"]
MITOCHONDRIA = ["results/v/work/labels/mitochondria.h5", "results/v/work/labels/mitochondria.csv"]
FLOW_SLAB = ["results/v/work/flow/c/1/0/0/0"]


@dataclass
class Fault:
    """``breaks`` puts the fault into a run's folder and returns what cures it; the message must hold ``says``."""

    name: str
    breaks: Callable[[Path], Callable[[], None]]
    says: tuple[str, ...]
    makes: list[str]  # the files that must not be there after the fault, and must be after the cure
    shape: tuple[int, int] = (32, 40)
    limit: Callable[[], None] | None = None  # called in the process of the run with the fault
    needs: str = ""  # why the fault cannot be made here, if it cannot


@dataclass
class Outcome:
    status: int
    text: str
    left: list[str]  # what lies in the results after the fault and was not there before
    cured: subprocess.CompletedProcess
    folder: Path


# ---------------------------------------------------------------- faults of files
def rewritten(name: str, content: Callable[[Path], bytes]):
    """The file ``name`` gets other content; cured by putting the old one back."""

    def breaks(folder: Path):
        file = folder / name
        kept = file.read_bytes()
        file.write_bytes(content(file))
        return lambda: file.write_bytes(kept)

    return breaks


def as_tiff(values: Callable[[np.ndarray], np.ndarray]):
    """The content of a TIFF with other pixels."""

    def content(file: Path) -> bytes:
        other = file.with_name("other")
        tifffile.imwrite(other, values(tifffile.imread(file)))
        written = other.read_bytes()
        other.unlink()
        return written

    return content


def in_all(folder_name: str, values: Callable[[np.ndarray], np.ndarray]):
    """Every TIFF of a folder gets other pixels."""

    def breaks(folder: Path):
        files = sorted((folder / folder_name).glob("*.tif"))
        kept = {file: file.read_bytes() for file in files}
        for file in files:
            tifffile.imwrite(file, values(tifffile.imread(file)))
        return lambda: [file.write_bytes(content) for file, content in kept.items()]

    return breaks


def moved_away(folder: Path):
    os.rename(folder / "data/image", folder / "data/elsewhere")
    return lambda: os.rename(folder / "data/elsewhere", folder / "data/image")


def matches_nothing(folder: Path):
    """A pattern with a mistyped suffix; cured by writing the right one."""
    config = folder / "config.yaml"
    text = config.read_text()
    config.write_text(text.replace("data/image", "data/image/z*.tiff"))
    return lambda: config.write_text(text)


def label_too_far(folder: Path):
    file = folder / "data/cells/z0099.tif"
    shutil.copy(folder / "data/cells/z0000.tif", file)
    return file.unlink


def dated_in_the_future(folder: Path):
    """By a camera with a wrong clock: Snakemake would delete what a job makes of the file."""
    file = folder / "data/image/z0004.tif"
    os.utime(file, (time.time() + 86_400,) * 2)
    return file.touch


def no_permission(folder: Path):
    file = folder / "data/image/z0004.tif"
    file.chmod(0)
    return lambda: file.chmod(0o644)


def without_roots_privilege() -> None:
    """Root may read every file; in this process and its children no more (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH)."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (1, 2):
            if libc.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
                raise OSError(ctypes.get_errno(), "prctl")


# ---------------------------------------------------------------- faults of the disk
def filled_up(place: Path, size_kb: int, free_kb: int):
    """A folder on a disk of its own with so much room; returns what frees it."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", place], check=True)
    (place / "filler").write_bytes(bytes((size_kb - free_kb) * 1024))
    return (place / "filler").unlink


def full_disk(folder: Path):
    """The disk of pyramid level 1 is full, so that level 0 is already written when the job fails."""
    return filled_up(folder / "results/v/image.zarr/1/c", 64, 0)


def full_disk_of_labels(folder: Path):
    """HDF5 crashed here, after about 150 tracebacks."""
    return filled_up(folder / "results/v/work/labels", 256, 4)


def limited_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))


# ---------------------------------------------------------------- faults of a finished slab
def damaged_slab(damage: Callable[[bytes], bytes]):
    """A slab that a finished job wrote; cured as the message says, by deleting it."""

    def breaks(folder: Path):
        file = folder / IMAGE_SLAB[0]
        file.write_bytes(damage(file.read_bytes()))
        return file.unlink

    return breaks


def flipped(content: bytes) -> bytes:
    place = len(content) // 3
    return content[:place] + bytes([content[place] ^ 8]) + content[place + 1 :]


Z4, C3, M = "data/image/z0004.tif", "data/cells/z0003.tif", "data/mitochondria"
FAULTS = [
    Fault("truncated TIFF", rewritten(Z4, lambda f: f.read_bytes()[:600]), (Z4, "truncated"), IMAGE_SLAB),
    Fault("zero-byte file", rewritten(Z4, lambda f: b""), (Z4, "0 bytes"), IMAGE_SLAB),
    Fault("wrong shape", rewritten(Z4, as_tiff(lambda v: v[:-2])), (Z4, "30 x 40", "32 x 40"), IMAGE_SLAB),
    Fault(
        "wrong type",
        rewritten(Z4, as_tiff(lambda v: v.astype(np.uint16))),
        (Z4, "uint16", "uint8"),
        IMAGE_SLAB,
    ),
    Fault(
        "no TIFF but named .tif",
        rewritten(Z4, lambda f: b"Slice 4 was blank."),
        (Z4, "not a valid TIFF"),
        IMAGE_SLAB,
    ),
    Fault("no permission", no_permission, (Z4, "ermission"), IMAGE_SLAB, limit=without_roots_privilege),
    Fault("dated in the future", dated_in_the_future, (Z4, "dated in the future", "touch -h"), IMAGE_SLAB),
    Fault("missing folder", moved_away, ("data/image", "no such file or folder"), IMAGE_SLAB),
    Fault("empty pattern", matches_nothing, ("data/image/z*.tiff", "no .tif or .tiff file"), IMAGE_SLAB),
    Fault("label outside the stack", label_too_far, ("z0099.tif", "slice 99", "0 to 5"), CELLS),
    Fault("all labels background", in_all(M, np.zeros_like), ("mitochondria", "3", "empty"), MITOCHONDRIA),
    Fault(
        "decimal labels",
        rewritten(C3, as_tiff(lambda v: v.astype(np.float32))),
        (C3, "float32", "whole numbers"),
        CELLS,
    ),
    Fault("label of the wrong shape", rewritten(C3, as_tiff(lambda v: v[:, :-1])), (C3, "32 x 39"), CELLS),
    Fault(
        "id 0 missing",
        in_all(M, lambda v: np.full_like(v, 255)),
        (f"{M}/z0000.tif", "255", "all labelled pixels"),
        MITOCHONDRIA,
    ),
    Fault("disk full", full_disk, (IMAGE_SLAB[1], "disk is full", "MB free"), IMAGE_SLAB, needs=no_mount()),
    Fault(
        "disk full while HDF5 is written",
        full_disk_of_labels,
        (CELLS[0], "disk is full", "MB free"),
        CELLS,
        needs=no_mount(),
    ),
    Fault(
        "limited file size",
        lambda folder: lambda: None,
        (IMAGE_SLAB[0], "limit on the size of files", "ulimit -f"),
        IMAGE_SLAB,
        shape=(300, 400),
        limit=limited_size,
    ),
    Fault("flipped bit in a slab", damaged_slab(flipped), (IMAGE_SLAB[0], "damaged", "checksum"), FLOW_SLAB),
    Fault("truncated slab", damaged_slab(lambda c: c[: len(c) // 2]), (IMAGE_SLAB[0], "damaged"), FLOW_SLAB),
    Fault("slab of zero bytes", damaged_slab(lambda c: b""), (IMAGE_SLAB[0], "0 bytes"), FLOW_SLAB),
]


# ---------------------------------------------------------------- runs
def write_data(folder: Path, shape: tuple[int, int]) -> None:
    """Noise, and on three slices two cells with a mitochondrion in each."""
    rng = np.random.default_rng(1)
    for name in ("image", "cells", "mitochondria"):
        (folder / "data" / name).mkdir(parents=True)
    for z in range(SLICES):
        tifffile.imwrite(folder / f"data/image/z{z:04d}.tif", rng.integers(0, 256, shape).astype(np.uint8))
    for z in (0, 3, 5):
        cells, mitochondria = np.zeros(shape, np.uint16), np.zeros(shape, np.uint8)
        cells[2:20, 2:18], cells[10:30, 20:36] = 7, 9
        mitochondria[5:9, 5:9] = mitochondria[15:20, 25:30] = 255
        tifffile.imwrite(folder / f"data/cells/z{z:04d}.tif", cells)
        tifffile.imwrite(folder / f"data/mitochondria/z{z:04d}.tif", mitochondria)


def results_of(folder: Path) -> set[str]:
    files = [f for f in (folder / "results").rglob("*") if f.is_file() and f.name != "filler"]
    return {str(f.relative_to(folder)) for f in files}


def play(fault: Fault, prepared: Path, folder: Path) -> Outcome:
    """Copy the prepared run, break it, run, cure it, run again."""
    if fault.shape == (32, 40):
        shutil.copytree(prepared, folder)
        if fault.makes is not FLOW_SLAB:
            for file in folder.glob("results/v/image.zarr/*/c/1/0/0"):
                file.unlink()
    run = Run(folder, CONFIG)
    if fault.shape != (32, 40):
        write_data(folder, fault.shape)
    before = results_of(folder)
    cure = fault.breaks(folder)
    done = run.call(fault.makes[0], preexec_fn=fault.limit)
    left = sorted(results_of(folder) - before)
    cure()
    return Outcome(done.returncode, done.stdout + done.stderr, left, run.call(fault.makes[0]), folder)


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory):
    """Outcome of each chosen fault, as a future: two are played at a time, as each run is mostly one process."""
    base = tmp_path_factory.mktemp("faults")
    prepared = base / "prepared"
    run = Run(prepared, CONFIG)
    write_data(prepared, (32, 40))
    done = run.call(IMAGE_SLAB[0], "results/v/work/flow/zarr.json")
    assert not done.returncode, done.stderr
    chosen = [item.callspec.params["fault"] for item in request.session.items if item.fspath == __file__]
    try:
        with ThreadPoolExecutor(2) as pool:
            yield {
                fault.name: pool.submit(play, fault, prepared, base / f"{i}")
                for i, fault in enumerate(chosen)
                if not fault.needs
            }
    finally:
        for place in (*base.glob("*/results/v/image.zarr/1/c"), *base.glob("*/results/v/work/labels")):
            if place.is_mount():
                subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_fault_is_told_leaves_nothing_half_made_and_can_be_cured(fault, outcomes):
    if fault.needs:
        pytest.skip(fault.needs)
    outcome = outcomes[fault.name].result()
    assert outcome.status != 0
    for word in (*fault.says, "Cure:"):
        assert word in outcome.text, f"{word!r} is not in\n{outcome.text[-4000:]}"
    assert "Traceback" not in outcome.text
    assert not set(outcome.left) & set(fault.makes)
    assert not [name for name in outcome.left if "part" in Path(name).name]
    assert outcome.cured.returncode == 0, outcome.cured.stdout + outcome.cured.stderr
    assert set(fault.makes) <= results_of(outcome.folder)
    check_products(outcome.folder)


def check_products(folder: Path) -> None:
    """What is in the results is what the files of the input hold."""
    image = folder / "results/v/image.zarr/0"
    if (folder / IMAGE_SLAB[0]).exists():
        slab = zarr.open_array(image, mode="r")[DEPTH:]
        files = [folder / f"data/image/z{z:04d}.tif" for z in range(DEPTH, SLICES)]
        assert (slab == np.stack([tifffile.imread(file) for file in files])).all()
    for structure in ("cells", "mitochondria"):
        if (labels := folder / f"results/v/work/labels/{structure}.h5").exists():
            with h5py.File(labels) as file:
                assert file.attrs["z"].tolist() == [0, 3, 5]
                for z, found in zip((0, 3, 5), file["labels"], strict=True):
                    given = tifffile.imread(folder / f"data/{structure}/z{z:04d}.tif")
                    assert (found == (given if structure == "cells" else given > 0)).all()
