"""The scores as text for the terminal, with the meaning of each number."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import pandas as pd

from ultraseg.evaluate.definitions import DEFINITIONS, SPLITS
from ultraseg.evaluate.scores import accuracy_by_distance

WHOLE_NUMBERS = ("dice_pairs", "objects_true", "objects_found")
MEETINGS = 10  # places where two cells meet that the summary names


def format_summary(metrics: pd.DataFrame, width: int = 100) -> str:
    """The table of scores as aligned text: one line for each structure and metric, one column for each split.

    Below stand Dice by the distance to the nearest labelled slice, and one plain definition for each metric and split.
    width: of the definitions, in characters.
    """
    if len(metrics) == 0:
        return "No scores: no slice was held out for testing, and no truth was given."
    distances = accuracy_by_distance(metrics)
    plain = metrics[~metrics["metric"].astype(str).str.startswith("dice_distance_")]
    splits = [split for split in SPLITS if (metrics["split"] == split).any()]
    splits += [split for split in metrics["split"].unique() if split not in splits]
    parts = [_scores(plain, splits)]
    if len(distances):
        parts.append(_distances(distances))
    parts.append(_definitions(list(dict.fromkeys(plain["metric"])), splits, width))
    return "\n\n".join(parts)


def _scores(plain: pd.DataFrame, splits: list[str]) -> str:
    """One line for each structure and metric."""
    header = ["structure", "metric", *(f"{split} (slices)" for split in splits)]
    lines: list[list[str]] = []
    last = None
    for (structure, metric), rows in plain.groupby(["structure", "metric"], sort=False):
        by_split: dict[str, Any] = {row.split: row for row in rows.itertuples()}
        cells = [_cell(metric, by_split.get(split)) for split in splits]
        lines.append(["" if structure == last else structure, metric, *cells])
        last = structure
    return _align([header, *lines])


def _cell(metric: str, row: Any | None) -> str:
    """A score and its number of slices; row: of the table of scores, from ``itertuples``."""
    if row is None or pd.isna(row.value):
        return "-"
    value = f"{row.value:.0f}" if metric in WHOLE_NUMBERS else f"{row.value:.3f}"
    return f"{value} ({row.n_slices})"


def _distances(table: pd.DataFrame) -> str:
    """One line for each structure, split and distance."""
    header = ["structure", "split", "slices to nearest label", "dice", "slices"]
    lines = []
    for row in table.itertuples():
        value = "-" if pd.isna(row.dice) else f"{row.dice:.3f}"
        lines.append([row.structure, row.split, str(row.distance), value, str(row.n_slices)])
    return _align([header, *lines])


def _definitions(metrics: list[str], splits: list[str], width: int) -> str:
    """The definitions of metrics and splits, with lines of at most ``width`` characters."""
    known = [(name, DEFINITIONS[name]) for name in metrics if name in DEFINITIONS]
    known += [(name, SPLITS[name]) for name in splits if name in SPLITS]
    indent = max((len(name) for name, _ in known), default=0) + 2
    wrap = textwrap.TextWrapper(width=width, subsequent_indent=" " * indent)
    return "\n".join(wrap.fill(f"{name:<{indent}}{text}") for name, text in known)


def _align(rows: list[list[str]]) -> str:
    """Lay out rows of text in columns: two of names at the left, then numbers; a rule under the header."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            text.ljust(size) if column < 2 else text.rjust(size)
            for column, (text, size) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * size for size in widths))
    return "\n".join(lines)


def meeting_note(meetings: pd.DataFrame) -> str:
    """What the table of meetings asks the user to look at: each place with both ids, and the line that merges them.

    The places where the outlines are most alike come first; empty where no two cells meet.
    """
    if meetings.empty:
        return ""
    shown = meetings.sort_values("iou", ascending=False, kind="stable").head(MEETINGS)
    lines = [
        f"  cells {row.cell} and {row.other_cell} at z {row.z}, y {row.y}, x {row.x}:  {row.edit}"
        for row in shown.itertuples()
    ]
    count = len(meetings)
    places = "1 place" if count == 1 else f"{count} places"
    more = [f"  ({count - len(shown)} more in tables/meetings.csv)"] if count > len(shown) else []
    head = (
        f"Two cells meet within one body at {places} (tables/meetings.csv). Each is one cell with two names, or two "
        "cells with no membrane in sight. Where it is one cell, write the line into the file of cell_edits:"
    )
    return "\n".join([head, *lines, *more])


def volume_summary(volume: str, metrics: pd.DataFrame, notes: Sequence[str]) -> str:
    """The text of summary.txt: scores with definitions, then the notes that say anything."""
    told = "".join(f"\n{note}\n" for note in notes if note)
    return f"Accuracy of volume {volume}\n\n{format_summary(metrics)}\n{told}"
