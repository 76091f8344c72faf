"""What some labelled planes across the slices add. Reads a finished run of spacing.py.

    .venv/bin/python benchmarks/planes.py --data-root /where/fib25/is [--run runs/spacing/fib25-40] [--flow]

Nothing is trained. The ids of all gaps are made anew from the maps of the run, without planes, and with so many xz and
so many yz planes of the truth, spread evenly. One row per number of planes, before linking, on the slices of fib25
without labels, scored as `evaluate` does. The last rows have more labelled slices in place of planes (--more, one after
another), and no row is scored there: two planes have as many pixels as one slice there. "beside": without the voxels of
the most planes, which are those of the first row in all rows. Truth is looked at in the labels and in the scores.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from cell_limits import SEED_CONFIDENCE, near_labels
from common import ROOT
from spacing import labelled
from ultraseg.cells.cuts import read_cuts
from ultraseg.cells.evidence import read_evidence, read_near
from ultraseg.cells.fragments import Given
from ultraseg.cells.gap_cells import cells_of_gap
from ultraseg.cells.gap_ends import GapEnd
from ultraseg.cells.gap_result import seeds_near
from ultraseg.cells.propagate import propagate_gap
from ultraseg.evaluate.scores import CellScore

MIN_VOXELS = 2400


def places(count: int, size: int) -> list[int]:
    """So many rows or columns, spread evenly."""
    return [(2 * i + 1) * size // (2 * count) for i in range(count)]


def planes_of(truth: np.ndarray, count: int) -> list[Given]:
    """So many xz planes and so many yz planes of a gap of the truth (Z, Y, X)."""
    rows = [Given(y, truth[:, y], None, 1) for y in places(count, truth.shape[1])]
    return rows + [Given(x, truth[:, :, x], None, 2) for x in places(count, truth.shape[2])]


def ids_of(
    run: Path, network: str, truth: np.ndarray, zs: Sequence[int], count: int, flow: bool
) -> np.ndarray:
    """The ids of all gaps between the labelled slices ``zs``, before linking."""
    work, found = run / "results/fib25/work", np.zeros(truth.shape, np.uint32)
    image, maps = str(run / "results/fib25/image.zarr/0"), str(work / "probability" / network)
    seen = {"channels": (0, 1), "downsample": 1}
    for low, high in zip(zs, zs[1:], strict=False):
        gap = truth[low : high + 1]
        ends, steps, planes = (
            (GapEnd(gap[0]), GapEnd(gap[-1])),
            [*range(low, high + 1)],
            planes_of(gap, count),
        )
        if flow:
            evidence = read_evidence(image, str(work / "flow"), maps, steps, **seen)
            found[low : high + 1] = propagate_gap(*evidence[1:], *ends, planes=planes)[0]
            continue
        read = partial(read_near, image, maps, **seen)
        seeds = seeds_near(read, near_labels(low, high), ends, steps, SEED_CONFIDENCE)
        cuts = read_cuts(str(work / "cuts"), steps)
        found[low : high + 1] = cells_of_gap(cuts, *ends, seeds=seeds, planes=planes).labels
    return found


def scores(ids: np.ndarray, truth: np.ndarray, labelled_zs: Sequence[int]) -> dict[str, float]:
    """Mean Dice and adapted Rand error of the slices without labels."""
    score = CellScore("cells", "truth", min_voxels=MIN_VOXELS)
    for z in sorted({*range(len(truth))} - {*labelled_zs}):
        score.add(z, ids[z], truth[z], 1)
    found = score.rows().set_index("metric")["value"]
    shown = {"Dice": "dice", "Rand": "adapted_rand_error"}
    return {name: round(float(found[key]), 4) for name, key in shown.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=Path, default=ROOT / "runs/spacing/fib25-40")
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--network", default="all")
    parser.add_argument("--every", type=int, default=40)
    parser.add_argument("--planes", type=int, nargs="+", default=[0, 1, 2, 4])
    parser.add_argument(
        "--more", type=int, nargs="+", default=[60, 20, 100], help="more labelled slices, in turn"
    )
    parser.add_argument("--flow", action="store_true")
    given = parser.parse_args()
    truth = tifffile.imread(given.data_root / "fib25/truth/cells.tif").astype(np.uint32)
    zs, rows, plain = labelled("fib25", given.every), [], None
    scored = sorted({*zs, *given.more})
    most = planes_of(truth, max(given.planes))
    ways = [(f"{count} + {count} planes", zs, count) for count in given.planes]
    ways += [(f"{i} more slices", sorted({*zs, *given.more[:i]}), 0) for i in range(1, len(given.more) + 1)]
    for name, some, count in ways:
        start = time.process_time()
        found = ids_of(given.run, given.network, truth, some, count, given.flow)
        seconds = time.process_time() - start
        plain = found if plain is None else plain
        beside = found.copy()
        for plane in most:
            plane.seen_in(beside)[...] = plane.seen_in(plain)
        other = {f"beside {key}": value for key, value in scores(beside, truth, scored).items()}
        rows.append({"labels": name, **scores(found, truth, scored), **other, "cpu s": round(seconds)})
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    main()
