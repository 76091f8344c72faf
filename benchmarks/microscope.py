"""A trained network on the same tissue as another microscope might show it: grey values, blur, noise.

    .venv/bin/python benchmarks/microscope.py [--run runs/demo] [--network detail] [--smooth-z 0.5]

Nothing is trained: the network of a finished run of the demo predicts the slices without labels, from images that are
changed before they are normalised. Scores are Dice with the thresholds of the network's card, with the maps averaged
along z as the workflow does it (`smooth_z`), and the loss against the image as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
from accuracy_data import Data, as_other_microscope, read, scores
from common import options
from ultraseg.grid.along_z import deviation
from ultraseg.objects.organelles import smooth_along_z
from ultraseg.predict.predictor import load_litert, predict_slices

KINDS = (
    *("as it is", "40 brighter", "40 darker", "half the contrast", "blurred by a pixel"),
    *("twice the noise", "40 brighter, twice the noise"),
)


def predicted(data: Data, card: dict, network: str, views: int, smooth: float) -> np.ndarray:
    """Maps of all slices, uint8 (z, K, y, x) at the network's scale, averaged along z."""
    context, small = card["z_context"], data.small
    places = np.clip(np.arange(-context, len(small) + context), 0, len(small) - 1)
    maps = predict_slices(load_litert(network, 1), small[places], z_context=context, views=views)
    spread = deviation(next(iter(card["voxel_size_nm"].values())), data.downsample, smooth)
    planes: Iterable[np.ndarray] = maps.transpose(1, 0, 2, 3)
    return np.stack(
        [smooth_along_z(plane, range(len(plane)), [True] * len(plane), spread) for plane in planes], axis=1
    )


def main() -> None:
    parser = options(__doc__, "run", "views")
    parser.add_argument("--volume", default="demo")
    parser.add_argument("--network", default="detail")
    parser.add_argument("--smooth-z", type=float, default=0.5, help="as in the configuration")
    o = parser.parse_args()
    models = o.run / "results/models"
    card = json.loads((models / f"{o.network}.json").read_text())
    folder = o.run / f"data/phantom/{o.volume}"
    data = read(o.volume, folder, folder / "labels", card["channels"], card["downsample"])
    levels = {name: round(255 * threshold) for name, threshold in card["thresholds"].items()}
    before: dict[str, float] = {}
    for kind in KINDS:
        changed = as_other_microscope(data, kind)
        maps = predicted(changed, card, str(models / f"{o.network}.tflite"), o.views, o.smooth_z)
        found = scores(data, maps, levels)
        before = before or found
        told = "  ".join(f"{name} {dice:.4f} ({dice - before[name]:+.4f})" for name, dice in found.items())
        print(f"{kind:30} {told}", flush=True)


if __name__ == "__main__":
    main()
