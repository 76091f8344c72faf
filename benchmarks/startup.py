"""Seconds of the processor that a job takes before its work begins: Python, Snakemake's part of a script, imports.

    .venv/bin/python benchmarks/startup.py [--against CHECKOUT] [--repeats 5]

Every script is started up to the end of its imports, as Snakemake starts it, in a Python of its own. With --against,
this code and another checkout (git worktree add FOLDER COMMIT) take turns; the fewest seconds of each count. The last
lines are sums over the jobs of the demo, as its dry run counts them.
"""

from __future__ import annotations

import ast
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from common import ROOT, options
from dag import measured, snakemake

# What Snakemake writes above a script.
PREAMBLE = (
    "import sys, pickle\nfrom snakemake.logging import logger\nfrom snakemake.iocontainers import Snakemake\n"
)
TOLD = "\nimport resource\nused = resource.getrusage(resource.RUSAGE_SELF)\nprint(used.ru_utime + used.ru_stime)\n"
# Scripts of version 0.1, which lay in one folder, where they had other names.
OLD_NAMES = {"array_layout": "arrays", "image_layout": "arrays_image", "viewer_files": "viewer"}
EMPTY = 20  # jobs without work
WORKFLOW = """
rule all:
    input: expand("{{i}}.txt", i=range({jobs}))
rule empty:
    output: "{{i}}.txt"
    log: "{{i}}.log"
    benchmark: "{{i}}.tsv"
    script: "empty.py"
"""


def scripts(checkout: Path) -> dict[str, Path]:
    """The scripts of a checkout, by the names of today."""
    found = {file.stem: file for file in (checkout / "workflow/scripts").rglob("*.py")}
    names = sorted(file.stem for file in (ROOT / "workflow/scripts").rglob("*.py"))
    known = {name: found.get(name) or found.get(OLD_NAMES.get(name, "")) for name in names}
    return {name: file for name, file in known.items() if file}


def started(checkout: Path, file: Path | None) -> float:
    """Seconds of the processor until the imports of a script are done; without a script, until Snakemake's own are."""
    nodes = ast.parse(file.read_text()).body if file else []
    imports = "\n".join(ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))
    env = os.environ | {"PYTHONPATH": str(checkout / "workflow")}
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + imports + TOLD],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def whole_empty_job() -> float:
    """Seconds of the processor of a job whose script does nothing, all that Snakemake does for it included."""
    seconds = []
    for jobs in (1, 1 + EMPTY):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            (folder / "Snakefile").write_text(WORKFLOW.format(jobs=jobs))
            (folder / "empty.py").write_text("open(snakemake.output[0], 'w').close()\n")
            command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all"]
            seconds.append(measured(command, folder).cpu_seconds)
    return (seconds[1] - seconds[0]) / EMPTY


def jobs_of_demo() -> dict[str, int]:
    """Number of jobs of every script in a run of the demo."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "config.yaml").write_text((ROOT / "config/config.yaml").read_text())
        text = measured(snakemake(folder, "--dry-run", "--quiet", "rules"), folder).text
    counts = {name: int(jobs) for name, jobs in re.findall(r"^(\w+) +(\d+)$", text, re.M)}
    found: dict[str, int] = {}
    for rule, stem in scripts_of_rules().items():
        own = [jobs for name, jobs in counts.items() if name == rule or name.startswith(f"{rule}_demo")]
        found[stem] = found.get(stem, 0) + sum(own)
    return found


def scripts_of_rules() -> dict[str, str]:
    """The name of the script of each rule, from the text of the rules; ``use rule`` takes the script of its base."""
    found: dict[str, str] = {}
    for file in sorted((ROOT / "workflow/rules").glob("*.smk")):
        parts = re.split(r"^ *(use rule \w+ as \w+ with|rule(?: \w+)?):$", file.read_text(), flags=re.M)[1:]
        for head, text in zip(parts[::2], parts[1::2], strict=True):
            words, script = head.split(), re.search(r'"\.\./scripts/[\w/]*?(\w+)\.py"', text)
            if words[0] == "use":
                found[words[4]] = found[words[2]]
            elif script:
                # Rules of one volume each name themselves.
                named = re.search(r'name:\s*f"(\w+)_\{', text)
                found[words[1] if len(words) > 1 else named[1] if named else script[1]] = script[1]
    return found


def main() -> None:
    parser = options(__doc__)
    parser.add_argument(
        "--against", type=Path, help="checkout of another commit, whose scripts are started too"
    )
    parser.add_argument("--repeats", type=int, default=5, help="starts of each script; default: 5")
    settings = parser.parse_args()
    checkouts = [ROOT, *([settings.against.resolve()] if settings.against else [])]
    jobs = jobs_of_demo()
    print(f"{'':20} {'jobs':>5} {'seconds':>8} {'other':>8} {'ratio':>6}")
    files = [scripts(checkout) for checkout in checkouts]
    sums = [0.0] * len(checkouts)
    for name in [None, *files[0]]:
        own = [one.get(name) if name else None for one in files]
        seconds: list[list[float]] = [[] for _ in checkouts]
        for _ in range(settings.repeats):
            for checkout, file, taken in zip(checkouts, own, seconds, strict=True):
                if file or name is None:
                    taken.append(started(checkout, file))
        fewest = [min(taken) for taken in seconds if taken]
        many = jobs.get(name or "", 0)
        if len(fewest) == len(checkouts):
            sums = [total + many * one for total, one in zip(sums, fewest, strict=True)]
        print_row(name or "an empty script", many if name else "", fewest)
    print_row("all jobs of the demo", sum(jobs.get(name, 0) for name in files[-1]), sums)
    whole = [whole_empty_job() for _ in range(settings.repeats)]
    print(f"a whole empty job, with all that Snakemake does for it: {statistics.median(whole):.2f} s")


def print_row(name: str, jobs: int | str, seconds: list[float]) -> None:
    """One line of the table: this code, the other checkout, and their ratio."""
    texts = [f"{one:8.2f}" for one in seconds] + [f"{seconds[0] / two:6.2f}" for two in seconds[1:]]
    print(f"{name:20} {jobs:>5} {' '.join(texts)}", flush=True)


if __name__ == "__main__":
    main()
