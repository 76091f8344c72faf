"""The line that a training logs after each epoch: written and read here alone."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Seconds are a fixed-point number: "1.5e+04" would be read as another number, or not at all.
LINE = re.compile(r"\bepoch (\d+): (?:.*, )?seconds (\d+\.\d)$")


def epoch_line(row: Mapping[str, float | None]) -> str:
    """One row of a training's history as a line of its log; figures that are None are left out.

    ``row`` has ``epoch``, the number of epochs so far, ``seconds``, the time of training so far, and other figures.
    """
    figures = [f"{k} {v:.4g}" for k, v in row.items() if k not in ("epoch", "seconds") and v is not None]
    return f"epoch {row['epoch']}: " + ", ".join([*figures, f"seconds {row['seconds']:.1f}"])


def read_epoch(line: str) -> tuple[int, float] | None:
    """Number of epochs and seconds of training so far, from a line of a log; None for a line of another kind."""
    found = LINE.search(line.rstrip())
    return (int(found[1]), float(found[2])) if found else None
