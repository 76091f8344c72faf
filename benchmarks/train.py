"""Speed of training: this code against an earlier commit, in turn, on the same tiles and with the same seeds.

    .venv/bin/python benchmarks/train.py [--tiles results/models/NAME.tiles.h5] [--old 513e5e5] [--old-python PYTHON]
        [--epochs 2] [--steps 12] [--rounds 3] [--threads 2] [--crop 192] [--batch 8]

Every training is a process of its own, as the rule `train` starts one; the earlier commit comes from a git worktree in
a temporary folder. Without --tiles the tiles are noise with discs: what they show costs no time. The first epoch, in
which TensorFlow builds its graphs, is told apart: `steps/s` and processor time are those of the epochs after it,
validation included, `whole` is the seconds of the whole training. Medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
FLAGS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")

# Runs in both commits: the earlier one may have its modules in one folder, and settings as keywords.
JOB = """
import importlib, json, resource, sys, tempfile, time
a = json.loads(sys.argv[1])

def module(name, flat):
    try:
        return importlib.import_module("ultraseg." + name)
    except ModuleNotFoundError:
        return importlib.import_module("ultraseg." + flat)

module("networks.devices", "devices").open_device("cpu", a["threads"])
marks = []

def clock():
    used = resource.getrusage(resource.RUSAGE_SELF)
    marks.append((time.monotonic(), used.ru_utime, used.ru_stime))
    return marks[-1][0]

training = module("train.train_network", "train")
settings = a["settings"]
start = time.monotonic()
with tempfile.TemporaryDirectory() as folder:
    if hasattr(training, "TrainSettings"):
        result = training.train_network(a["tiles"], folder, training.TrainSettings(**settings), clock=clock)
    else:
        result = training.train_network(a["tiles"], folder, clock=clock, **settings)
whole = time.monotonic() - start
wall, user, system = (
    sum(end[i] - begin[i] for begin, end in zip(marks[2::2], marks[3::2])) for i in range(3)
)
steps = (settings["epochs"] - 1) * settings["steps_per_epoch"]
print(json.dumps({
    "whole": whole, "rate": steps / wall, "user": user / steps, "system": system / steps,
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "losses": [row["loss"] for row in result.history], "val_losses": [row["val_loss"] for row in result.history],
}))
"""


def write_tiles_of_noise(path: Path) -> None:
    """28 training and 4 validation tiles of 320 x 320 pixels with three structures."""
    import numpy as np
    from ultraseg.train.tiles import cut_tiles, write_tiles

    def slice_of(z: int):
        rng = np.random.default_rng(z)
        y, x = np.mgrid[:640, :1280]
        target = np.zeros((3, *y.shape), np.uint8)
        for k, radius in enumerate((40, 20, 8)):
            for centre in rng.integers(0, y.shape, (40, 2)):
                target[k, (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2] = 255
        image = 120 + 30 * (target > 0).sum(0) + rng.normal(0, 20, y.shape)
        return np.stack([image.clip(0, 255).astype(np.uint8)] * 3), target

    groups = []
    for z in range(4):
        image, target = slice_of(z)
        tiles = cut_tiles(image, target, np.ones(3), z=z, tile=320, tiles_per_slice=1 if z == 3 else 9)
        groups.append(("validation" if z == 3 else "train", "noise", tiles))
    write_tiles(path, groups, channels=["large", "middle", "small"])


@contextmanager
def worktree(commit: str, folder: Path) -> Iterator[Path]:
    """The files of a commit in a folder of their own."""
    path = folder / "old"
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--detach", str(path), commit], check=True, capture_output=True)
    try:
        yield path
    finally:
        subprocess.run([*git, "remove", "--force", str(path)], check=True, capture_output=True)


def commit_of(folder: Path) -> str:
    """The commit of a folder; with a plus where files differ from it."""

    def told(*command: str) -> str:
        return subprocess.run(
            ["git", "-C", str(folder), *command], check=True, capture_output=True, text=True
        ).stdout.strip()

    return told("rev-parse", "--short", "HEAD") + ("+" if told("status", "--porcelain", "-uno") else "")


def train(code: Path, python: str, tiles: Path, o: argparse.Namespace) -> dict:
    """One training in a process of its own: its figures."""
    settings = {"epochs": o.epochs, "steps_per_epoch": o.steps, "crop": o.crop, "batch": o.batch}
    asked = {"tiles": str(tiles), "threads": o.threads, "settings": settings}
    env = os.environ | {"PYTHONPATH": str(code / "workflow"), "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run([python, "-c", JOB, json.dumps(asked)], env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the training of {code} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(old: Path, tiles: Path, o: argparse.Namespace) -> dict[str, list[dict]]:
    """Figures of all rounds of both commits, one after the other in turn."""
    found: dict[str, list[dict]] = {"old": [], "new": []}
    for number in range(o.rounds):
        for name, code, python in (("old", old, o.old_python), ("new", ROOT, sys.executable)):
            found[name].append(train(code, python, tiles, o))
            figures = {key: round(value, 3) for key, value in found[name][-1].items() if "loss" not in key}
            print(f"round {number + 1}, {name}: {figures}", flush=True)
    return found


def medians(rounds: list[dict]) -> dict[str, float]:
    return {key: statistics.median(r[key] for r in rounds) for key in rounds[0] if "loss" not in key}


def processor() -> str:
    """Name of the processor and those of its instructions that matter."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    facts = dict(line.split("\t:", 1) if "\t:" in line else (line, "") for line in lines)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    flags = facts.get("flags", "").split()
    return f"{facts.get('model name', 'unknown')}, {os.cpu_count()} cores, {' '.join(f for f in FLAGS if f in flags)}"


def show(found: dict[str, list[dict]], commits: dict[str, str], o: argparse.Namespace) -> None:
    print(f"\n{processor()}; {o.threads} threads, load at the end {os.getloadavg()[0]:.1f}")
    print(
        f"{o.rounds} rounds of {o.epochs} epochs of {o.steps} steps, {o.batch} crops of {o.crop} x {o.crop}"
    )
    print(
        "                    steps/s   CPU s/step (user + system)   whole s   peak MB   losses (validation)"
    )
    m = {name: medians(rounds) for name, rounds in found.items()}
    for name in ("old", "new"):
        losses = " ".join(f"{loss:.5f}" for loss in found[name][0]["losses"])
        held = " ".join(f"{loss:.4f}" for loss in found[name][0]["val_losses"] if loss is not None)
        f = m[name]
        cpu = f["user"] + f["system"]
        print(
            f"{name} {commits[name]:12} {f['rate']:8.3f}   {cpu:9.3f} ({f['user']:.3f} + {f['system']:.3f})"
            f"   {f['whole']:12.1f} {f['peak_mb']:9.0f}   {losses} ({held})"
        )
    cpu = [m[name]["user"] + m[name]["system"] for name in ("old", "new")]
    print(
        f"ratio: {m['new']['rate'] / m['old']['rate']:.2f} times the steps per second, "
        f"{cpu[0] / cpu[1]:.2f} times the steps per second of processor time, "
        f"whole {m['old']['whole'] / m['new']['whole']:.2f} times as fast"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiles", type=Path)
    parser.add_argument("--old", default="513e5e5")
    parser.add_argument("--old-python", default=sys.executable)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--crop", type=int, default=192)
    parser.add_argument("--batch", type=int, default=8)
    o = parser.parse_args()
    if o.epochs < 2:
        parser.error("--epochs must be 2 or more: the first epoch is not counted")
    with tempfile.TemporaryDirectory() as folder, worktree(o.old, Path(folder)) as old:
        tiles = o.tiles.resolve() if o.tiles else Path(folder) / "noise.tiles.h5"
        if not o.tiles:
            write_tiles_of_noise(tiles)
        commits = {"old": commit_of(old), "new": commit_of(ROOT)}
        show(compare(old, tiles, o), commits, o)


if __name__ == "__main__":
    main()
