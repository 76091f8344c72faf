"""The commands of README.md and the other pages, and how tests run each: a new one fails until it is here."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "config/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
# Words in the text that begin a command; a single word is a name, not a command.
PROGRAMS = r"ultraseg|snakemake|make|python3?|git|curl|wget|unzip|cut|cat|mkdir"
PROGRAMS += r"|squeue|scancel|sinfo|sacct|sacctmgr|scontrol|module|tmux|ssh|rsync|uvx|kill|df|du|ps"

# Run exactly as written, in a copy of the repository whose runs/demo is finished.
AS_WRITTEN = {
    "cd ultraseg",
    ". .venv/bin/activate",
    "make demo",
    "make status DIRECTORY=runs/demo",
    "python -m zipfile -e runs/demo/results/report.zip runs/demo",
    "cut -d, -f1-4 runs/demo/results/demo/tables/cells.csv",
    "mkdir -p public",
    "ultraseg cut public/raw.h5:raw --labels cells=public/ids.h5:stack --every 10 --truth --z 0 120 "
    "--to data/fib25",
    "ultraseg cut s3://janelia-cosem-datasets/jrc_hela-2/jrc_hela-2.zarr/recon-1/em/fibsem-uint8/s2 "
    "--z 600 728 --x 1000 1800 --to data/hela",
    "ultraseg --help",
    "ultraseg --version",
    "ultraseg check --configfile my.yaml",
    "snakemake check --configfile config/fib25.yaml",
    "snakemake check --configfile hela.yaml",
    "ultraseg export slices --directory runs/demo",
    "snakemake check --configfile my.yaml",
    "snakemake check --configfile config/planned.yaml",
    "snakemake -n --quiet rules --configfile my.yaml",
    "snakemake --profile profiles/slurm --configfile my.yaml -n --quiet rules",
    "snakemake --profile profiles/slurm --configfile my.yaml -n",
    "snakemake --profile profiles/slurm --configfile my.yaml --unlock",
    "snakemake -n",
    "snakemake --dag",
    "snakemake --rulegraph",
    "snakemake --summary",
    "snakemake --help",
    "snakemake --unlock",
}
# They print an address and serve until Ctrl-C: run as written, the page is fetched, then interrupted.
SERVE = {
    "make view DIRECTORY=runs/demo",
    "ultraseg view --directory runs/demo --volume demo",
}
# They would run for minutes or change the environment: with -n added, which only tells what would run.
DRY = {
    "make test",
    "make test-quick",
    "make test-optional",
    "make lint",
    "make format",
    "make docs",
    "make lock",
    "make env",
    "make env ENV=gpu",
    "make env ENV=jax",
    "make PYTHON=python3.12 demo",
    "snakemake --configfile my.yaml",
    "snakemake --configfile my.yaml --quiet all",
    "snakemake --profile profiles/slurm --configfile my.yaml",
    "snakemake --configfile my.yaml --config data_root=/path/to/data",
    "snakemake --configfile config/fib25.yaml --config data_root=/path/to/data --directory runs/fib25",
    "snakemake --configfile config/vnc.yaml --config data_root=/path/to/data --directory runs/vnc",
    "snakemake --configfile config/fib25.yaml --directory runs/fib25 --config data_root=$PWD/data",
    "snakemake --configfile hela.yaml",
    "snakemake viewer --configfile config/demo.yaml --directory runs/demo",
    "snakemake viewer",
    "snakemake meshes",
    "snakemake meshes --configfile config/demo.yaml --directory runs/demo",
    "make napari DIRECTORY=runs/demo",
    "make extras",
}
# Placeholders, long runs and programs that may be missing: another command that does the same on what is there.
INSTEAD = {
    "make view DIRECTORY=FOLDER VOLUME=NAME": "make -n view DIRECTORY=runs/demo VOLUME=demo",
    "make view VOLUME=hela": "make -n view VOLUME=hela",
    "ultraseg check --configfile FILE": "ultraseg check --configfile config/demo.yaml",
    "make status DIRECTORY=FOLDER": "make status DIRECTORY=runs/demo",
    "make status": "make status DIRECTORY=runs/demo",
    "KERAS_BACKEND=jax snakemake --configfile my.yaml": "KERAS_BACKEND=jax snakemake --configfile my.yaml -n",
    "make napari DIRECTORY=FOLDER": "make -n napari DIRECTORY=runs/demo",
    "ultraseg napari --directory runs/demo --python ~/napari/bin/python": "ultraseg napari --help",
    # Driven in napari itself: tests/unit/exchange/test_label_window.py.
    "ultraseg label": "ultraseg label --help",
    "ultraseg napari": "ultraseg napari --help",
    "make napari": "make -n napari DIRECTORY=runs/demo",
    "ultraseg label --configfile my.yaml": "ultraseg label --help",
    # With kimimaro itself: tests/unit/viewer/test_skeletons.py.
    "ultraseg export webknossos --directory runs/demo --structures cells": (
        "ultraseg export webknossos --directory runs/demo --structures cells --to exported"
    ),
    "ultraseg export webknossos-annotation --directory runs/demo --structures cells --dataset my_dataset": (
        "ultraseg export webknossos-annotation --directory runs/demo --structures cells --dataset my_dataset"
        " --to exported"
    ),
    # Its voxels: tests/unit/exchange/test_webknossos_write.py.
    "ultraseg export webknossos": "ultraseg export --help",
    "ultraseg export webknossos-annotation": "ultraseg export --help",
    # With annotations of every kind: tests/unit/exchange/test_annotation.py.
    "ultraseg annotation": "ultraseg annotation --help",
    "ultraseg annotation biopsy1.zip --configfile my.yaml --structure cells": "ultraseg annotation --help",
    # With rocrate itself: tests/unit/archive/test_crate.py.
    "ultraseg crate": "ultraseg crate --help",
    'ultraseg crate --configfile my.yaml --licence CC-BY-4.0 --author "Ada Lovelace"': "ultraseg crate --help",
    # With bioimageio.core itself: tests/unit/archive/test_model_package.py.
    "ultraseg bioimageio": "ultraseg bioimageio --help",
    'ultraseg bioimageio --directory runs/demo --licence CC-BY-4.0 --author "Ada Lovelace" --doi 10.1000/182': (
        "ultraseg bioimageio --help"
    ),
    "ultraseg export swc": "ultraseg export --help",
    "ultraseg export swc --directory runs/demo --structures cells": "ultraseg export --help",
    "ultraseg export slices": "ultraseg export slices --directory runs/demo --to exported",
    "ultraseg proofread export": "ultraseg proofread export --help",
    "ultraseg proofread export --configfile my.yaml --slices 12 40-42": (
        "ultraseg proofread export --configfile config/demo.yaml --directory runs/demo --slices 2 8-9"
    ),
    # Both ways with an edited file: test_finished_run.
    "ultraseg proofread import --configfile my.yaml": "ultraseg proofread import --help",
    "ultraseg compare A B": "ultraseg compare runs/demo runs/demo --to compared",
    "ultraseg compare runs/before runs/after --to compare": "ultraseg compare --help",
    "ultraseg cut SOURCE --to FOLDER": "ultraseg cut --help",
    "ultraseg cut": "ultraseg cut --help",
    "ultraseg view": "ultraseg view --help",
    "ultraseg view --directory /scratch/me/run1 --no-browser": "ultraseg view --help",
    "ultraseg status --directory runs/demo --watch": "ultraseg status --directory runs/demo",
    "snakemake ...": "snakemake --configfile my.yaml -n",
    "ultraseg status": "ultraseg status --directory runs/demo",
    "snakemake ... --touch": "snakemake --configfile config/demo.yaml --directory runs/demo --touch",
    "snakemake ... --unlock": "snakemake --configfile my.yaml --unlock",
    "snakemake ... --config data_root=/data": "snakemake --configfile my.yaml -n --config data_root=$PWD",
    "snakemake ... --directory FOLDER": "snakemake --configfile config/demo.yaml -n --directory runs/demo",
    "snakemake --configfile FILE": "snakemake --configfile my.yaml -n",
    "snakemake --profile profiles/slurm": "snakemake --profile profiles/slurm -n",
    "snakemake check": "snakemake check --configfile my.yaml",
    "ultraseg COMMAND --help": "ultraseg export --help",
    "snakemake verify": "snakemake verify --configfile config/demo.yaml --directory runs/demo",
    "snakemake results/biopsy1/tables/cells.csv": "snakemake results/biopsy1/tables/cells.csv --configfile my.yaml -n",
    "snakemake --rulegraph | dot -Tsvg > steps.svg": "snakemake --rulegraph > steps.dot",
    "ps -u $USER -o pid,etime,args | grep snakemake": "ps -u $(id -un) -o pid,etime,args | grep -c snakemake",
    "cat runs/fib25/results/fib25/summary.txt": "cat runs/demo/results/demo/summary.txt",
    "python benchmarks/spacing.py --only demo": "python benchmarks/spacing.py --help",
    "python benchmarks/spacing.py --data-root /path/to/data --only fib25": "python benchmarks/spacing.py --help",
    "python benchmarks/spacing.py --data-root /where/fib25/is --only fib25": "python benchmarks/spacing.py --help",
    "python benchmarks/cell_limits.py --data-root /where/fib25/is": "python benchmarks/cell_limits.py --help",
    "python benchmarks/planes.py --data-root /where/fib25/is": "python benchmarks/planes.py --help",
    "python benchmarks/propagation.py --data-root /where/fib25/is --only fib25 --minutes 15 --views 4": (
        "python benchmarks/propagation.py --help"
    ),
    "python benchmarks/protrusions.py": "python benchmarks/protrusions.py --help",
    "python benchmarks/label_gain.py --configfile config/demo.yaml --directory runs/demo": (
        "python benchmarks/label_gain.py --help"
    ),
    "python benchmarks/objects.py": "python benchmarks/objects.py --help",
    "python benchmarks/microscope.py": "python benchmarks/microscope.py --help",
    "python benchmarks/label_next.py --data-root /where/fib25/is": "python benchmarks/label_next.py --help",
    "df -h results": "df -h runs/demo/results",
    "du -sh results/*/work": "du -sh runs/demo/results/*/work",
    "ultraseg phantom FOLDER --shape 64 512 512 --label-slices 0 8 16": (
        "ultraseg phantom made --shape 9 32 32 --label-slices 0 8"
    ),
    "python benchmarks/results.py --data-root /where/fib25/and/vnc/are": "python benchmarks/results.py --help",
    "python benchmarks/ingest.py": "python benchmarks/ingest.py --help",
    "python benchmarks/scale.py --slices 16 64 128": "python benchmarks/scale.py --help",
    "python benchmarks/link.py --copies 16 64 256": "python benchmarks/link.py --help",
    "python benchmarks/dag.py --slabs 10000 --simulate --most-jobs 20000": "python benchmarks/dag.py --help",
    "python benchmarks/dag.py --slabs 2500 --simulate --most-jobs 3000": "python benchmarks/dag.py --help",
    "python benchmarks/dag.py --slabs 1000": "python benchmarks/dag.py --help",
    "python benchmarks/startup.py": "python benchmarks/startup.py --help",
    "python benchmarks/train.py --rounds 5": "python benchmarks/train.py --help",
    "make peers DATA=/where/fib25/and/vnc/are": "make -n peers DATA=data",
    "python benchmarks/compare_peers.py --help": "python benchmarks/compare_peers.py --help",
}
SLURM = "needs a SLURM cluster; tests/slurm runs the workflow on one"
NETWORK = "needs the internet"
CONTAINERS = "needs a registry of images; tests/workflow/test_deployment.py checks the recipes"
# Not run at all, and why; that the shell can parse them is checked.
NOT_RUN = {
    "git clone <address of this repository> ultraseg": NETWORK,
    "curl -L -o public/raw.h5 https://storage.googleapis.com/ffn-flyem-fib25/training_sample2/grayscale_maps.h5": (
        NETWORK
    ),
    "curl -L -o public/ids.h5 https://storage.googleapis.com/ffn-flyem-fib25/training_sample2/groundtruth.h5": NETWORK,
    "wget -m -nH --cut-dirs=3 -P public ftp://ftp.ebi.ac.uk/empiar/world_availability/NUMBER/data/": NETWORK,
    "apptainer build ultraseg.sif envs/ultraseg.def": CONTAINERS,
    "apptainer exec ultraseg.sif snakemake --snakefile /opt/ultraseg/Snakefile --configfile my.yaml": CONTAINERS,
    "docker build -f envs/Dockerfile -t ultraseg .": CONTAINERS,
    'docker run --rm -v "$PWD:/work" ultraseg snakemake --snakefile /opt/ultraseg/Snakefile --configfile my.yaml': (
        CONTAINERS
    ),
    "squeue --me": SLURM,
    'squeue --me -o "%i %T %M %l %m %k"': SLURM,
    "scancel --me": SLURM,
    "scancel JOBID JOBID": SLURM,
    "sacctmgr show user $USER withassoc": SLURM,
    'sinfo -o "%P %G %l"': SLURM,
    'sinfo -o "%P %G"': SLURM,
    "module avail python": "needs a cluster",
    "tmux": "waits for a person",
    "tmux attach": "waits for a person",
    "kill 4711": "ends a process",
    "rsync -a runs/demo/results/demo/viewer runs/demo/results/demo/image.zarr me@www.example:/var/www/html/demo/": (
        "needs a web server"
    ),
    "ssh -N -L 40617:127.0.0.1:40617 -J me@login1.cluster.example me@node17": "needs a cluster",
}


def shell_line(command: str) -> str | None:
    """What a test runs for a command; None for those that it cannot run."""
    if command in DRY:
        return command.replace("make ", "make -n ", 1) if command.startswith("make ") else f"{command} -n"
    return command if command in AS_WRITTEN else INSTEAD.get(command)


def blocks(page: str) -> list[str]:
    """The fenced blocks of language sh."""
    return re.findall(r"^[ ]*```sh\n(.*?)^[ ]*```", page, re.M | re.S)


def commands(block: str) -> list[str]:
    """The commands of a block: continued lines joined, comments and empty lines left out."""
    lines = (re.sub(r"(^|\s+)#\s.*$", "", line).strip() for line in block.replace("\\\n", " ").splitlines())
    return [re.sub(r"\s+", " ", line) for line in lines if line]


def in_text(page: str) -> list[str]:
    """Commands between backticks in the text: a program and at least one more word."""
    text = re.sub(r"^[ ]*```.*?^[ ]*```", "", page, flags=re.M | re.S).replace("\\|", "|")
    return re.findall(rf"(?<!`)`((?:{PROGRAMS}) [^`\n]+|\. \.venv/[^`\n]+)`", text)


def documented() -> dict[str, list[str]]:
    """Every command of the pages, with the pages that it is on."""
    found: dict[str, list[str]] = {}
    for page in PAGES:
        text = page.read_text()
        for command in [*(c for block in blocks(text) for c in commands(block)), *in_text(text)]:
            found.setdefault(command, []).append(page.name)
    return found
