"""A run as a Workflow Run RO-Crate: a JSON file in the folder of the run that tells what was made, how and by whom.

Only facts are gathered here. The library rocrate, in an environment of its own (make extras), writes the file.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from ultraseg import __version__
from ultraseg.archive.people import check_authors
from ultraseg.archive.rembi import scores_of, sheet
from ultraseg.base.errors import UserError
from ultraseg.base.files import write_text
from ultraseg.grid.paths import LOGS, MODELS, REPORT, VolumeFiles, metadata
from ultraseg.plan.config import load_config
from ultraseg.plan.config_file import read_config_file
from ultraseg.report.run_facts import versions
from ultraseg.storage.arrays import shape_of
from ultraseg.storage.finished_runs import volumes_of
from ultraseg.storage.ome_read import read_scaling, structures_of
from ultraseg.viewer.skeletons import ROOT, find_python

SCRIPT = Path(__file__).with_name("write_crate.py")
CRATE, COPIES = (
    "ro-crate-metadata.json",
    "ro-crate",
)  # the file, and the folder of copies of workflow and configuration
SHEET = f"{COPIES}/rembi.tsv"
SPDX = "https://spdx.org/licenses/"
SCORES = ("dice", "adapted_rand_error", "precision", "recall", "average_precision_50")


def write_crate(
    configfile: Path, directory: Path, licence: str, authors: Sequence[str], orcids: Sequence[str] = ()
) -> Path:
    """Describe the run in ``directory`` as a RO-Crate; returns its metadata file, which lies in this folder.

    licence: of the results, an address or a name of SPDX such as CC-BY-4.0; authors: names of people; orcids: their
    numbers, as many, or none. Raises UserError where the run is not finished, or where rocrate is missing.
    """
    python, folder = find_python("rocrate"), Path(directory)
    facts = gather(configfile, folder, licence, authors, orcids)
    (folder / COPIES).mkdir(exist_ok=True)
    shutil.copy(ROOT / "workflow/Snakefile", folder / facts["workflow"])
    write_text(folder / facts["config"], Path(configfile).read_text())
    write_text(folder / SHEET, sheet(facts, about_volumes(configfile, folder)))
    with tempfile.TemporaryDirectory() as scratch:
        write_text(f"{scratch}/facts.json", json.dumps(facts))
        done = subprocess.run([python, "-P", str(SCRIPT), f"{scratch}/facts.json", str(folder)])
    if done.returncode:
        raise UserError(f"rocrate ended with status {done.returncode}", "See its words above.")
    return folder / CRATE


def gather(
    configfile: Path, folder: Path, licence: str, authors: Sequence[str], orcids: Sequence[str]
) -> dict[str, Any]:
    """All that the crate says, as plain values. Raises UserError."""
    given = read_config_file(configfile)
    config = load_config(given)
    check_authors(authors, orcids)
    volumes = [name for name in volumes_of(folder) if name in config["volumes"]]
    unfinished = [name for name in volumes if not (folder / VolumeFiles.of(name).summary).exists()]
    if unfinished or not volumes:
        raise UserError(
            f"{folder}: the run of {', '.join(unfinished) or 'this configuration'} is not finished",
            "Run snakemake to its end first.",
        )
    started, ended = _times(folder)
    return {
        "name": f"ultraseg run: {', '.join(volumes)}",
        "description": "Cells, organelles and protrusions in electron microscopy, with tables and accuracy.",
        "licence": licence if "://" in licence else SPDX + licence,
        "code_licence": SPDX + "MIT",
        "authors": [
            {"name": name, "id": f"https://orcid.org/{orcids[i]}" if orcids else f"#author-{i}"}
            for i, name in enumerate(authors)
        ],
        "command": f"snakemake --configfile {configfile}",
        "version": __version__,
        "snakemake": dict(versions().itertuples(index=False))["snakemake"],
        "software": [list(row) for row in versions().itertuples(index=False)],
        "started": started,
        "ended": ended,
        "workflow": f"{COPIES}/Snakefile",
        "config": f"{COPIES}/config.yaml",
        "parameters": dict(_leaves({k: v for k, v in given.items() if k != "volumes"})),
        "inputs": [pair for name in volumes for pair in _inputs(name, config["volumes"][name])],
        "files": [list(pair) for pair in _files(folder, volumes)],
        "folders": [
            [f"{VolumeFiles.of(name).image}/", f"image and labels of {name}, OME-Zarr 0.5"]
            for name in volumes
            if (folder / metadata(VolumeFiles.of(name).image)).exists()
        ],
        "scores": [pair for name in volumes for pair in _scores(folder, name)],
    }


def about_volumes(configfile: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """What the sheet for the BioImage Archive says of each volume (``rembi.sheet``)."""
    config, found = load_config(read_config_file(configfile)), {}
    for name in [name for name in volumes_of(folder) if name in config["volumes"]]:
        files = VolumeFiles(str(folder / VolumeFiles.of(name).folder))
        structures = structures_of(files.folder)
        table = pd.read_csv(files.metrics)
        found[name] = {
            "shape": shape_of(files.image_level()),
            "voxel_size_nm": read_scaling(files.image)[0].size_nm,
            "kinds": {s: config["structures"][s]["kind"] for s in structures if s in config["structures"]},
            "labelled": {s: _labelled(Path(files.coverage(s))) for s in structures},
            "scores": scores_of(table.to_dict("records")),
        }
    return found


def _labelled(coverage: Path) -> int:
    """How many slices of a structure people labelled."""
    return len(pd.read_csv(coverage)) if coverage.exists() else 0


def _times(folder: Path) -> tuple[str, str]:
    """When the first job of the run ended, and the last one, as the files that measure them are dated."""
    dates = [file.stat().st_mtime for file in (folder / LOGS).rglob("*.tsv")] or [os.path.getmtime(folder)]
    first, last = (datetime.datetime.fromtimestamp(date, datetime.UTC) for date in (min(dates), max(dates)))
    return first.isoformat(timespec="seconds"), last.isoformat(timespec="seconds")


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The settings of a configuration by their dotted names; a list is one setting."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}".lstrip("."))
    else:
        yield (
            path,
            value
            if isinstance(value, str)
            else yaml.safe_dump(value, default_flow_style=True).split("\n")[0],
        )


def _inputs(name: str, entry: dict[str, Any]) -> Iterator[list[str]]:
    if "image" in entry:
        yield [f"image of {name}", str(entry["image"])]
    for key in ("labels", "truth"):
        for structure, source in entry[key].items():
            yield [
                f"{key} of {structure}, {name}",
                source if isinstance(source, str) else str(source["path"]),
            ]
            planes = {} if isinstance(source, str) else source.get("planes", {})
            for plane, given in planes.items():
                path = given if isinstance(given, str) else str(given["path"])
                yield [f"{key} of {structure} on {plane} planes, {name}", path]


def _files(folder: Path, volumes: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Files of the results for people: path in the folder of the run, and what it is."""
    chosen = [(folder / REPORT, "report, to be opened in a browser")]
    for name in volumes:
        files = VolumeFiles.of(name)
        chosen += [
            (folder / files.metrics, f"accuracy of {name}"),
            (folder / files.summary, f"summary of {name}"),
        ]
        tables = sorted(Path(folder, files.table("cells")).parent.glob("*.csv"))
        chosen += [(table, f"table {table.stem} of {name}") for table in tables]
    chosen += [(file, f"network {file.stem}") for file in sorted((folder / MODELS).glob("*.keras"))]
    yield from ((str(file.relative_to(folder)), what) for file, what in chosen if file.exists())


def _scores(folder: Path, name: str) -> Iterator[list[Any]]:
    file = folder / VolumeFiles.of(name).metrics
    table = pd.read_csv(file)
    for row in table[table["metric"].isin(SCORES)].dropna(subset=["value"]).itertuples():
        yield [f"{name}: {row.metric} of {row.structure} ({row.split})", round(float(row.value), 6)]
