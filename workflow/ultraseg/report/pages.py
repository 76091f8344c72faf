"""What the pages of the report say: tables of a volume, its accuracy with definitions, and facts about the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

import pandas as pd

from ultraseg.evaluate.definitions import DEFINITIONS, SPLITS
from ultraseg.evaluate.scores import accuracy_by_distance
from ultraseg.report.html import Section, page, shortened

# Which rows stay where a table is too long for a page.
LARGEST_BY = {
    "cells": "voxels",
    "contacts": "area_um2",
    "organelles": "voxels",
    "protrusions": "length_um",
    "links": "voxels",
    "meetings": "iou",
    "slices": "flagged",
    "label_next": "relief_um3",
}
MEANING = "Lengths are in µm, areas in µm², volumes in µm³; docs/tables.md describes every column."
COST_NOTE = (
    "All jobs whose results are in this report, each as it last ran; seconds. Snakemake looks at a job's memory every "
    "few seconds, so that the peak of jobs that take less is too low or missing. Jobs of a rule may run side by side."
)


def table_page(volume: str, name: str, table: pd.DataFrame, file: str) -> str:
    """The page of one table; ``file`` holds all of it."""
    by = LARGEST_BY.get(name)
    if by is not None and by in table and table[by].dtype == bool:
        table = table.assign(**{by: table[by].astype(int)})
    shown, sentence = shortened(table, file, by)
    if "file" in shown:
        shown = shown.assign(file=shown["file"].map(lambda path: path and PurePath(path).name))
    return page(f"{volume}: {name}", [Section("", f"{sentence} {MEANING}", shown)])


def accuracy_page(volume: str, metrics: pd.DataFrame) -> str:
    """All scores, one row per structure and metric, with what each number means; then Dice by distance.

    ``metrics``: the table ``metrics.csv``.
    """
    title = f"{volume}: accuracy"
    if metrics.empty:
        return page(title, [Section("", "No scores: no slice was held out, and no truth was given.")])
    plain = metrics[~metrics["metric"].str.startswith("dice_distance_")]
    splits = [split for split in SPLITS if (plain["split"] == split).any()]
    rows = []
    for (structure, metric), group in plain.groupby(["structure", "metric"], sort=False):
        row = {"structure": structure, "metric": metric.replace("_", " ")}
        for split in splits:
            found = group[(group["split"] == split) & group["value"].notna()]
            row[f"{split} (slices)"] = (
                f"{found['value'].iloc[0]:.4g} ({found['n_slices'].iloc[0]})" if len(found) else ""
            )
        rows.append(row | {"meaning": DEFINITIONS.get(metric, "")})
    meanings = pd.DataFrame({"column": splits, "meaning": [SPLITS[split] for split in splits]})
    return page(
        title,
        [
            Section(
                "What was compared", "The first of these is the figure to trust and to report.", meanings
            ),
            Section("Scores", "The number of slices behind each score is in brackets.", pd.DataFrame(rows)),
            Section(
                "Dice by distance",
                "Distance in slices to the nearest labelled slice, for held-out slices to the nearest one that cells "
                "were carried from. Where Dice falls steeply, labelling more slices helps most.",
                accuracy_by_distance(metrics),
            ),
        ],
    )


def run_page(
    config: str,
    programs: pd.DataFrame,
    devices: pd.DataFrame,
    costs: pd.DataFrame,
    facts: Mapping[str, object],
) -> str:
    """Facts about a run: volumes, devices, time and memory per rule, versions, configuration."""
    total = costs["total_s"].sum() / 3600
    summary = pd.DataFrame({"fact": list(facts), "value": pd.Series(list(facts.values()), dtype=object)})
    return page(
        "The run",
        [
            Section("", "", summary),
            Section("Devices", "What networks were trained and applied on.", devices),
            Section("Time and memory", f"{COST_NOTE} In all {total:.2f} hours.", costs),
            Section("Versions", "", programs),
            Section("Configuration", "With all defaults that hold where nothing was given.", text=config),
        ],
    )
