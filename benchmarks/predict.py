"""Speed of prediction: the bare network, the whole job of a slab, Keras, and what the computer could do at most.

    .venv/bin/python benchmarks/predict.py [--shape 2048 2048] [--slices 16] [--downsample 2] [--threads 2]
        [--architecture resunet] [--channels 2] [--tile 512] [--device cpu|gpu] [--rounds 3]

All in one run, in turn, medians over the rounds. The job is what the rule `predict` does, in a new process: start,
reading, reducing, the network, blending, writing. The ceiling is a product of large matrices in float32 with as many
threads. The weights are random: they take no other time than trained ones.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
OVERLAP = 64

JOB = """
import json, sys
a = json.loads(sys.argv[1])
from ultraseg.networks.devices import open_device
device = open_device(a["device"], a["threads"], framework="litert" if a["device"] == "cpu" else None)
from ultraseg.networks.precision import policy
from ultraseg.predict.predictor import load_predictor
from ultraseg.predict.slab import predict_slab
precision = policy("auto" if a["device"] == "gpu" else False, device.compute, training=False)
predictor = load_predictor(a["model"], a["threads"], a["device"], precision=precision)
if a["first"]:
    import numpy as np
    tile = predictor.tile or a["settings"]["predict_tile"]
    predictor.run(np.zeros((predictor.batch, tile, tile, predictor.input_channels), np.float32))
else:
    predict_slab(predictor, "image", "maps", **a["settings"])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"peak_mb": int(peak.split()[1]) / 1024}))
"""


def timed(work: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def write_arrays(folder: Path, o: argparse.Namespace) -> None:
    """An image of smooth noise and the array for its maps."""
    import cv2
    import numpy as np
    from ultraseg.grid.pyramid_levels import chunk_and_shard
    from ultraseg.storage.arrays import write_slab
    from ultraseg.storage.create import create_array

    rng = np.random.default_rng(0)
    small = tuple(-(-n // o.downsample) for n in o.shape)
    for name, plane, axes in (("image", o.shape, "zyx"), ("maps", (o.channels, *small), "zcyx")):
        chunk, shard = chunk_and_shard(plane, o.slices)
        create_array(
            str(folder / name),
            shape=[o.slices, *plane],
            chunk=chunk,
            shard=shard,
            dtype="uint8",
            axes=list(axes),
        )
    noise = cv2.GaussianBlur(rng.normal(0, 120, o.shape).astype(np.float32), (0, 0), 1.5) + 128
    slices = [np.roll(noise, 5 * z, 0).clip(0, 255).astype(np.uint8) for z in range(o.slices)]
    write_slab(str(folder / "image"), 0, np.stack(slices))


def write_networks(folder: Path, o: argparse.Namespace) -> None:
    """A network with random weights as .keras and .tflite; in a process of its own, which frees TensorFlow."""
    code = (
        "from ultraseg.networks.architecture import build_network; "
        "from ultraseg.networks.export import export_network; "
        f"m = build_network({o.architecture!r}, 3, {o.channels}); "
        f"export_network(m, 'm.keras', 'm.tflite', architecture={o.architecture!r}, tile={o.tile})"
    )
    subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment(o), check=True, capture_output=True
    )


def environment(o: argparse.Namespace) -> dict:
    """Variables of the processes that are measured."""
    path = {"PYTHONPATH": str(ROOT / "workflow"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return os.environ | path | ({"CUDA_VISIBLE_DEVICES": "-1"} if o.device == "cpu" else {})


def run_job(folder: Path, o: argparse.Namespace, model: str, first: bool = False) -> tuple[float, float]:
    """Seconds and peak memory in MB of the job of the slab, or until the first tile is done."""
    read = [0, *range(o.slices), o.slices - 1]
    settings = dict(
        slab=(0, o.slices), window=(read, list(range(o.slices))), downsample=o.downsample, z_context=1,
        predict_tile=o.tile, overlap=OVERLAP, stride=16, views=1,
    )  # fmt: skip
    asked = {"device": o.device, "threads": o.threads, "model": model, "first": first, "settings": settings}
    command = [sys.executable, "-c", JOB, json.dumps(asked)]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment(o), check=True, capture_output=True, text=True)
    return time.perf_counter() - start, json.loads(done.stdout.splitlines()[-1])["peak_mb"]


def ceiling(threads: int, size: int = 3000) -> float:
    """Multiply-adds per second of a product of large matrices in float32, in 1e9."""
    code = (
        f"import numpy as np, time; a = np.ones(({size}, {size}), np.float32); a @ a; t = time.perf_counter(); "
        f"a @ a; print({size} ** 3 / (time.perf_counter() - t) / 1e9)"
    )
    env = os.environ | {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    return float(
        subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True).stdout
    )


def measure(folder: Path, o: argparse.Namespace) -> dict[str, float]:
    """Medians of all rounds."""
    import numpy as np
    from ultraseg.networks.sizes import macs_per_pixel
    from ultraseg.predict.blend import tile_grid
    from ultraseg.predict.predictor import load_predictor

    small = [-(-n // o.downsample) for n in o.shape]
    tiles = o.slices * len(tile_grid(small, o.tile, OVERLAP).corners)
    keras = load_predictor(folder / "m.keras", o.threads, o.device, batch=1 if o.device == "cpu" else None)
    bare = load_predictor(folder / "m.tflite", o.threads) if o.device == "cpu" else keras
    model = "m.tflite" if o.device == "cpu" else "m.keras"
    images = np.random.default_rng(0).normal(128, 40, (bare.batch, o.tile, o.tile, 3)).astype(np.float32)
    for predictor in (bare, keras):
        predictor.run(images)
    repeats = max(2, min(tiles, 16) // bare.batch)
    found: dict[str, list[float]] = {
        key: [] for key in ("bare", "keras", "job", "start", "ceiling", "peak_mb")
    }
    for _ in range(o.rounds):
        found["bare"].append(repeats * bare.batch / timed(lambda: [bare.run(images) for _ in range(repeats)]))
        seconds, peak = run_job(folder, o, model)
        found["job"].append(tiles / seconds)
        found["peak_mb"].append(peak)
        found["start"].append(run_job(folder, o, model, first=True)[0])
        if o.device == "cpu":
            found["keras"].append(
                repeats * keras.batch / timed(lambda: [keras.run(images) for _ in range(repeats)])
            )
            found["ceiling"].append(ceiling(o.threads))
    medians = {key: float(np.median(values)) for key, values in found.items() if values}
    per_tile = macs_per_pixel(o.architecture, 3, o.channels) * o.tile**2 / 1e9
    medians |= {
        "tiles": tiles,
        "gmac_per_tile": per_tile,
        "raw_mvox": o.slices * o.shape[0] * o.shape[1] / 1e6,
    }
    return medians


def show(m: dict[str, float], o: argparse.Namespace) -> None:
    seconds = m["tiles"] / m["job"]
    print(
        f"{o.slices} slices of {o.shape[0]} x {o.shape[1]}, downsample {o.downsample}: {m['tiles']} tiles of "
        f"{o.tile} x {o.tile} with {m['gmac_per_tile']:.2f} GMAC each, {o.device}, {o.threads} threads"
    )
    print(f"bare network             {m['bare']:7.2f} tiles/s")
    print(f"whole job                {m['job']:7.2f} tiles/s  {m['job'] / m['bare']:.2f} of the bare network")
    print(f"  without its start      {m['tiles'] / (seconds - m['start'] + 1 / m['bare']):7.2f} tiles/s")
    print(f"  start to first tile    {m['start']:7.2f} s")
    print(f"  raw voxels             {m['raw_mvox'] / seconds:7.1f} M/s")
    print(f"  peak memory            {m['peak_mb']:7.0f} MB")
    if "keras" in m:
        print(f"Keras predict            {m['keras']:7.2f} tiles/s")
        for name in ("bare", "job"):
            share = m[name] * m["gmac_per_tile"] / m["ceiling"]
            print(f"{name + ' / ceiling':24} {share:7.2f}  (ceiling {m['ceiling']:.0f} GMAC/s)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=2, default=[2048, 2048])
    parser.add_argument("--slices", type=int, default=16)
    parser.add_argument("--downsample", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--architecture", default="resunet")
    parser.add_argument("--channels", type=int, default=2)
    parser.add_argument("--tile", type=int, default=512)
    parser.add_argument("--device", default="cpu", choices=["cpu", "gpu"])
    parser.add_argument("--rounds", type=int, default=3)
    o = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "tensorflow"
    with tempfile.TemporaryDirectory() as folder:
        write_arrays(Path(folder), o)
        write_networks(Path(folder), o)
        show(measure(Path(folder), o), o)


if __name__ == "__main__":
    main()
