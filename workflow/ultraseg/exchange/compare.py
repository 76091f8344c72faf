"""``ultraseg compare``: two runs of a volume, or two label volumes, against each other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.base.errors import UserError
from ultraseg.base.files import write_table
from ultraseg.evaluate.compare import WHATS, Comparison, most_changed
from ultraseg.figures.compare import ComparedSlice, draw_comparison
from ultraseg.grid.paths import VolumeFiles, metadata
from ultraseg.ingest.any_volume import AnyVolume, open_volume_file
from ultraseg.storage.arrays import describe, read_image_slice, read_slice, read_slices, shape_of
from ultraseg.storage.finished_runs import choose_volume
from ultraseg.storage.ome_read import read_scaling, structures_of

SHOWN = 6  # slices of the picture
LISTED = 10  # objects that are printed
LABELS = "labels"  # name of the structure of a label volume
MEASURES = {
    "dice": "Dice of any object against none",
    "dice_objects": "mean Dice of the objects of A with their partners in B",
    "adapted_rand_error": "adapted Rand error",
    "voi_split": "bits, objects of A split in B",
    "voi_merge": "bits, objects of A merged in B",
    "changed_share": "share of the labelled voxels that changed",
}


@dataclass(frozen=True)
class Side:
    """A or B: one label volume. name: as the user named it; folder: of a run's volume, '' for a label file."""

    name: str
    structure: str
    shape: tuple[int, ...]
    folder: str = ""
    file: AnyVolume | None = None

    def planes(self) -> Iterator[NDArray[np.integer]]:
        """All slices (Y, X). Raises UserError where they are not whole numbers."""
        if self.file is not None:
            for plane in self.file.planes(range(self.shape[0])):
                yield self._whole_numbers(plane)
            return
        path = self._files.labels_level(self.structure)
        depth = describe(path)[2][0]
        for start in range(0, self.shape[0], depth):
            yield from read_slices(path, start, min(start + depth, self.shape[0]))

    def plane(self, z: int) -> NDArray[np.integer]:
        """Slice z (Y, X)."""
        if self.file is not None:
            return self._whole_numbers(next(iter(self.file.planes([z]))))
        return read_slice(self._files.labels_level(self.structure), z)

    def image(self, z: int) -> NDArray[np.uint8] | None:
        """The image of slice z; None for a label file."""
        return read_image_slice(self._files.image_level(), z) if self.folder else None

    @property
    def voxel_size_nm(self) -> tuple[float, float, float] | None:
        """Voxel size z, y, x; None for a label file."""
        if not self.folder:
            return None
        z, y, x = read_scaling(self._files.image)[0].size_nm
        return z, y, x

    @property
    def _files(self) -> VolumeFiles:
        return VolumeFiles(self.folder)

    def _whole_numbers(self, plane: NDArray[Any]) -> NDArray[np.integer]:
        if plane.dtype.kind == "f":  # as ImageJ saves ids beyond 65535
            if not np.array_equal(plane, np.floor(plane)):
                raise UserError(
                    f"{self.name}: holds numbers with fractions, so it is no label volume",
                    "Name labels: whole numbers, one for each object, 0 for background.",
                )
            return plane.astype(np.int64)
        return plane.astype(np.uint8) if plane.dtype == bool else plane


def compare(
    a: str,
    b: str,
    volume: str | None = None,
    structures: Sequence[str] | None = None,
    to: str | Path = "compare",
) -> list[str]:
    """Compare A with B, write tables and pictures to the folder ``to``, and return lines that say what was found.

    a, b: folders of runs, folders of volumes in the results of runs, or label volumes (``ingest.any_volume``);
    volume: which one, where a run has several; structures: all that both have by default. Raises UserError where they
    cannot be compared.
    """
    pairs = _pairs(a, b, volume, structures)
    to = Path(to)
    compared = [_compare_pair(one, other, to) for one, other in pairs]
    tables = {
        "scores": pd.DataFrame([found.scores() for found in compared]),
        "objects": pd.concat([found.objects for found in compared], ignore_index=True),
        "slices": pd.concat([found.slices for found in compared], ignore_index=True),
    }
    for name, table in tables.items():
        write_table(to / f"{name}.csv", table)
    lines = [f"A: {a}", f"B: {b}"]
    for found in compared:
        lines += ["", *_told(found)]
    return [*lines, "", f"{to}: scores.csv, objects.csv, slices.csv and a picture of each structure"]


def _compare_pair(a: Side, b: Side, to: Path) -> Comparison:
    found = Comparison(a.structure)
    for one, other in zip(a.planes(), b.planes(), strict=True):
        found.add(one, other)
    shown = []
    for z in most_changed(found.slices, SHOWN):
        one, other = a.plane(z), b.plane(z)
        image = a.image(z) if a.folder else b.image(z)
        shown.append(ComparedSlice(z, image, one, found.renumbered(other), found.changed(one, other)))
    nm = a.voxel_size_nm or b.voxel_size_nm or (1.0, 1.0, 1.0)
    draw_comparison(shown, nm, str(to / f"{a.structure}.png"), a.structure)
    return found


def _told(found: Comparison) -> list[str]:
    scores = found.scores()
    counts = ", ".join(f"{scores[what]} {what}" for what in WHATS if scores[what])
    lines = [
        f"{found.structure}: {scores['objects_a']} objects in A, {scores['objects_b']} in B: {counts or 'none'}"
        + (f"; {scores['renumbered']} have another number" if scores["renumbered"] else "")
    ]
    lines += [f"  {scores[name]:8.4f}  {text}" for name, text in MEASURES.items()]
    changed = found.objects[found.objects["changed_voxels"] > 0]
    lines += [
        f"  {row.what:8} {f'{row.a or None} -> {row.b or None}':>16}  Dice {row.dice:.3f}, {row.changed_voxels} voxels"
        for row in changed.head(LISTED).itertuples()
    ]
    return lines + ([f"  and {len(changed) - LISTED} more"] if len(changed) > LISTED else [])


# ---------------------------------------------------------------- what is compared
def _pairs(a: str, b: str, volume: str | None, structures: Sequence[str] | None) -> list[tuple[Side, Side]]:
    folders = [_volume_folder(path, volume) for path in (a, b)]
    known = [structures_of(folder) if folder else [] for folder in folders]
    in_runs = [names for names, folder in zip(known, folders, strict=True) if folder]
    common = [name for name in in_runs[0] if all(name in names for names in in_runs)] if in_runs else [LABELS]
    names = list(structures or common)
    for name in names:
        if name not in common:
            raise UserError(
                f"--structures: {name} is not in both {a} and {b}",
                f"Choose among {', '.join(common)}."
                if common
                else "The two runs have no structure in common.",
            )
    if not names:
        raise UserError(
            f"{a} and {b}: have no structure in common ({', '.join(known[0])}; {', '.join(known[1])})",
            "Compare runs that have structures of the same names.",
        )
    if not all(folders) and len(names) > 1:
        raise UserError(
            f"{a} and {b}: one is a run with {len(names)} structures, the other one a label volume",
            f"Say which structure it is to be compared with: --structures {names[0]}.",
        )
    pairs = []
    for name in names:
        one, other = (_side(path, folder, name) for path, folder in zip((a, b), folders, strict=True))
        if one.shape != other.shape:
            raise UserError(
                f"{name}: A has {_size(one.shape)} voxels, B {_size(other.shape)} (z, y, x)",
                "Compare label volumes of one and the same part of a stack (roi).",
            )
        pairs.append((one, other))
    return pairs


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _volume_folder(path: str, volume: str | None) -> str:
    """The folder of the volume in a run; '' where the path names a label volume."""
    path = os.path.expanduser(path)
    if os.path.isfile(metadata(VolumeFiles(path).image)):
        return path
    if os.path.isdir(os.path.join(path, "results")):
        return os.path.join(path, "results", choose_volume(path, volume))
    return ""


def _side(path: str, folder: str, structure: str) -> Side:
    if folder:
        return Side(path, structure, shape_of(VolumeFiles(folder).labels_level(structure)), folder)
    found = open_volume_file(os.path.expanduser(path))
    if found.channels > 1:
        raise UserError(f"{path}: has {found.channels} channels", "Name labels of one channel.")
    return Side(path, structure, found.shape, file=found)
