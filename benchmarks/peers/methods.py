"""The methods of the comparison, and one run of one of them: prepared, measured, scored, and kept as a file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from common import ROOT

from peers.environments import InstallError, python_of
from peers.measure import LOG, PARTS, measured, total
from peers.scoring import scores, with_ids_of
from peers.volumes import CELLS, ORGANELLES, PROTRUSIONS, SLABS, Task, on_pieces, read

HERE = Path(__file__).parent
TASKS = {
    "cells": list(CELLS),
    "organelles": list(ORGANELLES),
    "protrusions": list(PROTRUSIONS),
    "slab": list(SLABS),
}
RESULT, FAILED = "result.json", "failed.json"
OF_OURS = ("pieces.npy", "maps.npy")
OWN_PYTHON = ("ours", "shape", "published", "linking")  # methods that run in our environment
LAST_LINES = 6  # of what a program that failed has printed


@dataclass(frozen=True)
class Method:
    """title: in tables; folder: with run.py and requirements.lock; after: what must be finished before; options."""

    title: str
    folder: str
    after: str = ""
    options: tuple[str, ...] = ()


METHODS: dict[str, dict[str, Method]] = {
    "cells": {
        "ours": Method("ultraseg", "ours"),
        "shape": Method("shape interpolation", "shape"),
        "biomedisa": Method("Biomedisa", "biomedisa"),
        "published": Method("published scripts' way", "published", after="ours"),
        "cellpose": Method("Cellpose, stitching", "cellpose", after="ours"),
        "usegment3d": Method("u-Segment3D", "usegment3d", after="ours"),
    },
    "organelles": {
        "ours": Method("ultraseg", "ours"),
        "nnunet": Method("nnU-Net v2", "nnunet", options=("20",)),  # minutes of processor time
        "biapy": Method("BiaPy", "biapy", options=("15",)),  # epochs, about 20 minutes
    },
    "protrusions": {
        "ours": Method("ultraseg, linking alone", "linking", options=("ours",)),
        "with-flow": Method("- with optical flow", "linking", options=("with-flow",)),
        "greedy": Method("published loop over regions", "linking", options=("greedy",)),
        "cellpose": Method("Cellpose, stitching", "cellpose"),
        "usegment3d": Method("u-Segment3D", "usegment3d"),
        "ultrack": Method("ultrack", "ultrack"),
        "trackastra": Method("Trackastra", "trackastra"),
    },
    "slab": {
        "ours": Method("ultraseg", "ours"),
        "biomedisa": Method("Biomedisa", "biomedisa"),
        "cellpose": Method("Cellpose, stitching", "cellpose", after="ours"),
        "usegment3d": Method("u-Segment3D", "usegment3d", after="ours"),
    },
}


def run(
    runs: Path,
    job: str,
    name: str,
    method: str,
    data_root: Path,
    *,
    again: bool = False,
    cores: int = 2,
    minutes: float | None = None,
) -> str:
    """Make one row of a table, unless it is there; returns in words what became of it."""
    folder, how = runs / job / name / method, METHODS[job][method]
    if (folder / RESULT).exists():
        return "is there"
    if (folder / FAILED).exists() and not again:
        return "failed before"
    if how.after and not (runs / job / name / how.after / RESULT).exists():
        return f"waits for {how.after}"
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / FAILED).exists():  # what the failed try took does not count
        for old in (FAILED, PARTS, LOG):
            (folder / old).unlink(missing_ok=True)
    for kind in ("result", "objects"):
        for file in folder.glob(f"{kind}-*.npy"):
            file.unlink()
    try:
        python = python_of(how.folder)
    except InstallError as error:
        return keep(
            folder / FAILED, {"step": "installation", "error": plain(str(error))}, "installation failed"
        )
    task, given = read(job, name, data_root), folder / "given"
    task.write(given)
    if how.after:  # what ours found in two dimensions is given to those that only link
        for file in OF_OURS:
            shutil.copy(runs / job / name / how.after / file, given)
    command = [
        str(python),
        str(HERE / how.folder / "run.py"),
        *arguments(how, task, given, folder, data_root, cores),
    ]
    env = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
    env["PYTHONPATH"] = str(ROOT / "workflow" if how.folder in OWN_PYTHON else HERE / "site")
    cost = measured(command, folder, env=env, cwd=ROOT, most_seconds=minutes and 60 * minutes)
    if cost.stopped:
        return f"cut off after {cost.seconds:.0f} s; call again and it goes on"
    # Some programs end well after an error of theirs, so the result is looked for.
    missing = [] if cost.status else [s for s in task.truth if not result_file(folder, s)]
    if cost.status or missing:
        said = last_words((folder / LOG).read_text())
        said += [f"no result-{structure}.npy" for structure in missing]
        return keep(
            folder / FAILED, {"step": "run", "error": plain("\n".join(said)), **asdict(cost)}, "failed"
        )
    about = {
        "scores": scores(task, result_of(runs, task, method)),
        "commit": commit(),
        **asdict(total(folder)),
    }
    return keep(folder / RESULT, about, f"done, {about['cpu_seconds'] / 60:.1f} CPU minutes")


def result_of(runs: Path, task: Task, method: str) -> dict[str, np.ndarray]:
    """What a finished method found: {structure: (Z, Y, X)}; objects of its own numbers take the ids of the labels."""
    folder, found = runs / task.job / task.name / method, {}
    for structure in task.truth:
        file = result_file(folder, structure)
        if file is None:
            raise FileNotFoundError(f"{folder}: no result for {structure}")
        found[structure] = enlarged(np.load(file), task.image.shape)
        if file.name.startswith("objects"):
            labels, given = task.labels[structure], task.given
            if task.pieces is not None:  # bodies have ids between the labelled slices as well
                labels, given = (
                    on_pieces(task.pieces, task.nodes, task.nodes["cell"]),
                    list(range(len(labels))),
                )
            found[structure] = with_ids_of(labels, given, found[structure])
    return found


def enlarged(objects: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Objects (Z, y, x) that were linked at the scale of a network, at the size of the image."""
    factor = -(-shape[1] // objects.shape[1])
    return objects.repeat(factor, 1).repeat(factor, 2)[:, : shape[1], : shape[2]] if factor > 1 else objects


def result_file(folder: Path, structure: str) -> Path | None:
    """The file with the result of a structure: under the ids of the labels, or objects under numbers of their own."""
    files = [folder / f"{kind}-{structure}.npy" for kind in ("result", "objects")]
    return next((file for file in files if file.exists()), None)


def last_words(log: str) -> list[str]:
    """The last lines of a log; of a traceback only the error that ends it."""
    lines = log.strip().splitlines()
    frames = [i for i, line in enumerate(lines) if line.startswith('  File "')]
    if frames:
        rest = lines[frames[-1] + 1 :]
        while rest and rest[0].startswith("  "):
            rest = rest[1:]
        lines = rest or lines
    return lines[-LAST_LINES:]


def plain(text: str) -> str:
    """An error without the folders of this computer, so that it can be shown."""
    names = {str(ROOT): ".", sys.base_prefix: "python", str(Path.home()): "~"}
    for folder, name in sorted(
        names.items(), key=lambda one: -len(one[0])
    ):  # one may be the beginning of another
        text = text.replace(folder, name)
    return text


def arguments(how: Method, task: Task, given: Path, folder: Path, data_root: Path, cores: int) -> list[str]:
    """What follows the name of the script: folder of what is given and folder of the result, and its own options."""
    if how.folder != "ours":
        return [str(given), str(folder), *how.options]
    return [str(folder), "--task", task.name, "--data-root", str(data_root), "--cores", str(cores)]


def keep(file: Path, about: dict, said: str) -> str:
    """Write a whole file or none: a row of a table is there or is not."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps(about, indent=1) + "\n")
    os.replace(part, file)
    return said


def commit() -> str:
    """The last commit that changed our code or its configurations, with + where files differ from it."""
    code = ["--", "workflow", "config"]
    last = subprocess.run(
        ["git", "log", "-1", "--format=%h", *code], cwd=ROOT, capture_output=True, text=True
    )
    differs = subprocess.run(
        ["git", "status", "--porcelain", *code], cwd=ROOT, capture_output=True, text=True
    )
    return last.stdout.strip() + ("+" if differs.stdout.strip() else "")
