"""Measure time and memory of linking against the number of pieces.

    .venv/bin/python benchmarks/link.py [--run runs/demo] [--copies 16 64]

The pieces and overlaps of a finished run of the demo (make demo) stand side by side in so many copies, each with cells
of its own. Each size is linked, its tables read, in a process of its own; its memory is the peak over that after the
imports.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from common import options
from ultraseg.link.apply_edits import link_edited
from ultraseg.link.nodes import read_tables

ACROSS, APART = 8, 4000.0  # copies in a row, and pixels between copies
TABLES = {
    "pieces/tables": {"piece": "piece", "cell": "cell"},
    "edges": {"piece_a": "piece", "piece_b": "piece"},
}


def write_copies(work: Path, folder: Path, copies: int) -> None:
    """The tables of a run with so many copies of their rows, whose numbers > 0 rise from copy to copy."""
    found = {
        name: {f.name: pd.read_parquet(f) for f in sorted((work / name).glob("*.parquet"))} for name in TABLES
    }
    if not all(found.values()):
        raise SystemExit(f"{work}: no tables of pieces; call make demo first, or name its folder with --run")
    top = {
        c: max(int(table[c].max()) for table in found["pieces/tables"].values()) for c in ("piece", "cell")
    }
    for name, tables in found.items():
        (folder / name).mkdir(parents=True)
        for file, table in tables.items():
            parts = []
            for copy in range(copies):
                risen = {
                    c: table[c].where(table[c] == 0, table[c] + copy * top[of])
                    for c, of in TABLES[name].items()
                }
                if "x" in table:
                    row, column = divmod(copy, ACROSS)
                    risen |= {"y": table["y"] + row * APART, "x": table["x"] + column * APART}
                parts.append(table.assign(**risen).astype(table.dtypes))
            pd.concat(parts).to_parquet(folder / name / file)


def measure(folder: Path) -> None:
    """Link the tables in a folder and print one line."""
    tables = (sorted(map(str, (folder / name).glob("*.parquet"))) for name in TABLES)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    nodes, edges = read_tables(*tables)
    result, _ = link_edited(nodes, edges, [], {}, max_user_id=int(nodes["cell"].max()))
    seconds, count = time.process_time() - start, len(result.nodes)
    held = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{count:>10} {seconds:>8.1f} {1e6 * seconds / count:>13.1f} {held:>8.0f} {1000 * held / count:>12.2f}"
    )


def main() -> None:
    parser = options(__doc__, "run")
    parser.add_argument("--copies", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    o = parser.parse_args()
    if o.one:
        measure(o.one)
        return
    print(f"{'pieces':>10} {'s':>8} {'us_per_piece':>13} {'MB':>8} {'kB_per_piece':>12}", flush=True)
    for copies in o.copies:
        with tempfile.TemporaryDirectory() as folder:
            write_copies(o.run / "results/demo/work", Path(folder), copies)
            subprocess.run([sys.executable, __file__, "--one", folder], check=True)


if __name__ == "__main__":
    main()
