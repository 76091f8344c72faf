"""The way of the published scripts: nearest labelled slice, one Farneback flow, watershed, greedy overlap.

Each slice takes the ids of the nearest labelled slice, moved by one optical flow (Farneback, settings of OpenCV's
documentation). Where the network sees the inside of a cell they are the seeds of a watershed on its map of
boundaries. A region without a seed takes the id of the slice before with the highest IoU above 1e-5, first upwards,
then downwards. The maps are those of our network, as this method has no faster one of its own.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from propagation import farneback, nearest  # noqa: E402
from protrusions import greedy_id  # noqa: E402
from skimage.segmentation import watershed  # noqa: E402

given, out = Path(sys.argv[1]), Path(sys.argv[2])
image, labels = np.load(given / "image.npy"), np.load(given / "labels-cells.npy")
interior, boundary = np.load(given / "maps.npy")
zs = np.load(given / "given.npy").tolist()
carried = labels.copy()
for low, high in zip(zs, zs[1:], strict=False):
    gap = np.s_[low : high + 1]
    carried[gap] = nearest(farneback)(image[gap], None, labels[low], labels[high])
ids, regions = np.zeros_like(carried), np.zeros(image.shape, np.int32)
for z in range(len(image)):
    inside = interior[z] >= 128
    regions[z] = cv2.connectedComponents(inside.astype(np.uint8), connectivity=4)[1]
    ids[z] = watershed(boundary[z], carried[z] * inside, mask=inside)
for z in zs:
    ids[z] = labels[z]
for step, walk in ((1, range(1, len(image))), (-1, range(len(image) - 2, -1, -1))):
    for z in walk:
        for region in np.unique(regions[z][(ids[z] == 0) & (regions[z] > 0)]):
            mask = regions[z] == region
            ids[z][mask & (ids[z] == 0)] = greedy_id(mask, ids[z - step])
for z in set(range(len(image))) - {*zs}:
    ids[z] = watershed(boundary[z], ids[z])  # the rest of the slice: cells touch without a gap
np.save(out / "result-cells.npy", ids)
