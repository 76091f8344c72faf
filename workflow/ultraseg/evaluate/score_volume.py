"""Scores of one volume: final labels against held-out labels and against dense truth, slice by slice."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import fastremap
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.arrays.scale import upsample_labels
from ultraseg.evaluate.object_scores import ObjectScore
from ultraseg.evaluate.scores import (
    CellScore,
    MaskScore,
    Partners,
    ProtrusionScore,
    combine,
    distance_to_labelled,
    table_of,
)
from ultraseg.evaluate.size_scores import SizeScore
from ultraseg.grid.gaps import Gap
from ultraseg.grid.paths import VolumeFiles
from ultraseg.labels.reader import LabelReader
from ultraseg.labels.source import LabelSource
from ultraseg.storage.arrays import read_slice
from ultraseg.storage.label_slices import LabelSlices

log = logging.getLogger(__name__)

PROTRUSIONS = "protrusions"  # truth of this name has the id of a cell at the pixels of its protrusions


@dataclass(frozen=True)
class ScoredVolume:
    """A volume with final labels, and its labelled slices.

    folder: of the volume; shape: (Z, Y, X); pixel_nm: size of a pixel (y, x); bad: slices whose labels are copies, and
    which are not scored against truth. For every structure: kinds; labelled: its labelled slices; uses: what each
    labelled slice serves for; label_files: the file of its checked labels.

    cells: the structure whose ids are carried, if any; downsample: of the network of the cells; left_out: labelled
    slice -> the gap that was carried past this slice as if it were not labelled; min_cell_voxels: smaller true cells
    do not enter the mean Dice against truth. learned: structure whose validation slices the network learned from in
    the end -> its Dice on them as training measured it before, None where it could not. min_object_voxels: objects of
    an organelle that are smaller are neither missed nor invented.
    """

    folder: str
    shape: tuple[int, int, int]
    pixel_nm: tuple[float, float]
    kinds: Mapping[str, str]
    labelled: Mapping[str, Sequence[int]]
    uses: Mapping[str, Mapping[int, str]]
    label_files: Mapping[str, str]
    cells: str | None
    downsample: int
    left_out: Mapping[int, Gap]
    min_cell_voxels: int
    bad: Sequence[int] = ()
    learned: Mapping[str, float | None] = field(default_factory=dict)
    min_object_voxels: Mapping[str, int] = field(default_factory=dict)

    @property
    def files(self) -> VolumeFiles:
        """The files of the volume."""
        return VolumeFiles(self.folder)

    def final(self, structure: str, z: int, known: NDArray[np.bool_] | None) -> NDArray[np.uint32]:
        """The final labels (Y, X) of slice z, with 0 where the truth is not ``known``."""
        return _only_known(read_slice(self.files.labels_level(structure), z), known)


@dataclass(frozen=True)
class Truth:
    """Dense truth of a volume.

    sources: structure, or 'protrusions', -> its label files; plane: (Y, X) of the slices in these files; crop: the part
    of a slice that is the volume, start and stop in y and x.
    """

    sources: Mapping[str, LabelSource]
    plane: tuple[int, int]
    crop: Sequence[Sequence[int]]

    def reader(self, name: str, ids: bool) -> LabelReader:
        """The reader of the slices of one source; ``ids``: whether its numbers tell cells apart."""
        return LabelReader(self.sources[name], self.plane, "truth", self.crop, one_colour=not ids)


def score_volume(volume: ScoredVolume, truth: Truth) -> pd.DataFrame:
    """All scores of a volume, as the rows of metrics.csv."""
    tables, partners = [], _partners(volume, truth)
    for structure in volume.kinds:
        if structure == volume.cells:
            tables += _left_out_cells(volume, structure)
        else:
            tables += _given_slices(volume, structure)
        if structure in truth.sources:
            tables += _against_truth(volume, truth, structure, partners)
    cells = volume.cells
    if cells is not None and cells in volume.kinds and PROTRUSIONS in truth.sources:
        if partners is None and not volume.labelled[cells]:
            log.warning(
                "truth of protrusions is not scored: without labels of cells, its numbers are not those of the result; "
                "give truth of %s as well",
                cells,
            )
        else:
            tables.append(_protrusions(volume, truth, cells, partners))
    return combine(tables)


def _partners(volume: ScoredVolume, truth: Truth) -> Partners | None:
    """The numbers that true cells have in the result; None where labels gave it theirs, or without truth of cells."""
    cells = volume.cells
    if cells is None or cells not in volume.kinds or volume.labelled[cells] or cells not in truth.sources:
        return None
    reader, partners = truth.reader(cells, ids=True), Partners()
    for ref in truth.sources[cells].slices:
        if ref.z not in volume.bad:
            true, known = reader.read(ref)
            partners.add(volume.final(cells, ref.z, known), true)
    return partners


def _against_truth(
    volume: ScoredVolume, truth: Truth, structure: str, partners: Partners | None
) -> list[pd.DataFrame]:
    """Scores on every good slice that the user did not label: a labelled slice gave its truth away.

    All slices tell how large a cell is, and which parts of the truth of an organelle are one object.
    """
    kind = volume.kinds[structure]
    distance = distance_to_labelled(volume.shape[0], volume.labelled[structure])
    given_away = {*volume.labelled[structure], *volume.bad}
    reader = truth.reader(structure, kind == "cells")
    score: CellScore | MaskScore = MaskScore(structure)
    objects = (
        ObjectScore(structure, volume.min_object_voxels.get(structure, 1)) if kind == "organelle" else None
    )
    if kind == "cells":
        shown = shown_ids(volume.label_files[structure]) if volume.labelled[structure] else set()
        score = CellScore(structure, "truth", volume.min_cell_voxels, volume.pixel_nm, shown)
    for ref in sorted(truth.sources[structure].slices, key=lambda ref: ref.z):
        if ref.z in given_away and kind == "mask":
            continue
        true, known = reader.read(ref)
        if partners and kind == "cells":
            true = partners.renumbered(true)
        final = None if ref.z in given_away else volume.final(structure, ref.z, known)
        if final is not None:
            score.add(ref.z, final, true, int(distance[ref.z]))
        elif isinstance(score, CellScore):
            score.count(true)
        if objects is not None:
            objects.add(ref.z, true, final)
    _point_out(reader, structure)
    return [score.rows()] if objects is None else [score.rows(), objects.rows()]


def shown_ids(label_file: str) -> set[int]:
    """All ids on the labelled slices of a file of checked labels."""
    with LabelSlices(label_file) as given:
        return {int(cell) for z in given.zs for cell in fastremap.unique(given.read(z))}


def _protrusions(volume: ScoredVolume, truth: Truth, cells: str, partners: Partners | None) -> pd.DataFrame:
    """Scores of the protrusions on every good slice that the user did not label."""
    given_away = {*volume.labelled[cells], *volume.bad}
    reader, score = truth.reader(PROTRUSIONS, ids=True), ProtrusionScore(cells)
    for ref in truth.sources[PROTRUSIONS].slices:
        if ref.z not in given_away:
            true, known = reader.read(ref)
            true = partners.renumbered(true) if partners else true
            score.add(ref.z, volume.final(cells, ref.z, known), true)
    _point_out(reader, PROTRUSIONS)
    return score.rows()


def _point_out(reader: LabelReader, name: str) -> None:
    """Warn of truth whose background seems to be another number than 0: it would be scored as a cell."""
    for text in reader.doubts.warnings(f"truth of {name}"):
        log.warning(text)


def _given_slices(volume: ScoredVolume, structure: str) -> list[pd.DataFrame]:
    """Scores on the validation and on the test slices of a structure that a network predicts alone."""
    tables = []
    for use in ("validation", "test"):
        if use == "validation" and structure in volume.learned:
            tables.append(_as_measured_before(volume, structure))
            continue
        score, size = MaskScore(structure, use), SizeScore(structure, use)
        for z in volume.labelled[structure]:
            if volume.uses[structure][z] == use:
                with LabelSlices(volume.label_files[structure]) as given:
                    final, true = volume.final(structure, z, given.known(z)), given.read(z)
                score.add(z, final, true)
                size.add(final, true)
        tables += [score.rows(), size.rows()] if use == "test" else [score.rows()]
    return tables


def _as_measured_before(volume: ScoredVolume, structure: str) -> pd.DataFrame:
    """Dice on validation slices that the network learned from: its final maps there would flatter it."""
    count = list(volume.uses[structure].values()).count("validation")
    value = volume.learned[structure]
    return table_of([] if value is None or not count else [(structure, "dice", "validation", value, count)])


def _left_out_cells(volume: ScoredVolume, structure: str) -> list[pd.DataFrame]:
    """Scores of cells on labelled slices, to which they were carried as if the slice were not labelled.

    The first table is of the slices that no network saw (test), the second one of all slices that are left out.
    """
    scores = {name: CellScore(structure, name, 1, volume.pixel_nm) for name in ("test", "left_out")}
    for z, gap in volume.left_out.items():
        with LabelSlices(volume.files.propagated(gap.name)) as carried:
            found = upsample_labels(carried.read(z), volume.downsample, volume.shape[1:])
        ends = ((gap.first, gap.first_given), (gap.last, gap.last_given))
        distance = min(abs(z - end) for end, is_given in ends if is_given)
        with LabelSlices(volume.label_files[structure]) as given:
            found, true = _only_known(found, given.known(z)), given.read(z)
        for name, score in scores.items():
            if name == "left_out" or volume.uses[structure][z] == "test":
                score.add(z, found, true, distance)
    return [score.rows() for score in scores.values()]


def _only_known(labels: NDArray[np.uint32], known: NDArray[np.bool_] | None) -> NDArray[np.uint32]:
    """Labels (Y, X) with 0 where the truth is not known. A pixel that is 0 in truth and prediction counts nowhere."""
    return labels if known is None else np.where(known, labels, np.uint32(0))
