"""A peer's network on the tiles of benchmarks/accuracy.py: the U-Net of segmentation-models-pytorch.

In an environment of its own (torch is no dependency of ultraseg), to which accuracy.py adds this package:

    python3 -m venv peer && peer/bin/pip install torch==2.13.0 segmentation-models-pytorch keras h5py \
        opencv-python-headless fastremap pandas numpy
    .venv/bin/python benchmarks/accuracy.py --parts peer --peer-python peer/bin/python ...

ResNet-34 encoder without pretrained weights (they are of photographs, and three slices are no colours), AdamW 1e-3 with
the same cosine, the library's Dice loss plus cross-entropy on labelled pixels, the same crops and augmentation, the
same choice of epoch and threshold on validation tiles, the same processor time.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np

os.environ["KERAS_BACKEND"] = "torch"

CROP, BATCH, STEPS, RATE = 192, 8, 25, 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cpu-minutes", type=float, required=True)
    o = parser.parse_args()
    # A torchvision for CUDA beside a torch for the CPU lacks compiled operators, which it describes when it is
    # imported. A U-Net needs none of them.
    sys.modules.setdefault("torchvision._meta_registrations", ModuleType("torchvision._meta_registrations"))
    import segmentation_models_pytorch as smp
    import torch
    from ultraseg.predict.predictor import Predictor, predict_slices
    from ultraseg.train.augment import Augmentation
    from ultraseg.train.crops import CropDraw
    from ultraseg.train.tiles import read_tiles

    torch.manual_seed(0)
    tiles, channels = read_tiles(o.folder / "tiles.h5", "train")
    held, _ = read_tiles(o.folder / "tiles.h5", "validation")
    model = smp.Unet("resnet34", encoder_weights=None, in_channels=3, classes=len(channels))
    optimizer = torch.optim.AdamW(model.parameters(), RATE)
    dice = smp.losses.DiceLoss("multilabel", from_logits=True)
    draw, rng = CropDraw(tiles, CROP, Augmentation()), np.random.default_rng(0)

    def run(images: np.ndarray) -> np.ndarray:
        model.eval()
        with torch.inference_mode():
            x = torch.from_numpy((images.transpose(0, 3, 1, 2) - 128) / 40).float()
            return model(x).sigmoid().numpy().transpose(0, 2, 3, 1).copy()

    start, best, epochs = time.process_time(), None, 0
    while time.process_time() - start < 60 * o.cpu_minutes:
        model.train()
        for _ in range(STEPS):
            progress = min((time.process_time() - start) / (60 * o.cpu_minutes), 1)
            for group in optimizer.param_groups:
                group["lr"] = RATE * (0.02 + 0.49 * (1 + math.cos(math.pi * progress)))
            images, truths = (np.stack(a) for a in zip(*(draw(rng) for _ in range(BATCH)), strict=True))
            x = torch.from_numpy((images.transpose(0, 3, 1, 2).astype(np.float32) - 128) / 40)
            truth = torch.from_numpy(truths.transpose(0, 3, 1, 2).astype(np.float32) / 255)
            target, weight = truth[:, : len(channels)], truth[:, len(channels) :]
            logits = model(x)
            entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
            known = (weight > 0).float()
            hidden = logits * known - 30 * (1 - known)  # what is not labelled is neither found nor there
            loss = (weight * entropy).sum() / weight.sum() + dice(hidden, (target > 0.5) * known)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        epochs += 1
        thresholds, found = choose(run, held, channels)
        if best is None or np.mean(list(found.values())) > best[0]:
            weights = {k: v.clone() for k, v in model.state_dict().items()}
            best = (np.mean(list(found.values())), thresholds, weights)
    cpu = time.process_time() - start
    model.load_state_dict(best[2])
    small = np.load(o.folder / "small.npy")
    side = -(-min(512, max(small.shape[1:])) // 32) * 32
    padded = small[[0, *range(len(small)), len(small) - 1]]
    predictor = Predictor(run, 1, side, 3, len(channels))
    maps = predict_slices(predictor, padded, z_context=1, overlap=64, stride=32)
    np.save(o.folder / "maps.npy", maps)
    count = sum(p.numel() for p in model.parameters()) / 1e6
    name = f"smp {version('segmentation-models-pytorch')} U-Net resnet34"
    told = f"{epochs} epochs, {count:.1f} M parameters, torch {version('torch')}"
    print(json.dumps({"name": name, "told": told, "thresholds": best[1], "cpu_seconds": cpu}))


def choose(run, held, channels: list[str]) -> tuple[dict[str, int], dict[str, float]]:
    """Threshold and Dice of every channel on validation tiles, as ``train.validate`` chooses them."""
    counts = np.zeros((2, len(channels), 256))
    for i in range(min(len(held), 24)):
        p = run(held.image[i : i + 1].astype(np.float32))[0]
        for k in range(len(channels)):
            known = held.weight[i, ..., k] > 0
            level = np.rint(255 * p[..., k][known]).astype(int)
            inside = held.target[i, ..., k][known] > 127
            counts[:, k] += np.bincount(level + 256 * inside, minlength=512).reshape(2, 256)
    picked = {}
    for k, name in enumerate(channels):
        hit, false = (counts[j, k, ::-1].cumsum()[::-1] for j in (1, 0))
        curve = 2 * hit / np.maximum(hit + false + counts[1, k].sum(), 1)
        near = np.flatnonzero(curve[1:] >= curve[1:].max() - 0.005) + 1
        best = int(near[np.abs(near - 128).argmin()])
        picked[name] = best, float(curve[best])
    return {n: t for n, (t, _) in picked.items()}, {n: d for n, (_, d) in picked.items()}


if __name__ == "__main__":
    main()
