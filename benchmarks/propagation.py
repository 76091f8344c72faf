"""Distance to the nearest label against accuracy, for the usual ways of carrying cell ids and for ours, in one run.

    .venv/bin/python benchmarks/propagation.py --data-root /where/fib25/is [--cores 2] [--only demo fib25]
        [--every 20] [--minutes 15] [--views 4]

Every data set has one network, trained on the labels of that spacing alone, and its maps, in runs/spacing (as
benchmarks/spacing.py makes them). What is finished is not made again. The truth only scores: slices without labels,
cells of 2400 voxels or more, all methods on the grid of the network. Only `ours` uses the maps; linking is not part.
Lines below it, with a dash, are ours with one thing changed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import tifffile
import yaml
from common import options
from spacing import MAPS, labelled, make, network_settings
from ultraseg.arrays.scale import downsample_ids
from ultraseg.cells.flow import slice_flow, stack_flow, warp_labels
from ultraseg.cells.propagate import propagate_gap
from ultraseg.evaluate.scores import CellScore, accuracy_by_distance
from ultraseg.grid.paths import VolumeFiles
from ultraseg.storage.arrays import read_slices, shape_of
from ultraseg.storage.slice_stacks import image_stack

DEFAULT_EVERY = {"demo": 16, "fib25": 20}
MIN_VOXELS = 2400


def read_run(name: str, folder: Path, data_root: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image uint8 (Z, Y, X), maps uint8 (Z, 2, Y, X) and true ids uint32 (Z, Y, X), at the network's scale."""
    path = f"{folder}/results/{name}/image.zarr/0"
    depth = shape_of(path)[0]
    downsample = yaml.safe_load((folder / "config.yaml").read_text())["networks"]["all"]["downsample"]
    maps = read_slices(str(folder / VolumeFiles.of(name).probability("all")), 0, depth)[:, :2]
    made = folder / f"data/phantom/{name}/truth/cells.tif"
    file = made if name == "demo" else Path(data_root, name, "truth/cells.tif")
    truth = np.stack([downsample_ids(ids, downsample) for ids in tifffile.imread(file)]).astype(np.uint32)
    return image_stack(path, range(depth), downsample), maps, truth


def farneback(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Flow (dy, dx) from slice a to slice b by OpenCV's Farneback with the settings of its documentation."""
    flow = cv2.calcOpticalFlowFarneback(a, b, None, 0.5, 3, 15, 3, 5, 1.2, 0)
    return np.stack([flow[..., 1], flow[..., 0]])


def nearest(flow_of: Callable | None):
    """A method that carries the labels of the nearest labelled slice in one hop; without a flow it copies them."""

    def carried(image, maps, first, last):
        n, out = len(image), np.zeros(image.shape, np.uint32)
        for z in range(n):
            source, ids = (0, first) if z <= n - 1 - z else (n - 1, last)
            out[z] = ids if flow_of is None else warp_labels(ids, flow_of(image[z], image[source]))
        return out

    return carried


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """Distance to the border of a mask, positive inside, at most as far as the slice is wide; float32 (Y, X)."""
    # Padding keeps the edge of the slice from being a border.
    inside, outside = (
        cv2.distanceTransform(np.pad(m.astype(np.uint8), 1, mode="edge"), cv2.DIST_L2, 5)[1:-1, 1:-1]
        for m in (mask, ~mask)
    )
    limit = np.float32(max(mask.shape))
    return np.minimum(inside, limit) - np.minimum(outside, limit)


def shape_interpolation(image, maps, first, last):
    """Signed distances of every id and of the background, interpolated between both labelled slices; the largest wins.

    An id that one end does not show shrinks on its way there and is gone half way.
    """
    n = len(image)
    out, best = np.zeros(image.shape, np.uint32), np.full(image.shape, -np.inf, np.float32)
    for cell in np.union1d(first, last):
        ends = [signed_distance(ids == cell) if (ids == cell).any() else None for ids in (first, last)]
        low, high = (
            -other.max() if end is None else end for end, other in zip(ends, ends[::-1], strict=True)
        )
        for z in range(n):
            distance = low + (high - low) * np.float32(z / (n - 1))
            wins = distance > best[z]
            out[z][wins], best[z][wins] = cell, distance[wins]
    return out


def ours(flow_of: Callable = stack_flow, *, one_sided: bool = False, **settings):
    """Ids from both sides, slice by slice, each step reconciled with the maps, then fused; default settings but these.

    ``one_sided``: what the nearer labelled slice tells stands, without fusion.
    """

    def carried(image, maps, first, last):
        flow, n = flow_of(image), len(image)
        if not one_sided:
            return propagate_gap(image, flow, maps[:, 0], maps[:, 1], first, last, **settings)[0]
        sides = [
            propagate_gap(image, flow, maps[:, 0], maps[:, 1], *ends, **settings)[0]
            for ends in ((first, None), (None, last))
        ]
        return np.stack([sides[z > n - 1 - z][z] for z in range(n)])

    return carried


def farneback_stack(image: np.ndarray) -> np.ndarray:
    """Farneback's flow in both directions between all neighbouring slices, as ``stack_flow`` returns it."""
    pairs = zip(image, image[1:], strict=False)
    return np.stack([np.concatenate([farneback(a, b), farneback(b, a)]) for a, b in pairs])


METHODS = {
    "plain copy": nearest(None),
    "nearest Farneback": nearest(farneback),
    "nearest DIS": nearest(slice_flow),
    "shape interpolation": shape_interpolation,
    "ours": ours(),
    "- Farneback's flow": ours(farneback_stack),
    "- flow at its own scale": ours(partial(stack_flow, upscale=1)),
    "- flow preset ultrafast": ours(partial(stack_flow, preset="ultrafast")),
    "- borders as carried": ours(core_distance=0),
    "- nearer side only": ours(one_sided=True),
    "- no care for small ones": ours(size_exponent=0),
    "- no sweeps": ours(sweeps=0),
    "- 2 sweeps": ours(sweeps=2),
}


def score(name: str, every: int, image: np.ndarray, maps: np.ndarray, truth: np.ndarray) -> pd.DataFrame:
    """One row per method: mean Dice by distance, over all, adapted Rand error, speed.

    Speed is in million voxels of the full image per second of processor time, if the slices here were its slices at
    downsample 4.
    """
    zs = labelled(name, every)
    rows = []
    for method, carried in METHODS.items():
        found, seconds, voxels = CellScore(min_voxels=MIN_VOXELS), 0.0, 0
        for z in zs:
            found.count(truth[z])
        for low, high in zip(zs, zs[1:], strict=False):
            gap = np.s_[low : high + 1]
            start = time.process_time()
            labels = carried(image[gap], maps[gap], truth[low], truth[high])
            seconds += time.process_time() - start
            voxels += 16 * (high - low) * image[0].size
            for z in range(low + 1, high):
                found.add(z, labels[z - low], truth[z], min(z - low, high - z))
        table = found.rows()
        values = table.set_index("metric")["value"]
        row = {"method": method} | accuracy_by_distance(table).set_index("distance")["dice"].to_dict()
        row |= {"all": values["dice"], "rand error": values["adapted_rand_error"]}
        rows.append(row | {"Mvox/s": voxels / 1e6 / max(seconds, 1e-9)})
    return pd.DataFrame(rows)


def main() -> None:
    parser = options(__doc__, "data-root", "cores", "minutes", "views")
    parser.add_argument("--only", nargs="+", default=list(DEFAULT_EVERY), choices=list(DEFAULT_EVERY))
    parser.add_argument("--every", type=int, help="spacing of the labels instead of 16 (demo) and 20 (fib25)")
    settings = parser.parse_args()
    root = os.path.abspath(settings.data_root)
    for name in settings.only:
        every = settings.every or DEFAULT_EVERY[name]
        folder = make(name, every, root, settings.cores, MAPS, **network_settings(settings))
        table = score(name, every, *read_run(name, folder, root))
        print(f"\n{name}: Dice by slices to the nearest label, labels on every {every}th slice")
        print(table.to_string(index=False, float_format=lambda v: f"{v:.3f}") + "\n", flush=True)


if __name__ == "__main__":
    main()
