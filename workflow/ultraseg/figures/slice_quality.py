"""Figure of the statistics that tell bad slices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ultraseg.base.colours import PALETTE
from ultraseg.figures.style import FAINT, INK, draw_marks, mark_slices, new_figure, save_charts, tidy
from ultraseg.quality.flags import STATISTIC

TITLES = {
    "blank": ("Contrast: blank slices lie low", "share of usual"),
    "repeated": ("Change from the slice before: repeats lie low", "share of usual"),
    "defocused": ("Sharpness: defocused slices lie low", "share of usual"),
    "shifted": ("Shift against the slice before", "pixels"),
}


def slices_figure(table: pd.DataFrame, thresholds: Mapping[str, float], path: str) -> None:
    """Write the four statistics of the table of slices over z, with their thresholds and the slices that pass them."""
    figure = new_figure(1200, 900)
    for axes, (defect, (title, unit)) in zip(figure.subplots(4, 1, sharex=True), TITLES.items(), strict=True):
        values, z = table[STATISTIC[defect]].to_numpy(), table["z"].to_numpy()
        mark_slices(axes, table.loc[table["interpolated"], "z"])
        marker = "." if len(z) <= 400 else ""
        axes.plot(z, values, marker=marker, linewidth=1, color=PALETTE[0])
        limit = table["shift_limit"] if defect == "shifted" else np.full(len(z), thresholds[defect])
        axes.plot(z, limit, "--", color=FAINT, linewidth=1)
        chosen = table[defect].to_numpy()
        draw_marks(axes, z[chosen], values[chosen], "D", color=PALETTE[5], markersize=7)
        found = f" ({int(chosen.sum())} {defect})" if chosen.any() else ""
        tidy(axes, title + found, "slice (z)" if defect == "shifted" else "", unit)
        axes.set_ylim(bottom=0)
    figure.text(
        0.99,
        0.005,
        "dashed: threshold; diamonds: flagged; grey: missing or declared bad",
        ha="right",
        color=INK,
        fontsize=9,
    )
    save_charts(figure, path)
