"""Facts about a run for its report: programs, devices, times and memory of its jobs."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from ultraseg import __version__

PACKAGES = """
    snakemake snakemake-executor-plugin-slurm zarr numcodecs keras tensorflow tensorflow-cpu ai-edge-litert numpy scipy
    scikit-image opencv-python-headless connected-components-3d fastremap tifffile imagecodecs pandas pyarrow matplotlib
    neuroglancer
""".split()
JOB_COLUMNS = ["rule", "jobs", "total_s", "median_s", "longest_s", "cpu_s", "peak_memory_mb"]


def versions() -> pd.DataFrame:
    """Columns ``program`` and ``version`` of ultraseg, Python and the packages that results depend on."""
    found = [("ultraseg", __version__), ("python", platform.python_version())]
    for name in PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:  # only one of the two TensorFlows is installed
            continue
    found.append(("system", platform.platform()))
    return pd.DataFrame(found, columns=["program", "version"])


def job_costs(
    folder: str | Path, n_slabs: Mapping[str, int], rules: Sequence[str] | None = None
) -> pd.DataFrame:
    """Time and peak memory per rule, from the benchmark files (.tsv) of the jobs in the folder of logs.

    Columns ``JOB_COLUMNS``, in the order of ``rules`` and then by name. ``n_slabs``: slabs of each volume; files of
    slabs beyond, left by a run with thinner slabs, do not count. Peak memory is empty where no job was long enough
    for Snakemake to look at it.
    """
    rows = []
    for file in sorted(Path(folder).rglob("*.tsv")):
        parts = file.relative_to(folder).with_suffix("").parts
        if _is_left_over(parts, n_slabs):
            continue
        table = pd.read_csv(file, sep="\t", na_values=["-", "NA"])
        measured = pd.to_numeric(table["max_rss"], errors="coerce")
        rows.append(
            (
                parts[0],
                table["s"].sum(),
                pd.to_numeric(table["cpu_time"], errors="coerce").sum(),
                measured.max(),
            )
        )
    jobs = pd.DataFrame(rows, columns=["rule", "s", "cpu", "rss"])
    found = jobs.groupby("rule").agg(
        jobs=("s", "size"), total_s=("s", "sum"), median_s=("s", "median"), longest_s=("s", "max"),
        cpu_s=("cpu", "sum"), peak_memory_mb=("rss", "max"),
    )  # fmt: skip
    order = {rule: place for place, rule in enumerate(rules or ())}
    found = found.reset_index()
    return found.sort_values(
        "rule", key=lambda names: names.map(lambda name: (order.get(name, len(order)), name))
    )[JOB_COLUMNS].reset_index(drop=True)


def _is_left_over(parts: Sequence[str], n_slabs: Mapping[str, int]) -> bool:
    """Whether a benchmark file, rule/volume/.../slab, is of a slab that the volume does not have."""
    volume = next((part for part in parts[1:] if part in n_slabs), None)
    return volume is not None and parts[-1].isdecimal() and int(parts[-1]) >= n_slabs[volume]


def devices_used(cards: Iterable[str], slabs: Iterable[str]) -> pd.DataFrame:
    """What networks were trained and applied on: one row per network, purpose and kind of device.

    ``cards``: cards of networks; ``slabs``: records of predictions, in a folder per network.
    """
    rows = []
    for file in cards:
        card = json.loads(Path(file).read_text())
        if "device" in card:
            rows.append({"network": card["network"], "purpose": "training", **_device(card["device"])})
    for file in slabs:
        record = json.loads(Path(file).read_text())
        rows.append({"network": Path(file).parent.name, "purpose": "prediction", **_device(record)})
    table = pd.DataFrame(rows)
    return (
        table.groupby(list(table), sort=False, dropna=False).size().rename("jobs").reset_index()
        if rows
        else table
    )


def _device(record: Mapping[str, Any]) -> dict[str, str | int]:
    memory = record.get("memory_mb") or []
    return {
        "kind": record["kind"],
        "count": record["count"],
        "device": ", ".join(dict.fromkeys(record["names"])),
        "memory_gb": f"{max(memory) / 1024:.0f}" if memory else "",
        "driver": record["driver"] or "",
        "framework": record["framework"],
        "threads": record["threads"],
        "precision": record["precision"],
    }
