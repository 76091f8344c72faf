"""Which slices of a stack look bad: blank, repeated, defocused or shifted, against the slices around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ultraseg.base.text import format_numbers

DEFECTS = ("blank", "repeated", "defocused", "shifted")
# The statistic of each defect, and the setting that is its threshold.
STATISTIC = {"blank": "contrast", "repeated": "change", "defocused": "sharpness", "shifted": "shift"}
THRESHOLD = {
    "blank": "min_contrast",
    "repeated": "min_change",
    "defocused": "min_sharpness",
    "shifted": "max_shift",
}
LEAST_CONTRAST = 2.0  # grey values: where all slices around are blank, so is this one
LEAST_MATCH = 0.2  # correlation below which two slices have so little in common that no shift can be told
JITTER = 3.0  # shifts of up to so many times what is usual around are no defect
SLICE_COLUMNS = [
    *("z", "number", "file", "contrast", "change", "sharpness", "shift", "shift_limit", "shift_y", "shift_x"),
    *(*DEFECTS, "flagged", "bad", "missing", "interpolated", "stand_in"),
]


def slice_table(
    statistics: pd.DataFrame,
    slices: pd.DataFrame,
    *,
    min_contrast: float = 0.4,
    min_change: float = 0.5,
    min_sharpness: float = 0.75,
    max_shift: float = 6.0,
    neighbours: int = 10,
) -> pd.DataFrame:
    """One row per slice with one statistic per defect and whether its threshold is passed.

    statistics: from ``quality_stats``, of all slices that are there; slices: z, number, file, bad (declared), missing,
    stand_in, of all slices. contrast, change and sharpness are given as a share of the median of the good slices
    among the ``neighbours`` on either side. shift is the distance in pixels that the slice lies off where the one
    before it and the median step put it; shift_limit is ``max_shift``, or three times the median shift around where
    that is more. A slice that is shifted back, because the one before it was shifted alone, is not flagged.
    """
    table = slices.merge(statistics, on="z", how="left").sort_values("z", ignore_index=True)
    good = ~(table["bad"] | table["missing"]).to_numpy()

    def usual(values: np.ndarray) -> np.ndarray:
        return _running_median(values, good, neighbours)

    contrast = table["contrast"].to_numpy()
    table["contrast"] = contrast / np.fmax(usual(contrast), LEAST_CONTRAST)
    blank = (table["contrast"] < min_contrast).to_numpy()
    compared = (table["reference"] >= 0).to_numpy() & ~blank
    after_blank = table["reference"].isin(table.loc[blank, "z"]).to_numpy()
    compared &= ~after_blank
    for name in ("change", "sharpness"):
        values = table[name].to_numpy()
        table[name] = values / _positive(usual(np.where(blank, np.nan, values)))
    matched = compared & (table["match"] >= LEAST_MATCH).to_numpy()
    step = [np.where(matched, table[name], np.nan) for name in ("shift_y", "shift_x")]
    residual = np.stack([values - np.nan_to_num(usual(values)) for values in step])
    table["shift"] = np.hypot(*residual)
    table["shift_limit"] = np.fmax(max_shift, JITTER * np.nan_to_num(usual(table["shift"].to_numpy())))
    table["blank"] = blank
    table["repeated"] = compared & (table["change"] < min_change)
    table["defocused"] = ~blank & (table["sharpness"] < min_sharpness)
    table["shifted"] = (table["shift"] > table["shift_limit"]) & ~_moved_back(table, residual)
    table["flagged"] = table[list(DEFECTS)].any(axis=1)
    table["interpolated"] = ~good
    return table[SLICE_COLUMNS]


def _positive(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, values, np.nan)


def _running_median(values: np.ndarray, good: np.ndarray, neighbours: int) -> np.ndarray:
    """Median of the good values around each one, itself left out; NaN where there are none."""
    known = good & np.isfinite(values)
    result = np.full(len(values), np.nan)
    for i in range(len(values)):
        around = np.arange(max(i - neighbours, 0), min(i + neighbours + 1, len(values)))
        around = around[(around != i) & known[around]]
        if len(around):
            result[i] = np.median(values[around])
    return result


def _moved_back(table: pd.DataFrame, residual: np.ndarray) -> np.ndarray:
    """Slices whose shift undoes that of the slice they are compared with."""
    place = {int(z): i for i, z in enumerate(table["z"])}
    before = np.array([place.get(int(z), -1) if z >= 0 else -1 for z in table["reference"].fillna(-1)])
    far = (table["shift"] > table["shift_limit"]).to_numpy()
    back = np.zeros(len(table), bool)
    for i in np.flatnonzero(far):
        j = before[i]
        if j >= 0 and far[j] and not back[j]:
            back[i] = np.hypot(*(residual[:, i] + residual[:, j])) <= table["shift_limit"].iloc[i]
    return back


def suspects(table: pd.DataFrame, first: int = 0) -> tuple[str, list[int]]:
    """The flagged slices that are not declared, in words, and their numbers for ``bad_slices``.

    first: the first slice of the table in the whole stack, which ``bad_slices`` counts from.
    """
    found = table[table["flagged"] & ~table["interpolated"]]
    words = [
        f"{format_numbers((found.loc[found[defect], 'z'] + first).tolist())} {defect}"
        for defect in DEFECTS
        if found[defect].any()
    ]
    return "; ".join(words), (found["z"] + first).tolist()


def quality_note(table: pd.DataFrame, first: int = 0) -> str:
    """What the summary and the log say of the slices: which look bad, which are interpolated, and the cure.

    Slices are numbered as in the configuration. Empty where all is well.
    """
    lines = []
    words, numbers = suspects(table, first)
    if numbers:
        lines.append(
            f"Slices that look bad, but are not declared: {words} (figures/slices.png, tables/slices.csv). "
            f"If they are, let all steps step over them: bad_slices: {sorted({*numbers, *_declared(table, first)})}"
        )
    copies = (table.loc[table["interpolated"], "z"] + first).tolist()
    if copies:
        lines.append(
            f"Slices {format_numbers(copies)} are bad or missing: their labels are copies of the nearest good slice "
            "and are not scored."
        )
    return "\n".join(lines)


def _declared(table: pd.DataFrame, first: int) -> Sequence[int]:
    return (table.loc[table["bad"], "z"] + first).tolist()


def thresholds(settings: Mapping[str, float]) -> dict[str, float]:
    """Threshold of the statistic of each defect."""
    return {defect: settings[THRESHOLD[defect]] for defect in DEFECTS}
