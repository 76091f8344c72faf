"""Which method carries the ids of cells through a volume: the one that does better where a label is left out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ultraseg.storage.label_slices import LabelSlices

WORDS = {"flow": "slice by slice along the optical flow", "volume": "in three dimensions at once"}


def compare_methods(tried: Mapping[str, Mapping[int, str]]) -> dict[str, Any]:
    """The better method, and the scores of all of them, on labelled slices that were left out.

    tried: for each method the file of each slice (`tried.tried_slice`). Returns {"method": name, "slices": [...],
    "scores": {name: {"dice": ..., "adapted_rand_error": ...}}}. The better method has the higher Dice less adapted Rand
    error; of equal ones it is the first.
    """
    scores = {method: _scores(files) for method, files in tried.items()}
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


def _scores(files: Mapping[int, str]) -> dict[str, float]:
    from ultraseg.evaluate.scores import CellScore  # jobs that only ask for the choice need no pandas

    score = CellScore(split="left_out", min_voxels=1)
    for z, file in files.items():
        with LabelSlices(file) as carried:
            found, drawn, known = (carried.read(z, name) for name in ("labels", "drawn", "known"))
        score.add(z, np.where(known, found, 0), np.where(known, drawn, 0), 1)
    rows = score.rows().set_index("metric")["value"]
    return {name: float(rows[name]) for name in ("dice", "adapted_rand_error")}
