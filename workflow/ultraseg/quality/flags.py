"""Slices that look bad against the slices around them: blank, repeated, defocused or shifted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.base.text import format_numbers

DEFECTS = ("blank", "repeated", "defocused", "shifted")
# The statistic that shows each defect, and the setting with the threshold of this statistic.
STATISTIC = {"blank": "contrast", "repeated": "change", "defocused": "sharpness", "shifted": "shift"}
THRESHOLD = {
    "blank": "min_contrast",
    "repeated": "min_change",
    "defocused": "min_sharpness",
    "shifted": "max_shift",
}
LEAST_CONTRAST = 2.0  # grey values: among blank slices, a slice of less contrast is blank too
LEAST_MATCH = 0.2  # correlation: two slices of less have too little in common to measure a shift
JITTER = 3.0  # a shift up to so many times the median shift around is no defect
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
    """One row for each slice, with the statistic of each defect, and whether the statistic passes its threshold.

    statistics: from ``statistics.statistics_of``, of all slices that have a file; slices: z, number, file, bad
    (declared), missing and stand_in, of all slices; neighbours: how many slices on either side a slice is compared
    with. The columns are ``SLICE_COLUMNS``.

    contrast, change and sharpness are shares of the median of the good slices around. shift is how many pixels the
    slice lies off its expected place: the place of its reference, moved by the median step around. shift_limit is
    ``max_shift``, or three times the median shift around where this is more. A slice that is shifted back because its
    reference was shifted alone is not flagged.
    """
    table = slices.merge(statistics, on="z", how="left").sort_values("z", ignore_index=True)
    good = ~(table["bad"] | table["missing"]).to_numpy()
    usual = partial(_running_median, good=good, neighbours=neighbours)
    contrast = table["contrast"].to_numpy()
    table["contrast"] = contrast / np.fmax(usual(contrast), LEAST_CONTRAST)
    blank = (table["contrast"] < min_contrast).to_numpy()
    compared = _compared(table, blank)
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


def _compared(table: pd.DataFrame, blank: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The slices that have a reference, where neither slice nor reference is blank."""
    after_blank = table["reference"].isin(table.loc[blank, "z"]).to_numpy()
    return (table["reference"] >= 0).to_numpy() & ~blank & ~after_blank


def _positive(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values, with NaN in place of those that are not above 0."""
    return np.where(values > 0, values, np.nan)


def _running_median(
    values: NDArray[np.float64], good: NDArray[np.bool_], neighbours: int
) -> NDArray[np.float64]:
    """Median of the values of the good slices around each slice, without the slice itself; NaN where there are none."""
    known = good & np.isfinite(values)
    result = np.full(len(values), np.nan)
    for i in range(len(values)):
        around = np.arange(max(i - neighbours, 0), min(i + neighbours + 1, len(values)))
        around = around[(around != i) & known[around]]
        if len(around):
            result[i] = np.median(values[around])
    return result


def _moved_back(table: pd.DataFrame, residual: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The slices whose shift undoes the shift of their reference. residual: (2, n), the shift in y and x."""
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
    """The flagged slices that are not declared bad: in words, and their numbers for the setting ``bad_slices``.

    first: the number, in the whole stack, of the first slice of the table. ``bad_slices`` counts in the whole stack.
    """
    found = table[table["flagged"] & ~table["interpolated"]]
    words = [
        f"{format_numbers((found.loc[found[defect], 'z'] + first).tolist())} {defect}"
        for defect in DEFECTS
        if found[defect].any()
    ]
    return "; ".join(words), (found["z"] + first).tolist()


def quality_note(table: pd.DataFrame, first: int = 0) -> str:
    """What summary and log say of the slices: which slices look bad, which are interpolated, and the cure.

    first: as in ``suspects``. Empty where no slice is flagged or interpolated.
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
    """The slices that the configuration declares bad, by their numbers in the whole stack."""
    return (table.loc[table["bad"], "z"] + first).tolist()


def defect_thresholds(settings: Mapping[str, float]) -> dict[str, float]:
    """The threshold of the statistic of each defect. settings: those of ``slice_table``."""
    return {defect: settings[THRESHOLD[defect]] for defect in DEFECTS}
