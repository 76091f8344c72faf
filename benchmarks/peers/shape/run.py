"""Shape interpolation: signed distances of every id, interpolated between the labelled slices on both sides."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from propagation import shape_interpolation  # noqa: E402

given, out = Path(sys.argv[1]), Path(sys.argv[2])
labels, zs = np.load(given / "labels-cells.npy"), np.load(given / "given.npy").tolist()
result = labels.copy()
for low, high in zip(zs, zs[1:], strict=False):
    gap = np.s_[low : high + 1]
    result[gap] = shape_interpolation(labels[gap], None, labels[low], labels[high])
np.save(out / "result-cells.npy", result)
