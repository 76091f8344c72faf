"""Figure of the slices to label next."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from ultraseg.base.colours import PALETTE
from ultraseg.evaluate.label_next import DOUBTS
from ultraseg.figures.style import (
    GROUND,
    INK,
    draw_marks,
    empty_figure,
    mark_slices,
    new_figure,
    save_charts,
    tidy,
)

NAMES = {
    "low_confidence": "low confidence",
    "disagreement": "the two sides disagree",
    "ambiguous": "left alone by linking",
    "without_label": "cells that no label shows",
}


def advice_figure(ranked: pd.DataFrame, area_um2: float, path: str) -> None:
    """Write how much is in doubt in each slice, which slices are labelled, and which to label next.

    ``ranked``: as ``label_next.advise`` returns it; ``area_um2``: area of one of its pixels.
    """
    if not (ranked["rank"] > 0).any():
        empty_figure(path, "Nothing is in doubt, or no slice is left that could be labelled.")
        return
    figure = new_figure(1200, 460)
    axes = figure.subplots()
    z = ranked["z"].to_numpy()
    heights = ranked[DOUBTS].to_numpy(float).T * area_um2
    colours = PALETTE[: len(DOUBTS)]
    axes.stackplot(
        z, heights, labels=[NAMES[name] for name in DOUBTS], colors=colours, alpha=0.85, linewidth=0
    )
    mark_slices(axes, ranked.loc[ranked["bad"], "z"])
    top = max(float(heights.sum(0).max()) * 1.25, 1e-9)
    given = z[ranked["labelled"].to_numpy()]
    draw_marks(axes, given, np.full(len(given), 0.02 * top), "v", color=INK, markersize=8)
    for row in ranked[ranked["rank"] > 0].itertuples():
        axes.axvline(row.z, 0, 0.9, color=INK, linewidth=1.2 if row.rank <= 3 else 0.6, linestyle="--")
        weight = "bold" if row.rank <= 3 else "normal"
        # On white, so that no line of the grid crosses a number; narrow, so that neighbours do not hide each other.
        ground = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axes.text(row.z, top * 0.92, str(row.rank), ha="center", fontweight=weight, bbox=ground)
    axes.set_ylim(0, top)
    axes.set_xlim(-0.5, len(z) - 0.5)
    tidy(axes, "What is in doubt, and the slices to label next in their order", "slice (z)", "µm² per slice")
    handles, names = axes.get_legend_handles_labels()
    marks: list[tuple[str, Literal["", "--"], str]] = [("v", "", "labelled"), ("", "--", "to label next")]
    for marker, line, name in marks + [("s", "", "bad")] * bool(ranked["bad"].any()):
        colour = GROUND if name == "bad" else INK
        handles.append(Line2D([], [], marker=marker, linestyle=line, color=colour))
        names.append(name)
    axes.legend(handles, names, frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    save_charts(figure, path)
