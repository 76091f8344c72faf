"""Whether labels on the slices that ultraseg advises help more than labels on as many equally spaced ones.

    .venv/bin/python benchmarks/label_next.py --data-root /where/fib25/is [--cores 2] [--every 40 20]
        [--count 3] [--seeds 5]

The network has learned from the labels of the wide spacing alone (benchmarks/spacing.py) and is the same for all arms:
only propagation and linking are made again, with the added labels. All arms are scored on the same slices, those that
no arm labels. Advice sees no truth: propagation, pieces and links of the wide spacing alone.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from common import options
from propagation import MIN_VOXELS, read_run
from spacing import MAPS, labelled, make
from ultraseg.cells.flow import stack_flow
from ultraseg.cells.pieces import given_pieces, slice_cells
from ultraseg.cells.propagate import propagate_gap
from ultraseg.evaluate.label_next import advise, doubt_table
from ultraseg.evaluate.scores import CellScore
from ultraseg.link.decide import link_pieces
from ultraseg.link.edges import slab_edges
from ultraseg.link.nodes import piece_luts, relabel_pieces

NAME = "fib25"


class Segmented(NamedTuple):
    """Cells (Z, Y, X), the pieces with what linking decided, and where the two sides differ, per slice."""

    cells: np.ndarray
    nodes: pd.DataFrame
    differ: dict[int, int]


def segment(
    image: np.ndarray, flow: np.ndarray, maps: np.ndarray, truth: np.ndarray, zs: Sequence[int]
) -> Segmented:
    """Cells from the true labels of the slices ``zs``, the first and the last among them; default settings."""
    pieces, tables, differ = np.zeros(image.shape, np.int32), [], {}
    for low, high in zip(zs, zs[1:], strict=False):
        gap, count = np.s_[low : high + 1], np.zeros(high - low + 1, np.int64)
        labels, confidence = propagate_gap(
            image[gap], flow[gap], maps[gap, 0], maps[gap, 1], truth[low], truth[high], differ=count
        )
        differ |= {low + i: int(pixels) for i, pixels in enumerate(count)}
        for z in range(low + (low > zs[0]), high + 1):
            i, given = z - low, z in zs
            shown = (labels[i], confidence[i], maps[z, 0], maps[z, 1])
            pieces[z], table = slice_cells(*shown, given=given)
            tables.append(table.assign(z=z, given=given_pieces(pieces[z], given)))
    nodes = pd.concat(tables, ignore_index=True)
    edges = slab_edges(pieces, range(len(image)), flow=flow, max_gap=1)
    result = link_pieces(nodes, edges, max_user_id=int(max(truth[z].max() for z in zs)))
    cells = relabel_pieces(pieces, piece_luts(result.nodes, range(len(image))))
    return Segmented(cells, result.nodes, differ)


def advised_slices(found: Segmented, zs: Sequence[int], count: int) -> list[int]:
    """The slices that ultraseg advises, given what it made of labels on the slices ``zs``."""
    ranked = advise(doubt_table(found.nodes, found.differ, zs, (), len(found.cells)), count=count)
    return ranked.loc[ranked["rank"] > 0, "z"].tolist()


def score(cells: np.ndarray, truth: np.ndarray, scored: Sequence[int]) -> dict[str, float]:
    """Mean Dice per cell and slice, and adapted Rand error, on some slices."""
    found = CellScore(min_voxels=MIN_VOXELS)
    for z in range(len(truth)):
        if z in scored:
            found.add(z, cells[z], truth[z])
        else:
            found.count(truth[z])
    values = found.rows().set_index("metric")["value"]
    return {"dice": values["dice"], "rand error": values["adapted_rand_error"]}


def equally_spaced(depth: int, count: int) -> list[int]:
    """So many slices that divide the stack into equal parts."""
    return [round(depth * (i + 1) / (count + 1)) for i in range(count)]


def middles(zs: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """The same, each moved to the middle of its gap between the labelled slices ``zs``: what a careful user does."""
    gaps = list(zip(zs, zs[1:], strict=False))
    return [next((low + high) // 2 for low, high in gaps if low <= z < high) for z in wanted]


def arms(
    zs: Sequence[int], depth: int, advised: Sequence[int], count: int, seeds: int
) -> dict[str, list[int]]:
    """The slices that each arm adds."""
    evenly = equally_spaced(depth, count)
    free = [z for z in range(depth) if z not in zs]
    chosen = {
        "none added": [],
        "advised": sorted(advised),
        "equally spaced": [z + 1 if z in zs else z for z in evenly],
        "middles of spread gaps": middles(zs, evenly),
    }
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        chosen[f"random {seed + 1}"] = sorted(rng.choice(free, count, replace=False).tolist())
    return chosen


def compare(
    every: int, image: np.ndarray, maps: np.ndarray, truth: np.ndarray, count: int, seeds: int
) -> None:
    """Print the scores of all arms."""
    flow, zs = stack_flow(image), labelled(NAME, every)
    before = segment(image, flow, maps, truth, zs)
    added = arms(zs, len(image), advised_slices(before, zs, count), count, seeds)
    scored = sorted({*range(len(image))} - {*zs}.union(*added.values()))
    rows = []
    for arm, more in added.items():
        found = segment(image, flow, maps, truth, sorted([*zs, *more])) if more else before
        names = {"arm": arm, "added": " ".join(map(str, more)) or "-"}
        rows.append(names | score(found.cells, truth, scored))
    print(f"\n{NAME}: labels on every {every}th slice and {count} more")
    print(f"scored on the {len(scored)} slices that no arm labels")
    print(pd.DataFrame(rows).to_string(index=False, float_format=lambda v: f"{v:.3f}") + "\n", flush=True)


def main() -> None:
    parser = options(__doc__, "data-root", "cores")
    parser.add_argument(
        "--every", nargs="+", type=int, default=[40, 20], help="spacing before labels are added"
    )
    parser.add_argument("--count", type=int, default=3, help="labels that are added")
    parser.add_argument("--seeds", type=int, default=5, help="arms with labels on random slices")
    settings = parser.parse_args()
    root = os.path.abspath(settings.data_root)
    for every in settings.every:
        folder = make(NAME, every, root, settings.cores, MAPS)
        compare(every, *read_run(NAME, folder, root), settings.count, settings.seeds)


if __name__ == "__main__":
    main()
