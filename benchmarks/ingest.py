"""Speed and memory of ingest on full-size slices, beside a bare loop of decoding and compressing the same data.

    .venv/bin/python benchmarks/ingest.py [--shape 4000 6000] [--depth 16] [--slices 16 160] [--folder /tmp/somewhere]

Ingest is what a job does for its slab: read the TIFFs, make the pyramid, write all levels, record checksums. The bare
loop decodes each TIFF with tifffile and compresses its 512 x 512 tiles with Blosc as the arrays do; it keeps nothing
and writes nothing. Each call is a process of its own on one core; seconds are of that core's time, and the best of
three calls counts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import options, shape_and_slices

COMPRESSIONS = {"none": None, "lzw": "lzw", "deflate": "zlib"}
VOXEL_NM = (4, 4, 4)
LEVELS = 5
DISTINCT = 4  # slices that differ; the others are links to these


def em_like(shape: tuple[int, int], seed: int) -> np.ndarray:
    """A grey slice with soft structures and the noise of a detector, uint8."""
    import cv2

    rng = np.random.default_rng(seed)
    soft = cv2.resize(rng.normal(0, 1, (shape[0] // 40, shape[1] // 40)).astype(np.float32), shape[::-1])
    noise = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), 0.8)
    return np.clip(128 + 30 * soft + 40 * noise, 0, 255).astype(np.uint8)


def write_slices(folder: Path, shape: tuple[int, int], count: int) -> None:
    """``count`` TIFFs in every compression."""
    import tifffile

    for name, compression in COMPRESSIONS.items():
        (folder / name).mkdir()
        for z in range(DISTINCT):
            predictor = compression is not None
            tifffile.imwrite(
                folder / name / f"z{z:04d}.tif",
                em_like(shape, z),
                compression=compression,
                predictor=predictor,
            )
        for z in range(DISTINCT, count):
            os.link(folder / name / f"z{z % DISTINCT:04d}.tif", folder / name / f"z{z:04d}.tif")


def ingest(folder: Path, name: str, shape: tuple[int, int], depth: int, count: int) -> dict:
    """The slabs of ``count`` slices one after another, as the job makes one; seconds of each part."""
    from ultraseg.arrays.grey_values import stored_as
    from ultraseg.base.checksums import write_record
    from ultraseg.formats.slice_source import SliceRef
    from ultraseg.grid.paths import shard_file
    from ultraseg.grid.pyramid_levels import pyramid_levels
    from ultraseg.ingest.read_slices import read_stored
    from ultraseg.storage.create import create_array
    from ultraseg.storage.pyramid import levels_of, reduce_image, write_pyramid

    levels = pyramid_levels((count, *shape), VOXEL_NM, depth, LEVELS)
    factors = levels_of([level.factor for level in levels])
    stored, parts, written = stored_as("uint8", (0, 255), 8), {"slabs": 0.0, "checksums": 0.0}, 0
    with tempfile.TemporaryDirectory(dir=folder) as out:
        for i, level in enumerate(levels):
            create_array(f"{out}/{i}", level.shape, level.chunk, level.shard, "uint8", "zyx")
        for start in range(0, count, depth):
            refs = [
                SliceRef(z, str(folder / name / f"z{z:04d}.tif"), None) for z in range(start, start + depth)
            ]
            clock = [time.process_time()]
            slices = read_stored(refs, shape, "uint8", stored)
            write_pyramid(out, start, slices, factors, reduce_image, depth)
            clock.append(time.process_time())
            files = [shard_file(f"{out}/{i}", start // depth) for i in range(LEVELS)]
            write_record("ingest", {"slab": str(start)}, files, f"{out}/checksums")
            clock.append(time.process_time())
            for part, seconds in zip(parts, np.diff(clock), strict=True):
                parts[part] += float(seconds)
            written += sum(os.path.getsize(file) for file in files)
            for file in files:
                os.remove(file)
    return {"parts": parts, "written": written}


def bare(folder: Path, name: str, shape: tuple[int, int], depth: int, count: int) -> dict:
    """Decode every TIFF and compress its tiles."""
    import tifffile
    from numcodecs import Blosc

    codec, written, tile = Blosc("zstd", 2, Blosc.NOSHUFFLE), 0, 512
    for z in range(count):
        image = tifffile.imread(folder / name / f"z{z:04d}.tif", maxworkers=1)
        for y in range(0, shape[0], tile):
            for x in range(0, shape[1], tile):
                written += len(codec.encode(np.ascontiguousarray(image[y : y + tile, x : x + tile])))
    return {"parts": {}, "written": written}


def call(kind: str, folder: Path, name: str, shape: tuple[int, int], depth: int, count: int) -> dict:
    """Run one kind in a process of its own on one core; its seconds and its peak memory in MB."""
    arguments = [sys.executable, __file__, "--call", kind, name, str(count), "--folder", str(folder)]
    arguments += ["--shape", *map(str, shape), "--depth", str(depth)]
    env = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "BLOSC_NTHREADS"), "1")
    return json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True, env=env).stdout)


def answer(kind: str, name: str, count: int, folder: Path, shape: tuple[int, int], depth: int) -> None:
    """What a process of its own prints."""
    import cv2
    import numcodecs.blosc
    import tifffile  # noqa: F401  imports are no part of the time
    import zarr  # noqa: F401

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    numcodecs.blosc.set_nthreads(1)
    wall, start = time.perf_counter(), time.process_time()
    found = (ingest if kind == "ingest" else bare)(folder, name, shape, depth, count)
    # Making the arrays and deleting the files again are no part of the job.
    found["seconds"] = sum(found["parts"].values()) or time.process_time() - start
    found["wall"] = time.perf_counter() - wall
    found["peak_MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


def report(folder: Path, shape: tuple[int, int], depth: int, counts: list[int]) -> None:
    """Speed for every compression, then memory for every number of slices."""
    size = depth * shape[0] * shape[1] / 1e6
    print(f"{depth} slices of {shape[0]} x {shape[1]}, uint8, {size:.0f} MB, {LEVELS} levels; one core")
    print("| TIFF | ingest MB/s | bare loop MB/s | ratio | of ingest: checksums s | written / raw |")
    print("|---|---|---|---|---|---|")
    for name in COMPRESSIONS:
        pairs = [
            [call(kind, folder, name, shape, depth, depth) for kind in ("ingest", "bare")] for _ in range(3)
        ]
        ours, loop = (min((pair[i] for pair in pairs), key=lambda one: one["seconds"]) for i in (0, 1))
        print(
            f"| {name} | {size / ours['seconds']:.0f} | {size / loop['seconds']:.0f} "
            f"| {loop['seconds'] / ours['seconds']:.2f} | {ours['parts']['checksums']:.2f}"
            + f" | {ours['written'] / size / 1e6:.2f} |",
            flush=True,
        )
    print("\n| slices | peak memory MB |\n|---|---|")
    for count in counts:
        print(
            f"| {count} | {call('ingest', folder, 'none', shape, depth, count)['peak_MB']:.0f} |", flush=True
        )


def main() -> None:
    parser = options(__doc__)
    shape_and_slices(parser, [16, 160])
    parser.add_argument("--depth", type=int, default=16)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--call", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    shape = tuple(given.shape)
    if given.call:
        kind, name, count = given.call
        answer(kind, name, int(count), given.folder, shape, given.depth)
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        write_slices(Path(folder), shape, max(given.slices))
        report(Path(folder), shape, given.depth, given.slices)


if __name__ == "__main__":
    main()
