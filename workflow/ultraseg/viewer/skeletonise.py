"""Skeletons of the objects in a stack of labels, by kimimaro; in an environment of its own, without ultraseg.

python -P skeletonise.py LABELS.npy TASK.json RESULT.npz
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np


def skeletons(labels: Any, size_nm: list[float], ids: list[int] | None, least: int) -> dict[str, Any]:
    """Vertices (n, 3) in nm, edges (m, 2) and radii (n,) in nm of each object, by names such as ``12.vertices``.

    labels: (Z, Y, X); size_nm: of a voxel, in the same order; ids: objects, all where there are none; least: voxels of
    an object.
    """
    import kimimaro

    found = kimimaro.skeletonize(
        labels, anisotropy=tuple(size_nm), object_ids=ids, dust_threshold=least, parallel=1, progress=False,
        fix_borders=False,
        teasar_params={"scale": 1.5, "const": 300, "pdrf_scale": 100000, "pdrf_exponent": 4},
    )  # fmt: skip
    arrays = {}
    for number, skeleton in found.items():
        arrays[f"{number}.vertices"] = np.asarray(skeleton.vertices, np.float32)
        arrays[f"{number}.edges"] = np.asarray(skeleton.edges, np.int64)
        arrays[f"{number}.radii"] = np.asarray(skeleton.radius, np.float32)
    return arrays


def main() -> None:
    labels, task, result = sys.argv[1:]
    with open(task) as file:
        told = json.load(file)
    found = skeletons(np.load(labels), told["size_nm"], told["ids"], told["least"])
    np.savez(result, **found)


if __name__ == "__main__":
    main()
