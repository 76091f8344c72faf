"""Which method carries the ids of cells through a volume: the one that does better where a label is left out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ultraseg.arrays.scale import downsample_ids, downsample_known
from ultraseg.storage.label_slices import LabelSlices

WORDS = {"flow": "slice by slice along the optical flow", "volume": "in three dimensions at once"}


def compare_methods(labels: str, tried: Mapping[str, Mapping[int, str]], downsample: int) -> dict[str, Any]:
    """The better method, and the scores of all of them, on labelled slices that were left out.

    labels: file of the checked labels; tried: for each method the file of each slice's gap (`cells.gap_result`), in
    which the slice was not labelled. Returns {"method": name, "slices": [...], "scores": {name: {"dice": ...,
    "adapted_rand_error": ...}}}. The better method has the higher Dice less adapted Rand error; of equal ones it is the
    first.
    """
    scores = {method: _scores(labels, files, downsample) for method, files in tried.items()}
    best = max(scores, key=lambda method: scores[method]["dice"] - scores[method]["adapted_rand_error"])
    slices = sorted({z for files in tried.values() for z in files})
    return {"method": best, "slices": slices, "scores": scores}


def method_of(wanted: str, chosen: Sequence[str]) -> str:
    """The method of a job: the one that it is told, or the one that the file ``chosen`` (at most one) names."""
    return str(json.loads(Path(chosen[0]).read_text())["method"]) if chosen else wanted


def method_note(chosen: Sequence[str]) -> str:
    """What the summary says of the choice; empty where there was none. chosen: at most one file of a choice."""
    if not chosen:
        return ""
    found = json.loads(Path(chosen[0]).read_text())
    told = [
        f"{WORDS[method]}: Dice {scores['dice']:.3f} and adapted Rand error {scores['adapted_rand_error']:.3f}"
        for method, scores in found["scores"].items()
    ]
    return (
        f"Ids of cells were carried {WORDS[found['method']]}. On {len(found['slices'])} labelled slices that were left "
        f"out, before linking: {'; '.join(told)} (propagate.method)."
    )


def _scores(labels: str, files: Mapping[int, str], downsample: int) -> dict[str, float]:
    from ultraseg.evaluate.scores import CellScore  # jobs that only ask for the choice need no pandas

    score = CellScore(split="left_out", min_voxels=1)
    with LabelSlices(labels) as given:
        for z, file in files.items():
            truth, known = downsample_ids(given.read(z), downsample), given.known(z)
            with LabelSlices(file) as carried:
                found = carried.read(z, "labels")
            if known is not None:
                seen = downsample_known(known, downsample)
                truth, found = np.where(seen, truth, 0), np.where(seen, found, 0)
            score.add(z, found, truth, 1)
    rows = score.rows().set_index("metric")["value"]
    return {name: float(rows[name]) for name in ("dice", "adapted_rand_error")}
