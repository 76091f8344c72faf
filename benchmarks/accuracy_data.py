"""Volumes of benchmarks/accuracy.py as arrays, and their scores on slices without labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tifffile
from ultraseg.arrays.scale import downsample_ids, downsample_image, downsample_mask, enlarge_map
from ultraseg.networks.channels import channels_of
from ultraseg.plan.splits import split_slices
from ultraseg.train.tiles import UNLABELLED, cell_targets, cut_tiles, tile_size, write_tiles

PHANTOM = {"shape": (33, 384, 384), "seed": 7, "label_slices": [0, 8, 16, 24, 32]}


@dataclass
class Data:
    """A volume: image (z, y, x), labels {structure: {z: slice}}, truth {structure: (z, y, x)}, its downsample."""

    name: str
    image: np.ndarray
    labels: dict[str, dict[int, np.ndarray]]
    truth: dict[str, np.ndarray]
    downsample: int

    @property
    def channels(self) -> list[str]:
        return [c for s in self.labels for c in channels_of(s, "cells" if s == "cells" else "organelle")]

    @property
    def labelled(self) -> list[int]:
        return sorted({z for slices in self.labels.values() for z in slices})

    @property
    def small(self) -> np.ndarray:
        return np.stack([downsample_image(s, self.downsample) for s in self.image])


def load(name: str, root: Path, work: Path) -> Data:
    """One of vnc, fib25 and phantom; the last is made in ``work``."""
    folder, structures, downsample = root / name, ["mitochondria", "membrane"], 2
    labels = folder
    if name == "fib25":
        structures, downsample = ["cells"], 1
    if name == "phantom":
        from ultraseg.phantom.volume import write_phantom

        folder, structures = work / "phantom", ["nucleoli", "mitochondria", "endosomes", "lysosomes"]
        labels = folder / "labels"
        if not (folder / "truth").exists():
            write_phantom(str(folder), **PHANTOM)
    return read(name, folder, labels, structures, downsample)


def read(name: str, folder: Path, labels: Path, structures: Sequence[str], downsample: int) -> Data:
    """A volume from its folder of image/ and truth/, and from the folder with a folder of labels per structure."""
    slices = sorted((folder / "image").glob("*.tif*"))
    if not slices:
        raise SystemExit(f"{folder / 'image'}: no TIFF slices; name the folder that holds {name}/")
    image = np.stack([tifffile.imread(f) for f in slices])
    found = {}
    for structure in structures:
        files = sorted((labels / structure).glob("*.tif*"))
        numbers = [int("".join(filter(str.isdigit, f.stem))) for f in files]
        first = int("".join(filter(str.isdigit, slices[0].stem)))
        found[structure] = {n - first: tifffile.imread(f) for n, f in zip(numbers, files, strict=True)}
    truth = {s: tifffile.imread(folder / "truth" / f"{s}.tif") for s in structures}
    return Data(name, image, found, truth, downsample)


def targets(data: Data, slices: Mapping[str, np.ndarray], downsample: int) -> np.ndarray:
    """Targets (K, y, x), uint8, of one slice of each structure."""
    found = []
    for structure, labels in slices.items():
        if structure == "cells":
            found += [m.astype(np.uint8) * 255 for m in cell_targets(downsample_ids(labels, downsample))]
        else:
            found.append(downsample_mask(labels, downsample))
    return np.stack(found)


def write_training(
    data: Data, path: Path, labelled: Sequence[int], z_context: int, unlabelled: int = 0
) -> dict[int, str]:
    """Write the tiles of some labelled slices, of which one is for validation where there are two; their split.

    unlabelled: of so many slices without labels besides, whose truth is not looked at.
    """
    share = 0 if len(labelled) < 2 else 1 / len(labelled)
    split = split_slices(labelled, validation=share, test=0)
    small, last = data.small, len(data.image) - 1
    groups = []
    free = sorted({*range(len(data.image))} - {*data.labelled})
    count = min(unlabelled, len(free))
    split |= {free[(2 * i + 1) * len(free) // (2 * count)]: UNLABELLED for i in range(count)}
    for z, use in split.items():
        nothing = np.zeros(data.image.shape[1:], np.uint8)
        given = {s: nothing if use == UNLABELLED else slices[z] for s, slices in data.labels.items()}
        target = targets(data, given, data.downsample)
        seen = small[[min(max(i, 0), last) for i in range(z - z_context, z + z_context + 1)]]
        side = tile_size(small.shape[1:], 320)
        groups.append(
            (
                use,
                data.name,
                cut_tiles(seen, target, np.ones(len(target)), z=z, tile=side, rich=use == "train"),
            )
        )
    write_tiles(path, groups, channels=data.channels, downsample=data.downsample)
    return split


def scores(data: Data, maps: np.ndarray, thresholds: Mapping[str, int]) -> dict[str, float]:
    """Dice of each channel over all slices without a label; ``maps`` uint8 (z, K, y, x) at the network's scale.

    Maps are enlarged to the size of the image; what cells are made of is compared at the network's scale.
    """
    sums = np.zeros((len(data.channels), 3))
    for z in set(range(len(data.image))) - {*data.labelled}:
        d = data.downsample if "cells" in data.labels else 1
        true = targets(data, {s: data.truth[s][z] for s in data.labels}, d) > 127
        for k, channel in enumerate(data.channels):
            large = enlarge_map(maps[z, k], data.downsample // d)[: true.shape[1], : true.shape[2]]
            found = large >= thresholds[channel]
            sums[k] += (found & true[k]).sum(), found.sum(), true[k].sum()
    return {c: float(2 * s[0] / max(s[1] + s[2], 1)) for c, s in zip(data.channels, sums, strict=True)}


def noise_of(image: np.ndarray) -> float:
    """Standard deviation of the noise of a slice (Y, X), in grey values (Immerkaer, CVIU 1996)."""
    import cv2

    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    found = np.abs(cv2.filter2D(image.astype(np.float32), -1, mask)[1:-1, 1:-1])
    return float(np.sqrt(np.pi / 2) * found.mean() / 6)


def as_other_microscope(data: Data, kind: str) -> Data:
    """The same tissue as another microscope might show it: 8-bit grey values, cut off at black and white."""
    import cv2

    rng, image = np.random.default_rng(0), data.image.astype(np.float32)
    if kind == "twice the noise":
        for one in image:  # noise of different sources adds up in squares
            one += rng.normal(0, np.sqrt(3) * noise_of(one), one.shape)
    elif kind == "blurred by a pixel":
        image = np.stack([cv2.GaussianBlur(one, (0, 0), data.downsample) for one in image])
    elif kind == "half the contrast":
        image = 128 + (image - 128) / 2
    elif kind.startswith("40"):
        image += 40 if "brighter" in kind else -40
        if "noise" in kind:
            for one, before in zip(image, data.image, strict=True):
                one += rng.normal(0, np.sqrt(3) * noise_of(before), one.shape)
    elif kind != "as it is":
        raise ValueError(f"unknown microscope {kind!r}")
    return replace(data, image=np.clip(np.rint(image), 0, 255).astype(np.uint8))
