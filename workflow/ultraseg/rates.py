"""Measured rates of the steps, on which ``costs`` builds: one core (train and predict two) of an AMD EPYC at 4 GHz."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """Seconds to start and per million pixels worked on; MB of Python with its modules, bytes per pixel held."""

    start: float
    per_mpx: float
    base_mb: float
    held: float


# Pixels of whole slices, or at the scale of the network of the cells: flow, propagate, cells, link_edges, link.
RATES = {
    "window": Rate(0.5, 0.02, 110, 24),
    "ingest": Rate(0.5, 0.02, 110, 2.0),
    "quality_slab": Rate(0.8, 0.1, 130, 24),
    "quality": Rate(1.0, 0.0, 150, 0),
    "labels": Rate(0.5, 0.15, 120, 36),
    "labels_fit": Rate(0.8, 0.3, 130, 36),
    "tiles": Rate(0.6, 0.04, 110, 12),
    "train": Rate(10.0, 0.0, 700, 0),
    "predict": Rate(0.5, 0.015, 110, 0),
    "objects_label": Rate(0.8, 0.03, 190, 6.5),
    "objects_merge": Rate(0.5, 0.002, 100, 24),
    "objects": Rate(0.9, 0.08, 200, 14),
    "flow": Rate(0.8, 0.75, 110, 18),
    "propagate": Rate(0.8, 1.0, 150, 36),
    "cells": Rate(0.9, 0.35, 220, 8),
    "link_edges": Rate(0.7, 0.12, 170, 17),
    "link": Rate(0.7, 0.03, 150, 1.5),
    "link_relabel": Rate(0.7, 0.045, 170, 12),
    "measure_slab": Rate(0.8, 0.025, 140, 20),
    "measure": Rate(1.5, 0.002, 320, 0.03),
    "evaluate": Rate(1.0, 0.15, 150, 20),
    "verify": Rate(1.0, 0.01, 200, 80),
    "figures": Rate(5.0, 0.02, 430, 8),
}
NETWORK_PIXELS = 0.08  # seconds per million pixels at the network's scale beside the network itself
EPOCH_S = 0.5  # validation and checkpoint of an epoch
# Multiply-adds per second with two threads; of training forward and backward.
TRAIN_MACS = 68e9
PREDICT_MACS = 45e9
GPU_SPEEDUP = 20  # of a data-centre GPU over two threads; not measured, so on the safe side
# Bytes on disk per voxel: image and labels over all levels, the others per voxel and channel at their scale.
DISK = {"image": 0.97, "labels": 0.05, "probability": 0.3, "flow": 5.9, "pieces": 0.09, "propagated": 0.6}
