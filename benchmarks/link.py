"""Measure time and memory of linking against the depth of the volume.

    .venv/bin/python benchmarks/link.py [--run runs/demo] [--copies 16 64 256] [--across 1] [--at-once]

The pieces and overlaps of a finished run of the demo (make demo) stand side by side so many times (across, each with
cells of its own), and so many times behind each other (copies): every second copy is mirrored, so cells go on through
the whole depth. Each depth is linked in a process of its own, from reading its tables to writing those of the run. Its
memory is the peak over that after the imports. On disk is what it needs while it works. --at-once: with all pieces in
memory (link.apply_edits), for comparison.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pandas as pd
from common import options
from ultraseg.base.files import read_table, write_table, write_table_parts
from ultraseg.base.ids import number_in_volume
from ultraseg.link.apply_edits import link_edited
from ultraseg.link.nodes import read_edges, read_tables
from ultraseg.sweep.edited import link_volume

APART = 4000.0  # pixels between volumes that stand side by side
SLAB = 16


def widened(work: Path, across: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The pieces and overlaps of a run, side by side so many times."""
    files = [sorted((work / name).glob("*.parquet")) for name in ("pieces/tables", "edges")]
    if not all(files):
        raise SystemExit(f"{work}: no tables of pieces; call make demo first, or name its folder with --run")
    pieces, edges = (pd.concat([pd.read_parquet(file) for file in one], ignore_index=True) for one in files)
    pieces = pieces.astype({"piece": "int64", "cell": "int64"})
    piece, cell = int(pieces["piece"].max()), int(pieces["cell"].max())
    wide, between = [], []
    for i in range(across):
        risen = {"piece": pieces["piece"] + i * piece, "x": pieces["x"] + i * APART}
        risen["cell"] = pieces["cell"].where(pieces["cell"] == 0, pieces["cell"] + i * cell)
        if "new" in pieces:
            risen["new"] = pieces["new"].where(pieces["new"] == 0, pieces["new"] + i * 100_000)
        wide.append(pieces.assign(**risen))
        between.append(
            edges.assign(piece_a=edges["piece_a"] + i * piece, piece_b=edges["piece_b"] + i * piece)
        )
    return pd.concat(wide, ignore_index=True), pd.concat(between, ignore_index=True)


def write_copies(work: Path, folder: Path, copies: int, across: int) -> None:
    """The tables of a volume of so many copies behind each other, one file per slab."""
    pieces, edges = widened(work, across)
    depth = int(pieces["z"].max()) + 1
    for name in ("pieces", "edges"):
        (folder / name).mkdir()
    border = pieces[pieces["z"] == depth - 1], pieces[pieces["z"] == 0]
    for copy in range(copies):
        back = copy % 2 == 1
        here, start = pieces, copy * depth
        ends = ["z", "piece_a", "z_b", "piece_b"]
        between = edges
        if back:
            here = pieces.assign(z=depth - 1 - pieces["z"])
            values = [depth - 1 - edges["z_b"], edges["piece_b"], depth - 1 - edges["z"], edges["piece_a"]]
            between = edges.assign(**dict(zip(ends, values, strict=True)))
        here = here.assign(z=here["z"] + start)
        if "new" in here:
            number = (here["new"] & (2**32 - 1)).to_numpy()
            here = here.assign(new=number_in_volume(number, start))
        between = between.assign(z=between["z"] + start, z_b=between["z_b"] + start)
        if copy + 1 < copies:  # the next copy begins with the slice with which this one ends
            last = border[int(back)]["piece"].to_numpy()
            same = pd.DataFrame({"z": start + depth - 1, "piece_a": last, "gap": 1, "z_b": start + depth})
            between = pd.concat([between, same.assign(piece_b=last, overlap=1, iou=1.0, containment=1.0)])
        for slab in range(start, start + depth, SLAB):
            for name, table in (("pieces", here), ("edges", between)):
                own = table[(table["z"] >= slab) & (table["z"] < slab + SLAB)]
                write_table(folder / name / f"{slab:08d}.parquet", own)


def measure(folder: Path, at_once: bool) -> None:
    """Link the tables in a folder and print one line."""
    tables, edges = (sorted(map(str, (folder / name).glob("*.parquet"))) for name in ("pieces", "edges"))
    depth = 1 + int(read_table(tables[-1], columns=["z"])["z"].max())
    highest = max(int(read_table(file, columns=["cell"])["cell"].max()) for file in tables[:10])
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    disk = Disk(folder / "scratch")
    out = folder / "nodes.parquet"
    if at_once:
        result, _ = link_edited(*read_tables(tables, edges), [], {}, max_user_id=highest)
        write_table(out, result.nodes)
    else:
        with disk:
            linked, _ = link_volume(
                folder / "scratch", map(read_table, tables), map(read_edges, edges), max_user_id=highest
            )
            write_table_parts([out], linked.nodes())
            for name in ("links", "protrusions"):
                write_table_parts([folder / f"{name}.parquet"], getattr(linked, name)())
            linked.meetings()
    seconds = time.process_time() - start
    held = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    count = sum(len(read_table(file, columns=["z"])) for file in tables)
    print(
        f"{'at once' if at_once else 'in blocks':>9} {depth:>7} {count:>9} {seconds:>8.1f} "
        f"{1e6 * seconds / count:>13.1f} {held:>7.0f} {1000 * held / count:>13.2f} {1000 * disk.most / count:>13.2f}"
    )


class Disk:
    """Watches how large the files of a folder grow; most: MB."""

    def __init__(self, folder: Path):
        self._folder, self.most, self._end = folder, 0.0, threading.Event()

    def __enter__(self) -> None:
        self._folder.mkdir()
        threading.Thread(target=self._watch, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._look()
        self._end.set()

    def _watch(self) -> None:
        while not self._end.wait(2):
            self._look()

    def _look(self) -> None:
        sizes = (file.stat().st_size for file in self._folder.rglob("*") if file.is_file())
        self.most = max(self.most, sum(sizes) / 1e6)


def main() -> None:
    parser = options(__doc__, "run")
    parser.add_argument("--copies", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--across", type=int, default=1)
    parser.add_argument("--at-once", action="store_true", help="also with all pieces in memory")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    o = parser.parse_args()
    if o.one:
        measure(o.one, o.at_once)
        return
    print(
        f"{'linked':>9} {'slices':>7} {'pieces':>9} {'s':>8} {'us_per_piece':>13} {'MB':>7} {'kB_per_piece':>13} "
        f"{'kB_on_disk':>13}",
        flush=True,
    )
    for copies in o.copies:
        for way in [[], ["--at-once"]][: 1 + o.at_once]:
            with tempfile.TemporaryDirectory() as folder:
                write_copies(o.run / "results/demo/work", Path(folder), copies, o.across)
                subprocess.run([sys.executable, __file__, "--one", folder, *way], check=True)


if __name__ == "__main__":
    main()
