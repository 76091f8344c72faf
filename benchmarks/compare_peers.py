"""Other programs beside ultraseg: the same volumes, the same labelled slices, one scorer; writes docs/comparison.md.

    .venv/bin/python benchmarks/compare_peers.py --data-root /where/fib25/and/vnc/are [--cores 2]
        [--only cells/ours ...] [--tasks fib25-20 ...] [--minutes-at-a-time 10] [--again] [--tables]

Every method runs in an environment of its own (`.venv-peers`), made from the lock file in its folder under
benchmarks/peers. A method gets a folder with the image and the labelled slices, never the truth. What is finished
lies in runs/peers and is not made again; a run that was cut off goes on. What failed is kept with its error;
`--again` tries it once more. `--tables` only writes tables and pictures from what is there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from common import ROOT, options
from peers import page, pictures
from peers.methods import METHODS, TASKS, run
from peers.volumes import read

RUNS = ROOT / "runs/peers"


def main() -> None:
    parser = options(__doc__, "data-root", "cores")
    names = [f"{job}/{method}" for job, methods in METHODS.items() for method in methods]
    parser.add_argument("--only", nargs="+", choices=names, metavar="JOB/METHOD", help=", ".join(names))
    parser.add_argument("--tasks", nargs="+", choices=[t for tasks in TASKS.values() for t in tasks])
    parser.add_argument(
        "--minutes-at-a-time", type=float, help="interrupt a method after so long; call again"
    )
    parser.add_argument("--again", action="store_true", help="try again what failed")
    parser.add_argument("--tables", action="store_true", help="run nothing")
    o = parser.parse_args()
    root, cut, new = Path(os.path.abspath(o.data_root)), False, set()
    for job, methods in METHODS.items():
        for name in TASKS[job]:
            for method in methods:
                wanted = not o.only or f"{job}/{method}" in o.only
                if o.tables or not wanted or (o.tasks and name not in o.tasks):
                    continue
                how = {"again": o.again, "cores": o.cores, "minutes": o.minutes_at_a_time}
                said = run(RUNS, job, name, method, root, **how)
                print(f"{job} {name} {method}: {said}", flush=True)
                cut |= said.startswith("cut off")
                new |= {(job, name)} if said.startswith("done") else set()
    every = {(job, name) for job, tasks in TASKS.items() for name in tasks}
    for job, name in sorted(every if o.tables else new):
        if name in pictures.SHOWN and pictures.finished(RUNS, job, name):
            pictures.draw(RUNS, read(job, name, root))
    page.write(RUNS)
    sys.exit(75 if cut else 0)


if __name__ == "__main__":
    main()
