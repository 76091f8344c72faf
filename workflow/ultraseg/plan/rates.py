"""Measured rates of the steps, on which ``costs`` builds: one core (train and predict two) of an idle EPYC at 4 GHz.

``benchmarks/scale.py`` prints what they foresee beside what it measures.
"""

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
    "ingest": Rate(0.4, 0.005, 110, 2.0),
    "quality_slab": Rate(1.5, 0.004, 180, 6),
    "quality": Rate(1.2, 0.0, 160, 0),
    "labels": Rate(0.7, 0.045, 120, 18),
    "labels_fit": Rate(0.8, 0.3, 130, 36),
    "tiles": Rate(0.5, 0.012, 110, 13),
    "train": Rate(12.0, 0.0, 800, 0),
    "predict": Rate(0.5, 0.002, 110, 0),
    "objects_label": Rate(0.7, 0.024, 190, 6.8),
    "objects_merge": Rate(0.5, 0.0004, 100, 8),
    "objects": Rate(0.7, 0.035, 200, 7.5),
    "flow": Rate(0.5, 0.87, 110, 25),
    "propagate": Rate(0.8, 3.7, 150, 25),
    "cells": Rate(0.95, 0.12, 220, 8),
    "link_edges": Rate(0.5, 0.11, 170, 17),
    "link": Rate(1.0, 0.04, 185, 2.6),
    "link_relabel": Rate(1.5, 0.029, 170, 6),
    "measure_slab": Rate(1.8, 0.0265, 200, 12),
    "measure": Rate(6.0, 0.01, 560, 0.03),
    "evaluate": Rate(1.6, 0.05, 200, 36),
    "verify": Rate(1.0, 0.01, 200, 80),
    "figures": Rate(3.5, 0.024, 320, 58),
}
NETWORK_PIXELS = 0.07  # seconds per million pixels at the network's scale beside the network itself
EPOCH_S = 0.5  # validation and checkpoint of an epoch
# Multiply-adds per second with two threads; of training forward and backward.
TRAIN_MACS = 85e9
PREDICT_MACS = 105e9
GPU_SPEEDUP = 20  # of a data-centre GPU over two threads; not measured, so on the safe side
# Bytes on disk per voxel: image and labels over all levels, the others per voxel and channel at their scale.
DISK = {"image": 0.97, "labels": 0.05, "probability": 0.3, "flow": 5.9, "pieces": 0.09, "propagated": 0.6}
