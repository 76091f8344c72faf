"""Figures of tables: learning curves, coverage, scores, accuracy by distance, linking, volumes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ultraseg.base.colours import PALETTE, structure_colours
from ultraseg.evaluate.definitions import DEFINITIONS
from ultraseg.figures.style import (
    FAINT,
    INK,
    SPLIT_STYLES,
    empty_figure,
    new_figure,
    save_charts,
    split_style,
    tidy,
)

# Scores between 0 and 1.
OTHERS = (
    *("voi_split", "voi_merge", "dice_pairs", "dice_low", "dice_high", "boundary_distance_nm"),
    *("objects_true", "objects_found", "count_error"),
    *(f"{of}_ratio{end}" for of in ("area", "profile") for end in ("", "_low", "_high")),
)
BAR_METRICS = [name for name in DEFINITIONS if name not in OTHERS]
SCATTER_LIMIT = 20_000


def learning_curves(history: pd.DataFrame, path: str, title: str = "") -> None:
    """Write loss and validation Dice by epoch, from columns epoch, loss, val_loss, dice_<channel>."""
    if len(history) == 0:
        empty_figure(path, "No training history.")
        return
    figure = new_figure(1200, 480)
    loss_axes, dice_axes = figure.subplots(1, 2)
    for name, style, label in (("loss", "-", "training"), ("val_loss", "--", "validation")):
        if name in history:
            loss_axes.plot(history["epoch"], history[name], style, color=PALETTE[0], label=label)
    tidy(loss_axes, f"{title}: loss" if title else "Loss", "epoch", "loss")
    loss_axes.legend(frameon=False)
    names = [name for name in history if str(name).startswith("dice_") and history[name].notna().any()]
    styles = ("-", "--", ":", "-.")
    for index, name in enumerate(names):
        style = styles[index // len(PALETTE) % len(styles)]
        label = name.removeprefix("dice_").replace("_", " ")
        colour = PALETTE[index % len(PALETTE)]
        dice_axes.plot(history["epoch"], history[name].astype(float), style, color=colour, label=label)
    tidy(dice_axes, "Dice on validation slices", "epoch", "Dice")
    dice_axes.set_ylim(0, 1.02)
    if names:
        dice_axes.legend(frameon=False, loc="lower right")
    else:
        dice_axes.text(
            0.5, 0.5, "no validation slices", transform=dice_axes.transAxes, ha="center", color=FAINT
        )
    save_charts(figure, path)


def coverage_figure(coverage: pd.DataFrame, n_slices: int, path: str) -> None:
    """Write which slices are labelled for which structure and what for, from the coverage table."""
    if len(coverage) == 0:
        empty_figure(path, "No labelled slices.")
        return
    structures = list(dict.fromkeys(coverage["structure"]))
    figure = new_figure(1200, 150 + 44 * len(structures))
    axes = figure.subplots()
    for row, structure in enumerate(structures):
        axes.plot(
            [0, n_slices - 1], [row, row], color="#dddddd", linewidth=5, zorder=1, solid_capstyle="butt"
        )
        for split, group in coverage[coverage["structure"] == structure].groupby("split"):
            axes.plot(
                group["z"], [row] * len(group), linestyle="", markersize=9, **split_style(split), zorder=2
            )
    counts = coverage.groupby("structure")["z"].nunique()
    axes.set_yticks(range(len(structures)), [f"{name} ({counts[name]})" for name in structures])
    axes.set_ylim(len(structures) - 0.5, -0.5)
    axes.set_xlim(-0.02 * n_slices, 1.02 * n_slices)
    tidy(axes, f"Labelled slices of {n_slices}", "slice (z, counted from 0)", grid="x")
    axes.tick_params(axis="y", length=0)
    _split_legend(axes, coverage["split"], line=False)
    save_charts(figure, path)


def accuracy_distance_figure(accuracy: pd.DataFrame, path: str) -> None:
    """Write Dice against the distance to the nearest labelled slice, with the 95 % interval where there is one.

    Columns structure, split, distance, dice, low, high, n_slices, as ``accuracy_by_distance`` makes them.
    """
    accuracy = accuracy[accuracy["dice"].notna()] if len(accuracy) else accuracy
    if len(accuracy) == 0:
        empty_figure(path, "No accuracy by distance: no slice away from the labelled ones could be scored.")
        return
    figure = new_figure(1000, 560)
    axes = figure.subplots()
    colours = structure_colours(dict.fromkeys(accuracy["structure"]))
    for (structure, split), group in accuracy.groupby(["structure", "split"], sort=False):
        style = split_style(split) | {"color": colours[structure]}
        if style["markerfacecolor"] != "white":
            style["markerfacecolor"] = colours[structure]
        group = group.sort_values("distance")
        axes.plot(group["distance"], group["dice"], label=f"{structure} ({split.replace('_', ' ')})", **style)
        known = group[group["low"].notna()]
        if len(known) > 1:
            axes.fill_between(
                known["distance"], known["low"], known["high"], color=style["color"], alpha=0.15
            )
        else:
            axes.vlines(known["distance"], known["low"], known["high"], color=style["color"])
    tidy(axes, "Accuracy away from the labelled slices", "slices to the nearest labelled slice", "Dice")
    axes.set_ylim(0, 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, loc="best")
    save_charts(figure, path)


def metrics_figure(metrics: pd.DataFrame, path: str) -> None:
    """Write all scores between 0 and 1: a line per structure and metric, a mark and number per split."""
    chosen = metrics
    if len(metrics):
        chosen = metrics[metrics["metric"].isin(BAR_METRICS) & metrics["value"].notna()]
    if len(chosen) == 0:
        empty_figure(path, "No scores: no slice was held out for testing, and no truth was given.")
        return
    lines = list(dict.fromkeys(zip(chosen["structure"], chosen["metric"], strict=True)))
    lines.sort(key=lambda line: (list(dict.fromkeys(chosen["structure"])).index(line[0]), _rank(line[1])))
    splits = [name for name in SPLIT_STYLES if (chosen["split"] == name).any()]
    figure = new_figure(1200, 120 + 30 * len(lines))
    axes = figure.subplots()
    for row in chosen.itertuples():
        y = lines.index((row.structure, row.metric))
        axes.plot(row.value, y, linestyle="", markersize=9, **split_style(row.split))
        column = 1.04 + 0.1 * (splits.index(row.split) if row.split in splits else len(splits))
        axes.text(column, y, f"{row.value:.3f}", va="center", color=split_style(row.split)["color"])
    for y, (structure, _) in enumerate(lines):
        if y and structure != lines[y - 1][0]:
            axes.axhline(y - 0.5, color="#bbbbbb", linewidth=0.8)
    axes.set_yticks(range(len(lines)), [f"{s}   {m.replace('_', ' ')}" for s, m in lines])
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.set_xlim(-0.02, 1.02)
    tidy(axes, "Scores (error, wrong, none: low is good)", "", grid="both")
    # The legend stands over the numbers, where the title does not reach.
    _split_legend(axes, chosen["split"], line=False, right=1.1 + 0.1 * len(splits))
    save_charts(figure, path)


def link_outcomes_figure(links: pd.DataFrame, path: str) -> None:
    """Write what became of the fragments: number and voxels by outcome, and strength against margin.

    Columns outcome, voxels, strength, margin; one row per fragment.
    """
    if len(links) == 0:
        empty_figure(path, "No fragments had to be linked.")
        return
    figure = new_figure(1200, 500)
    count_axes, voxel_axes, scatter = figure.subplots(1, 3, width_ratios=(1, 1, 1.6))
    table = links.groupby("outcome")["voxels"].agg(["size", "sum"]).sort_values("size", ascending=False)
    colours = {name: PALETTE[i] if i < len(PALETTE) else FAINT for i, name in enumerate(table.index)}
    bars = [colours[name] for name in table.index]
    for axes, column, title in ((count_axes, "size", "Fragments"), (voxel_axes, "sum", "Voxels")):
        drawn = axes.barh(range(len(table)), table[column], color=bars)
        axes.bar_label(drawn, [f"{value:,.0f}" for value in table[column]], padding=3)
        axes.set_ylim(len(table) - 0.4, -0.6)
        axes.set_xlim(0, 1.3 * max(table[column].max(), 1))
        axes.set_xticks([])
        tidy(axes, title, grid=None)
        axes.spines["bottom"].set_visible(False)
    count_axes.set_yticks(range(len(table)), [str(name).replace("_", " ") for name in table.index])
    voxel_axes.set_yticks([])
    points = links.dropna(subset=["strength", "margin"])
    if len(points) > SCATTER_LIMIT:
        points = points.sample(SCATTER_LIMIT, random_state=0)
    sizes = np.clip(np.sqrt(points["voxels"].to_numpy(float)), 4, 60)
    scatter.scatter(
        points["strength"],
        points["margin"],
        s=sizes,
        c=[colours[name] for name in points["outcome"]],
        alpha=0.6,
        linewidths=0,
    )
    tidy(scatter, "Strength, and margin over the runner-up", "strength", "margin", grid="both")
    save_charts(figure, path)


def volumes_histogram(
    cells: pd.DataFrame, path: str, column: str = "volume_um3", unit: str = "µm³", title: str = "Cell volumes"
) -> None:
    """Write the histogram of the volumes in a table of objects, on a logarithmic scale, with the median."""
    values = cells[column].to_numpy(float) if len(cells) else np.zeros(0)
    values = values[np.isfinite(values) & (values > 0)]
    if values.size == 0:
        empty_figure(path, f"{title}: no objects.")
        return
    figure = new_figure(1000, 460)
    axes = figure.subplots()
    low, high = values.min(), values.max()
    if high <= low * 1.0001:
        low, high = low / 2, high * 2
    bins = np.geomspace(low, high, int(np.clip(2 * np.sqrt(values.size), 8, 60)) + 1)
    axes.hist(
        np.clip(values, low, high), bins=bins.tolist(), color=PALETTE[0], edgecolor="white", linewidth=0.5
    )
    axes.set_xscale("log")
    median = np.median(values)
    axes.axvline(median, color=PALETTE[5], linestyle="--")
    tidy(axes, f"{title}: {values.size}, median {median:.3g} {unit}", f"volume ({unit})", "number")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    save_charts(figure, path)


def _rank(metric: str) -> int:
    return BAR_METRICS.index(metric)


def _split_legend(axes: Axes, splits: pd.Series, line: bool, right: float = 1.0) -> None:
    """Name the splits that occur above the axes, up to ``right`` (1: their end), so that no mark is hidden."""
    names = [name for name in SPLIT_STYLES if (splits == name).any()]
    names += [name for name in dict.fromkeys(splits) if name not in names]
    style: Literal["-", ""] = "-" if line else ""
    handles = [
        Line2D([], [], linestyle=style, markersize=8, label=name.replace("_", " "), **split_style(name))
        for name in names
    ]
    axes.legend(
        handles=handles,
        frameon=False,
        ncols=len(handles),
        loc="lower right",
        bbox_to_anchor=(right, 1),
        labelcolor=INK,
    )
