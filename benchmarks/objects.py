"""Organelles as objects in three dimensions: what averaging maps along z and parting touching objects are worth.

    .venv/bin/python benchmarks/objects.py [--run runs/demo] [--volume demo] [--structures mitochondria ...]
        [--parted 1 2 3]

Reads maps, cards and truth of a finished run of the demo, whose truth tells all organelles apart, and makes its objects
anew in several ways. Scores are those of the slices without labels. `smooth_z`: the key of the configuration; `parted`:
watershed on the distance to the outline, from places that lie so many voxels deeper than what joins them.
"""

from __future__ import annotations

import json
from pathlib import Path

import cc3d
import numpy as np
import tifffile
import yaml
import zarr
from common import ROOT, options
from ultraseg.evaluate.object_scores import ObjectScore
from ultraseg.evaluate.scores import MaskScore
from ultraseg.grid.along_z import deviation
from ultraseg.objects.organelles import mask_slab, smooth_along_z

SMOOTH = (0, 0.25, 0.375, 0.5, 0.75, 1.0)


def parted(mask: np.ndarray, depth: float) -> np.ndarray:
    """Objects of a mask, parted where it narrows; those without a place deep enough are dropped."""
    from scipy import ndimage
    from skimage.morphology import h_maxima
    from skimage.segmentation import watershed

    inside = np.minimum(ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 0.5), 12)
    places = cc3d.connected_components(h_maxima(inside.astype(np.float32), depth) > 0, connectivity=26)
    return watershed(-inside, places, mask=mask.astype(bool)).astype(np.uint32)


def show(
    structure: str, way: str, objects: np.ndarray, truth: np.ndarray, labelled: list[int], least: int
) -> None:
    objects = cc3d.dust(objects, threshold=least, connectivity=6)
    as_objects, as_mask = ObjectScore(structure, least), MaskScore(structure)
    for z, true in enumerate(truth):
        as_objects.add(z, true, None if z in labelled else objects[z])
        if z not in labelled:
            as_mask.add(z, objects[z], true)
    found = as_objects.rows().set_index("metric")["value"]
    dice = as_mask.rows().set_index("metric")["value"]["dice"]
    print(
        f"{structure:13} {way:15} Dice {dice:.4f}  AP50 {found['average_precision_50']:.3f}  "
        f"AP75 {found['average_precision_75']:.3f}  PQ50 {found['panoptic_quality_50']:.3f}  "
        f"objects {found['objects_found']:.0f} of {found['objects_true']:.0f}",
        flush=True,
    )


def main() -> None:
    parser = options(__doc__, "run")
    parser.add_argument("--config", type=Path, default=ROOT / "config/demo.yaml")
    parser.add_argument("--volume", default="demo")
    parser.add_argument(
        "--structures", nargs="+", default=["mitochondria", "endosomes", "lysosomes", "nucleoli"]
    )
    parser.add_argument(
        "--parted", nargs="*", type=float, default=[1, 2, 3], help="in voxels; takes most of the time"
    )
    o = parser.parse_args()
    config = yaml.safe_load(o.config.read_text())
    size = config["volumes"][o.volume]["voxel_size_nm"]
    for structure in o.structures:
        network = next(n for n, about in config["networks"].items() if structure in about["structures"])
        card = json.loads((o.run / f"results/models/{network}.json").read_text())
        labelled = [int(z) for z in card["slices"][o.volume]]
        truth = tifffile.imread(o.run / f"data/phantom/{o.volume}/truth/{structure}.tif")
        maps = zarr.open(str(o.run / f"results/{o.volume}/work/probability/{network}"), mode="r")
        maps = maps[:, card["channels"].index(structure)]
        least = config["structures"][structure].get("min_voxels", 200)
        cut = {
            "downsample": card["downsample"],
            "threshold": card["thresholds"][structure],
            "max_hole_pixels": 100,
        }
        for smooth in SMOOTH:
            near = smooth_along_z(
                maps, range(len(maps)), [True] * len(maps), deviation(size, card["downsample"], smooth)
            )
            mask = mask_slab(near, truth.shape[1:], **cut)
            objects = cc3d.connected_components(mask, connectivity=6)
            show(structure, f"smooth_z {smooth:g}", objects, truth, labelled, least)
            if smooth == 0.5:
                for depth in o.parted:
                    show(structure, f"  parted {depth:g}", parted(mask, depth), truth, labelled, least)


if __name__ == "__main__":
    main()
