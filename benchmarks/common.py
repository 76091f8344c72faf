"""What the benchmarks share: the folder of the repository, and options that several of them have."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA_ROOT = {"default": "data", "help": "folder that holds the public volumes (docs/data.md; default: data)"}
SHARED = {
    "cores": {"type": int, "default": os.cpu_count(), "help": "default: all"},
    "data-root": DATA_ROOT,
    "run": {"type": Path, "default": ROOT / "runs/demo", "help": "folder of a finished run of the demo"},
    "minutes": {"type": float, "help": "time of a training"},
    "views": {"type": int, "default": 1, "choices": (1, 4, 8), "help": "views of a tile in prediction"},
}


def options(doc: str | None, *shared: str) -> argparse.ArgumentParser:
    """A parser that tells what the benchmark's docstring ``doc`` says first, with options of ``SHARED``."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    for name in shared:
        parser.add_argument(f"--{name}", **SHARED[name])
    return parser


def shape_and_slices(parser: argparse.ArgumentParser, slices: list[int]) -> None:
    """Options of the benchmarks on synthetic slices: pixels of a slice, and numbers of slices."""
    parser.add_argument(
        "--shape", type=int, nargs=2, default=[4000, 6000], metavar=("Y", "X"), help="pixels of a slice"
    )
    parser.add_argument("--slices", type=int, nargs="+", default=slices)
