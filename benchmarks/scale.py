"""Run every stage on full-size synthetic slices; print each one's time, memory, files, bytes, and the forecast.

    .venv/bin/python benchmarks/scale.py [--shape 4000 6000] [--slices 16 64 128] [--folder runs/scale] [--cores 2]

Seconds and bytes are per slice, the forecast is that of ``snakemake check``. The tissue is a small phantom, repeated
over the slice (every copy with its own cells) and back and forth in z. The networks are tiny, so that prediction does
not hide the other stages. A call that was cut off goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
import yaml
from common import ROOT, options, shape_and_slices

SEED_SHAPE = (16, 500, 500)
LABEL_EVERY = 16
STRUCTURES = ("cells", "mitochondria")
NETWORK = {
    "epochs": 6, "steps_per_epoch": 20, "batch": 4, "crop": 96, "tile": 96, "filters": [8, 16, 24],
    "tiles_per_slice": 16,
}  # fmt: skip


def write_volume(folder: Path, shape: tuple[int, int], slices: int) -> None:
    """TIFF slices and labels; slices that repeat are links."""
    from ultraseg.phantom.volume import write_phantom

    seed = folder.parent / "seed"
    if not (seed / "done").exists():
        shutil.rmtree(seed, ignore_errors=True)
        write_phantom(str(seed), SEED_SHAPE, seed=5, label_slices=[0], scale=0.8)
        (seed / "done").touch()
    for name in ("image", *STRUCTURES):
        (folder / name).mkdir(parents=True, exist_ok=True)
    mitochondria = tifffile.imread(seed / "truth/mitochondria.tif") > 0
    for z in range(slices):
        place = _place(z)
        file, first = folder / f"image/z{z:04d}.tif", folder / f"image/z{place:04d}.tif"
        if not file.exists():
            if place < z:
                os.link(first, file)
            else:
                tifffile.imwrite(file, spread(tifffile.imread(seed / f"image/z{place:04d}.tif"), shape))
        if (z % LABEL_EVERY and z != slices - 1) or (folder / f"mitochondria/z{z:04d}.tif").exists():
            continue
        tifffile.imwrite(folder / f"cells/z{z:04d}.tif", true_cells(folder, shape, z), compression="zlib")
        mask = spread(mitochondria[place], shape).astype(np.uint8)
        tifffile.imwrite(folder / f"mitochondria/z{z:04d}.tif", mask, compression="zlib")


def _place(z: int) -> int:
    """The slice of the phantom that slice ``z`` shows: back and forth."""
    period = 2 * SEED_SHAPE[0] - 2
    return min(z % period, period - z % period)


def true_cells(folder: Path, shape: tuple[int, int], z: int) -> np.ndarray:
    """Ids of the cells of slice ``z``; every copy of the phantom has its own."""
    cells = tifffile.imread(folder.parent / "seed/truth/cells.tif").astype(np.uint32)
    copies = [-(-n // m) for n, m in zip(shape, SEED_SHAPE[1:], strict=True)]
    offset = np.arange(copies[0] * copies[1], dtype=np.uint32).reshape(copies) * cells.max()
    offset = np.kron(offset, np.ones(SEED_SHAPE[1:], np.uint32))[: shape[0], : shape[1]]
    ids = spread(cells[_place(z)], shape)
    return np.where(ids > 0, ids + offset, 0)


def spread(one: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A small slice repeated over a large one."""
    copies = [-(-n // m) for n, m in zip(shape, one.shape, strict=True)]
    return np.tile(one, copies)[: shape[0], : shape[1]]


def volume_settings(folder: Path, structures: Sequence[str]) -> dict:
    """The sections ``volumes`` and ``structures``: slices in ``folder``/image, labels in a folder per structure."""
    volume = {
        "image": str(folder / "image"),
        "voxel_size_nm": [4, 4, 4],
        "labels": {s: str(folder / s) for s in structures},
    }
    kinds = {s: {"kind": "cells" if s == "cells" else "organelle"} for s in structures}
    return {"volumes": {"big": volume}, "structures": kinds}


def configuration(folder: Path) -> dict:
    """The configuration of a run over the volume in ``folder``."""
    return volume_settings(folder, STRUCTURES) | {
        "networks": {
            "context": {"structures": ["cells"], "downsample": 4, **NETWORK},
            "detail": {"structures": ["mitochondria"], "downsample": 2, **NETWORK},
        },
    }


def run(folder: Path, cores: int, memory_mb: int, until: str | None) -> None:
    """Run the workflow, or go on with it."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(ROOT / "Snakefile"),
        "--directory",
        str(folder),
    ]
    command += [
        "--configfile",
        str(folder / "config.yaml"),
        "--cores",
        str(cores),
        "--resources",
        f"mem_mb={memory_mb}",
    ]
    command += ["--rerun-incomplete", "--rerun-triggers", "mtime", "--quiet", "all"]
    command += ["--until", until] if until else []
    subprocess.run([*command[:3], *command[3:], "--unlock"], capture_output=True, check=False)
    subprocess.run(command, check=True)


def stages(folder: Path, slices: int) -> pd.DataFrame:
    """Per rule: jobs, seconds per slice, the longest job, peak memory, files and bytes."""
    rows = []
    for file in sorted((folder / "logs").rglob("*.tsv")):
        table = pd.read_csv(file, sep="\t", na_values="-")
        rule = file.relative_to(folder / "logs").with_suffix("").parts[0]
        rows.append({"stage": rule, "jobs": 1, "s": table["s"].iloc[-1], "longest_s": table["s"].iloc[-1],
                     "peak_MB": table["max_rss"].iloc[-1]})  # fmt: skip
    how = {"jobs": "sum", "s": "sum", "longest_s": "max", "peak_MB": "max"}
    found = pd.DataFrame(rows).groupby("stage").agg(how)
    written: dict[str, list[int]] = {}
    for file in (folder / "results/checksums").rglob("*.json"):
        record = json.loads(file.read_text())
        sizes = [one["bytes"] for one in record["files"].values()]
        count, total = written.get(record["rule"], (0, 0))
        written[record["rule"]] = [count + len(sizes), total + sum(sizes)]
    found["files"] = [written.get(rule, (0, 0))[0] for rule in found.index]
    found["MB_per_slice"] = [round(written.get(rule, (0, 0))[1] / slices / 1e6, 2) for rule in found.index]
    found.insert(1, "s_per_slice", (found.pop("s") / slices).round(2))
    return found.round({"longest_s": 1, "peak_MB": 0})


def foreseen(folder: Path, slices: int) -> pd.DataFrame:
    """Per rule, what ``snakemake check`` expects: seconds per slice, and MB of the largest job."""
    from ultraseg.plan.config import load_config
    from ultraseg.plan.plan import Plan
    from ultraseg.run.costs import all_steps

    plan = Plan(load_config(yaml.safe_load((folder / "config.yaml").read_text())))
    rows = [
        {"stage": step.rule, "expected_s": step.seconds / slices, "expected_MB": step.job.mem_mb}
        for step in all_steps(plan)
    ]
    table = pd.DataFrame(rows).groupby("stage").agg({"expected_s": "sum", "expected_MB": "max"})
    return table.round({"expected_s": 2, "expected_MB": 0})


PER_SLAB = (
    "ingest", "quality_slab", "predict", "flow", "cuts", "propagate", "cells", "link_edges", "link_relabel",
    "objects_label", "objects", "measure_slab",
)  # fmt: skip
OF_CELLS = (
    "cuts", "flow", "try_method", "choose_method", "propagate", "cells", "link_edges", "link", "link_relabel",
)  # fmt: skip
# Whatever the number of slices:
ONCE = (
    "train", "augmentation", "try_method", "choose_method", "figures", "figure_cell", "figure_links", "learning_curves",
    "report", "report_run", "image_layout", "image_group", "structure_layout", "network_layout", "cell_layout",
    "cut_layout",
)  # fmt: skip


def forecast(found: pd.DataFrame, measured: int, slices: int, nodes: int, at_a_time: int) -> float:
    """Hours for a volume of ``slices`` such slices, stage after stage, with so many jobs at a time on each node.

    Jobs of slabs and gaps run in parallel, those of the volume alone; a stage takes as many rounds as its jobs need.
    """
    seconds = 0.0
    for stage, row in found.iterrows():
        work = row["s_per_slice"] * (measured if stage in ONCE else slices)
        jobs = max(1, round(row["jobs"] * slices / measured)) if stage in PER_SLAB else 1
        seconds += -(-jobs // (nodes * at_a_time)) * work / jobs
    return seconds / 3600


def main() -> None:
    parser = options(__doc__, "cores")
    shape_and_slices(parser, [16, 64, 128])
    parser.add_argument("--folder", type=Path, default=ROOT / "runs/scale")
    parser.add_argument("--memory-mb", type=int, default=16000, help="that jobs may ask for together")
    parser.add_argument("--jobs-per-node", type=int, default=8, help="for the forecast")
    parser.add_argument("--until")
    given = parser.parse_args()
    base, found = given.folder.absolute(), {}
    for slices in given.slices:
        folder = base / f"{given.shape[0]}x{given.shape[1]}x{slices}"
        write_volume(folder, tuple(given.shape), slices)
        (folder / "config.yaml").write_text(yaml.safe_dump(configuration(folder)))
        run(folder, given.cores, given.memory_mb, given.until)
        found[slices] = stages(folder, slices).join(foreseen(folder, slices))
        both = found[slices].dropna(subset="expected_s")
        total = {name: float((both[name] * slices).sum()) for name in ("s_per_slice", "expected_s")}
        print(
            f"\n{slices} slices of {given.shape[0]} x {given.shape[1]}\n\n{found[slices].to_string(na_rep='-')}",
            flush=True,
        )
        print(
            f"\nall stages that the check forecasts: {total['s_per_slice']:.0f} s, expected {total['expected_s']:.0f} s"
        )
        cells = found[slices].loc[found[slices].index.isin(OF_CELLS), "s_per_slice"].sum() * slices
        print(f"all stages of cells: {cells:.0f} s")
        hours = {
            n: round(float(forecast(found[slices], slices, 1000, n, given.jobs_per_node)), 2)
            for n in (1, 8, 64)
        }
        print(
            f"\n1000 such slices with {given.jobs_per_node} jobs at a time on a node, hours by nodes: {hours}"
        )
    few, many = found[min(found)], found[max(found)]
    if len(found) > 1:
        ratio = pd.DataFrame({c: many[c] / few[c] for c in ("s_per_slice", "peak_MB", "MB_per_slice")}).round(
            2
        )
        print(f"\n{max(found)} slices against {min(found)}, ratio\n\n{ratio.to_string()}")


if __name__ == "__main__":
    main()
