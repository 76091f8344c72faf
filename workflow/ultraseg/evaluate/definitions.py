"""Columns of the table of scores, its splits, and what each score means."""

from __future__ import annotations

COLUMNS = ["structure", "metric", "split", "value", "n_slices"]


SPLITS = {
    "test": "labelled slices that were held out: nothing was trained on them or carried from them",
    "truth": "slices without a label, against a dense truth",
    "validation": "labelled slices that chose the model: a little optimistic",
    "left_out": "labelled slices, each left out in turn: cells carried there from the labels that remain, over twice "
    "the usual gap; before linking. Networks learned from most of these slices, so it measures how cells are carried",
}


DEFINITIONS = {
    "dice": "overlap of prediction and truth: 1 = same pixels, 0 = none in common; for cells the mean over "
    "all cells in all slices",
    "dice_low": "lower end of the 95 % interval of that mean: cells drawn anew a thousand times",
    "dice_high": "its upper end",
    "dice_pairs": "number of (cell, slice) pairs in that mean",
    "boundary_distance_nm": "mean distance in nm, within slices, between the outlines of a cell in prediction and "
    "truth; mean over all cells in all slices that have both",
    "foreground_dice": "Dice of 'any cell' against 'no cell'",
    "precision": "part of the predicted pixels that is right",
    "recall": "part of the true pixels that was found",
    "adapted_rand_error": "wrongly joined or parted pairs of pixels, 0 = perfect, 1 = all wrong",
    "adapted_rand_precision": "of pixel pairs joined by the prediction, the part that belongs together (low: "
    "cells merged)",
    "adapted_rand_recall": "of pixel pairs that belong together, the part joined by the prediction "
    "(low: cells split)",
    "voi_split": "bits lost by splitting true cells, 0 = perfect",
    "voi_merge": "bits lost by merging true cells, 0 = perfect",
    "average_precision_50": "objects found / (found + missed + invented); found = overlap over union above 0.5",
    "average_precision_75": "the same with overlap over union above 0.75",
    "panoptic_quality_50": "mean overlap over union of the objects found (above 0.5), times how many are found",
    "panoptic_quality_75": "the same of objects found above 0.75",
    "protrusion_right": "part of the true protrusion pixels given to the right cell",
    "protrusion_wrong": "part given to another cell",
    "protrusion_none": "part given to no cell",
}
