"""What limits cells in three dimensions: outlines, or what is joined with what. Reads finished runs of spacing.py.

    .venv/bin/python benchmarks/cell_limits.py --data-root /where/fib25/is [--every 10 20 40]

One row per spacing and way, before linking, on the slices of fib25 without labels, scored as `evaluate` does. "as
joined": the outlines of the agglomeration. "regrown by n": outlines found anew n voxels around (`agglomerate.regrow`).
"true cells, regrown by n": every voxel of the truth that is farther than n voxels from another cell is given, and only
the outlines come from the maps: no method that joins pieces on these maps can do better. The first row shows how far
outlines of the truth differ from slice to slice: every second slice is made of the truth of both slices beside it, by
shape. Truth is looked at there, and in the scores. "cuts of neighbours alone": what affinities of another program give
that has no others, if the cut at distance 3 is the highest of three steps, or if there is none. "Mvox/s": million
voxels of the full image per second of processor time, if these slices were an image at downsample 4; from the maps of
cuts to ids, with the flow between the slices near labels, which carries ids there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from common import ROOT
from propagation import shape_interpolation
from spacing import DEPTH, labelled
from ultraseg.cells import region_graph
from ultraseg.cells.cuts import read_cuts, set_labelled_plane
from ultraseg.cells.evidence import read_near
from ultraseg.cells.fragments import Given, regrow_fragments
from ultraseg.cells.gap_cells import cells_of_gap
from ultraseg.cells.gap_ends import GapEnd
from ultraseg.cells.gap_result import seeds_near
from ultraseg.evaluate.scores import CellScore
from ultraseg.grid.cut_maps import USED_OFFSETS

SEED_STEPS, SEED_CONFIDENCE, MIN_VOXELS = 3, 0.6, 2400
WORK = "results/fib25/work"


def near_labels(low: int, high: int) -> tuple[list[int], list[int]]:
    """The slices at both ends of a gap over which the flow carries ids, the labelled one included."""
    reach = min(SEED_STEPS, (high - low - 1) // 2)
    return [*range(low, low + reach + 1)], [*range(high - reach, high + 1)]


def joined(run: Path, cuts: np.ndarray, truth: np.ndarray, zs: list[int], regrow: int) -> np.ndarray:
    """Cells of all gaps by the labels of slices ``zs``; new cells have numbers above those of the truth."""
    found, last = np.zeros(truth.shape, np.uint32), int(truth.max())

    def read(slices: list[int]):
        work = run / WORK
        arrays = (run / "results/fib25/image.zarr/0", work / "probability/all")
        return read_near(*map(str, arrays), slices, channels=(0, 1), downsample=1)

    for low, high in zip(zs, zs[1:], strict=False):
        ends, near = (GapEnd(truth[low]), GapEnd(truth[high])), near_labels(low, high)
        seeds = seeds_near(read, near, ends, [*range(low, high + 1)], SEED_CONFIDENCE)
        gap = np.ascontiguousarray(cuts[:, :, low : high + 1])
        cells = cells_of_gap(gap, *ends, seeds=seeds, regrow=regrow)
        found[low : high + 1] = np.where(cells.new > 0, cells.new + last, cells.labels)
        last += int(cells.new.max())
    return found


def outlines_alone(cuts: np.ndarray, truth: np.ndarray, zs: list[int], reach: int) -> np.ndarray:
    """The truth, with all outlines found anew on the maps."""
    ids, cells = np.unique(truth, return_inverse=True)
    cuts, given = cuts.copy(), [Given(z, truth[z]) for z in zs]
    for z in zs:
        set_labelled_plane(cuts, z, truth[z], None)
    return ids[regrow_fragments(cells.astype(np.int32), np.arange(len(ids)), cuts, given, reach=reach)]


def highest_of_steps(cuts: np.ndarray) -> np.ndarray:
    """Cut maps (3, offsets, Z, Y, X) whose cuts at the second distance are the highest of steps to neighbours."""
    found, distance = cuts.copy(), USED_OFFSETS[1]
    for axis in range(3):
        one, far = (np.moveaxis(found[axis, k], axis, 0) for k in (0, 1))
        n = len(one) - distance
        far[:n] = np.max([one[i : i + n] for i in range(distance)], axis=0)
    return found


@contextmanager
def weights_of(*weights: float) -> Iterator[None]:
    """The region graph weighs pairs of voxels so, by distance."""
    before, region_graph.WEIGHTS = region_graph.WEIGHTS, weights
    try:
        yield
    finally:
        region_graph.WEIGHTS = before


def between_neighbours(truth: np.ndarray, zs: list[int]) -> np.ndarray:
    """The truth on slices ``zs``; on all others the shapes half way between the truth of both slices beside them."""
    found = truth.copy()
    for z in sorted({*range(len(truth))} - {*zs}):
        beside = truth[z - 1 : z + 2]
        found[z] = shape_interpolation(beside, None, beside[0], beside[2])[1]
    return found


def score(found: np.ndarray, truth: np.ndarray, zs: list[int]) -> dict[str, float]:
    """Mean Dice of cells and adapted Rand error on the slices without labels."""
    cells = CellScore(min_voxels=MIN_VOXELS, shown={*np.unique(truth[zs]).tolist()})
    for z in range(len(truth)):
        if z in zs:
            cells.count(truth[z])
        else:
            cells.add(z, found[z], truth[z])
    values = cells.rows().set_index("metric")["value"]
    return {"Dice": values["dice"], "adapted Rand error": values["adapted_rand_error"]}


def rows(every: int, truth: np.ndarray) -> Iterator[dict]:
    """The rows of one spacing."""
    run, zs = ROOT / f"runs/spacing/fib25-{every}", labelled("fib25", every)
    if not (run / WORK / "cuts").is_dir():
        raise SystemExit(
            f"{run} has no maps of cuts: run benchmarks/spacing.py --only fib25 --every {every} first"
        )
    cuts = read_cuts(str(run / WORK / "cuts"), range(DEPTH["fib25"]))
    for reach in (0, 1, 2):
        name = f"regrown by {reach}" if reach else "as joined"
        start = time.process_time()
        found = joined(run, cuts, truth, zs, reach)
        seconds = time.process_time() - start
        speed = {"Mvox/s": 16 * truth.size / 1e6 / seconds}
        yield {"label every": every, "cells": name, **score(found, truth, zs), **speed}
    for name, others in (("three steps", highest_of_steps(cuts)), ("no others", None)):
        with weights_of(1.0, 0.0 if others is None else 0.5):
            found = joined(run, cuts if others is None else others, truth, zs, 2)
        yield {"label every": every, "cells": f"cuts of neighbours alone, {name}", **score(found, truth, zs)}
    for reach in (1, 2):
        found = outlines_alone(cuts, truth, zs, reach)
        yield {"label every": every, "cells": f"true cells, regrown by {reach}", **score(found, truth, zs)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", default="data", help="folder that holds fib25/ (docs/data.md)")
    parser.add_argument("--every", type=int, nargs="*", default=[10, 20, 40])
    options = parser.parse_args()
    truth = tifffile.imread(Path(options.data_root, "fib25/truth/cells.tif")).astype(np.uint32)
    second = labelled("fib25", 2)
    name = "truth of both neighbours, by shape"
    noise = {"label every": 2, "cells": name, **score(between_neighbours(truth, second), truth, second)}
    table = pd.DataFrame([noise, *(row for every in options.every for row in rows(every, truth))])
    print(table.round({"Mvox/s": 1}).round(4).to_string(index=False, na_rep=""))


if __name__ == "__main__":
    main()
