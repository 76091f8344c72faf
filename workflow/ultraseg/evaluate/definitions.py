"""The table of scores (metrics.csv): its columns, its splits, and the meaning of each metric."""

from __future__ import annotations

COLUMNS = ["structure", "metric", "split", "value", "n_slices"]

SPLITS = {
    "test": "labelled slices that were held out: nothing was trained on them or carried from them",
    "truth": "slices without a label, against a dense truth",
    "validation": "labelled slices that chose epoch and threshold: a little optimistic. Where training learned from "
    "them as well in the end, as they were scored before, on average over the last epochs and all volumes",
    "left_out": "labelled slices, each left out in turn: cells carried there from the labels that remain, over twice "
    "the usual gap; before linking. Networks learned from most of these slices, so the scores measure how cells are "
    "carried",
}

DEFINITIONS = {
    "dice": "overlap of prediction and truth: 1 = same pixels, 0 = none in common; for cells the mean over "
    "all cells in all slices; a true cell that no label shows is compared with the new id that overlaps it most",
    "dice_low": "lower end of the 95 % interval of the mean Dice, from a thousand draws of cells",
    "dice_high": "upper end of the 95 % interval of the mean Dice",
    "dice_pairs": "number of (cell, slice) pairs in the mean Dice",
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
    "average_precision_75": "objects found / (found + missed + invented); found = overlap over union above 0.75",
    "panoptic_quality_50": "mean overlap over union of the objects found (above 0.5), times how many are found",
    "panoptic_quality_75": "mean overlap over union of the objects found (above 0.75), times how many are found",
    "objects_true": "objects of the truth in the slices that are scored, of min_voxels and more: its numbers, or the "
    "connected parts of a mask",
    "objects_found": "objects of the result in these slices",
    "count_error": "objects found more than there are, as a share of those there are; below 0: too few",
    "area_ratio": "true area per area found on held-out slices: volumes and fractions of the result times this number "
    "are what the labels let one expect",
    "area_ratio_low": "lower end of the 95 % interval of the ratio of areas, from a thousand draws of parts of slices",
    "area_ratio_high": "upper end of the 95 % interval of the ratio of areas",
    "profile_ratio": "true profiles (connected areas of a slice) per profile found on held-out slices, for counts",
    "profile_ratio_low": "lower end of the 95 % interval of the ratio of profiles",
    "profile_ratio_high": "upper end of the 95 % interval of the ratio of profiles",
    "protrusion_right": "part of the true protrusion pixels given to the right cell",
    "protrusion_wrong": "part of the true protrusion pixels given to another cell",
    "protrusion_none": "part of the true protrusion pixels given to no cell",
}
