"""Scores of one volume: final labels against held-out labels and dense truth, slice by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ultraseg.arrays.scale import upsample_labels
from ultraseg.evaluate.scores import CellScore, MaskScore, ProtrusionScore, combine, distance_to_labelled
from ultraseg.grid.gaps import Gap
from ultraseg.grid.paths import VolumeFiles
from ultraseg.labels.reader import LabelReader
from ultraseg.labels.source import LabelSource
from ultraseg.storage.arrays import read_slice
from ultraseg.storage.label_slices import LabelSlices


def score_volume(
    folder: str,
    *,
    structures: Mapping[str, str],
    labelled: Mapping[str, Sequence[int]],
    splits: Mapping[str, Mapping[int, str]],
    files: Mapping[str, str],
    left_out: Mapping[int, Gap],
    truth: Mapping[str, LabelSource],
    cells: str | None,
    downsample: int,
    shape: tuple[int, int, int],
    pixel_nm: tuple[float, float],
    plane: tuple[int, int],
    crop: Sequence[Sequence[int]],
    min_cell_voxels: int,
    bad: Sequence[int] = (),
) -> pd.DataFrame:
    """All rows of metrics.csv of the volume in ``folder``.

    structures: name -> kind; labelled: slices with labels; splits: use of each; files: where the labels are; left_out:
    labelled slice -> gap carried past it; truth: by structure, and 'protrusions';
    downsample: of the network of the cells; shape: of the volume; pixel_nm: size (y, x) of a pixel;
    plane: size (y, x) of the slices of the truth, of which the volume is the part ``crop`` (start and stop in y and x);
    bad: slices whose labels are copies, which are not scored.
    """
    tables = []
    for structure, kind in structures.items():
        distance = distance_to_labelled(shape[0], labelled[structure])
        if structure == cells:
            tables += _left_out_cells(
                folder, structure, files[structure], left_out, splits[structure], downsample, shape, pixel_nm
            )
        else:
            tables += _given_slices(
                folder, structure, files[structure], labelled[structure], splits[structure]
            )
        if structure in truth:
            score = (
                CellScore(structure, "truth", min_cell_voxels, pixel_nm)
                if kind == "cells"
                else MaskScore(structure)
            )
            _add_truth(
                score, folder, structure, truth[structure], labelled[structure], distance, plane, crop, bad
            )
            tables.append(score.rows())
    if cells in structures and "protrusions" in truth:
        score = ProtrusionScore(cells)
        _add_truth(score, folder, cells, truth["protrusions"], labelled[cells], None, plane, crop, bad)
        tables.append(score.rows())
    return combine(tables)


def _final(folder: str, structure: str, z: int) -> np.ndarray:
    return read_slice(VolumeFiles(folder).labels_level(structure), z)


def _add_truth(score, folder, structure, source, labelled, distance, plane, crop, bad) -> None:
    """Add every good slice that the user did not label: on labelled ones the truth was given away."""
    reader = LabelReader(source, plane, "truth", crop)
    left_out = {*labelled, *bad}
    for ref in source.slices:
        z = ref.z
        if z in left_out and not isinstance(score, CellScore):
            continue
        true, known = reader.read(ref)
        if z in left_out:
            score.count(true)  # the size of a cell is that in the whole volume
        else:
            found = _only_known(_final(folder, structure, z), known)
            if distance is None:
                score.add(z, found, true)
            else:
                score.add(z, found, true, int(distance[z]))


def _only_known(labels: np.ndarray, known: np.ndarray | None) -> np.ndarray:
    """Labels (Y, X) with 0 where the truth does not say anything: pixels that are 0 in both count nowhere."""
    return labels if known is None else np.where(known, labels, 0)


def _given_slices(
    folder: str, structure: str, file: str, labelled: Sequence[int], split: Mapping[int, str]
) -> list:
    """Scores on the validation and on the test slices of a structure that a network predicts alone."""
    tables = []
    for use in ("validation", "test"):
        score = MaskScore(structure, use)
        for z in labelled:
            if split[z] == use:
                with LabelSlices(file) as given:
                    found = _only_known(_final(folder, structure, z), given.known(z))
                    score.add(z, found, given.read(z))
        tables.append(score.rows())
    return tables


def _left_out_cells(
    folder: str,
    structure: str,
    file: str,
    left_out: Mapping[int, Gap],
    split: Mapping[int, str],
    downsample: int,
    shape: Sequence[int],
    pixel_nm: tuple[float, float],
) -> list[pd.DataFrame]:
    """Cells on labelled slices, carried there from their neighbours as if the slice were not labelled.

    Once over the slices that no network saw (test), once over all that are left out.
    """
    scores = {name: CellScore(structure, name, 1, pixel_nm) for name in ("test", "left_out")}
    for z, gap in left_out.items():
        with LabelSlices(f"{folder}/work/propagated/{gap.name}.h5") as carried:
            found = upsample_labels(carried.read(z), downsample, shape[1:])
        distance = min(abs(z - gap[end]) for end in ("first", "last") if gap[f"{end}_given"])
        with LabelSlices(file) as given:
            found, true = _only_known(found, given.known(z)), given.read(z)
        for name, score in scores.items():
            if name == "left_out" or split[z] == "test":
                score.add(z, found, true, distance)
    return [score.rows() for score in scores.values()]
