"""Where labels that are drawn by hand are saved: the folder of a structure's labels, or that of its corrections."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.base.errors import UserError
from ultraseg.exchange.tiff_write import whole_label_slice
from ultraseg.formats.array_files import is_array_file
from ultraseg.formats.slice_source import SliceRef
from ultraseg.ingest.name_numbers import slice_number, with_number
from ultraseg.labels.reader import LabelReader
from ultraseg.labels.source import LabelSource, resolve_labels
from ultraseg.plan.open_volume import located
from ultraseg.plan.volume import Volume

BEFORE = ".before"  # folder beside label files: what they were before they were drawn anew
MEANINGS = ("values", "ignore_value", "background", "region", "roi_ids", "slices", "empty_slices", "axes")
PLACES = ("labels", "corrections")


@dataclass(frozen=True)
class Target:
    """A folder of label files, one TIFF per slice.

    place: labels or corrections; like: a file whose name others follow, None where there is none; first_number: the
    number in file names of the first slice of the stack; files: those that are there, by their numbers.
    """

    place: str
    folder: Path
    kind: str
    like: str | None = None
    pattern: str | None = None
    first_number: int = 0
    files: Mapping[int, str] | None = None

    def file(self, z: int) -> Path:
        """The file of slice z of the whole stack, whether it is there or not."""
        number = z + self.first_number
        known = (self.files or {}).get(number)
        if known:
            return Path(known)
        name = with_number(self.like, number, self.pattern) if self.like else None
        if name is None or slice_number(name, self.pattern) != number:
            name = f"z{number:05d}.tif"
        return self.folder / name

    def save(self, volume: Volume, z: int, labels: NDArray[Any]) -> Path:
        """Write the labels (Y, X) of slice z of the volume as a label file of the whole slice; returns the file.

        The first version of a file that is replaced stays in the folder ``.before``. Raises UserError for what cannot
        be labels of this kind; nothing is written then.
        """
        drawn = _stored(labels, self.kind)
        path = self.file(z + volume.roi[0][0])
        plane, crop = volume.full_shape[1:], volume.plane_crop
        trial = path.with_name(f".trial-{path.name}")
        try:
            whole_label_slice(trial, drawn, plane, crop)
            LabelReader(LabelSource.of([SliceRef(z, str(trial), None)]), plane, self.kind).read(
                SliceRef(z, str(trial), None)
            )
        except UserError as error:
            said = error.problem.replace(str(trial), f"slice {z + volume.roi[0][0]}")
            raise UserError(said, error.cure) from None
        finally:
            trial.unlink(missing_ok=True)
        kept = path.parent / BEFORE / path.name
        if path.exists() and not kept.exists():
            kept.parent.mkdir(exist_ok=True)
            shutil.copy2(path, kept)
        whole_label_slice(path, drawn, plane, crop)
        return path


def find_target(
    config: Mapping[str, Any], volume: str, structure: str, place: str | None = None
) -> tuple[Target, LabelSource | None]:
    """Where labels of a structure are saved, and the labels that are there already (None: none).

    place: labels or corrections; by default corrections where the configuration names them, else labels. Raises
    UserError where the configuration names no folder, or where files of single slices would not be read as they are
    drawn.
    """
    settings, kind = config["volumes"][volume], config["structures"][structure]["kind"]
    given = settings["labels"].get(structure)
    entry = {"path": given} if isinstance(given, str) else given
    path = located(entry["path"], config) if entry else None
    known = None
    if entry and path and not _is_free(path):
        known = resolve_labels(entry, lambda name: located(name, config), None)
    place = place or ("corrections" if "corrections" in settings else "labels")
    if place == "corrections":
        if "corrections" not in settings:
            raise UserError(
                f"volumes.{volume}: the configuration names no folder for corrections",
                f"Add to the volume: corrections: corrections/{volume}",
            )
        folder = Path(located(settings["corrections"], config), structure)
        return Target(place, folder, kind, None, None, 0, _numbered(folder, None)), known
    if entry is None or path is None:
        raise UserError(
            f"volumes.{volume}: the configuration names no labels of {structure}",
            f"Add to labels of the volume: {structure}: labels/{volume}/{structure}",
        )
    _check_plain(f"volumes.{volume}.labels.{structure}", entry, path, known)
    pattern, first = entry.get("slice_number_pattern"), int(entry.get("first_slice_number") or 0)
    files = _numbered(Path(path), pattern)
    like = next(iter(files.values()), None)
    return Target(place, Path(path), kind, like, pattern, first, files), known


def _is_free(path: str) -> bool:
    """Whether a path is a folder to be made, or one that holds no label file yet."""
    if not os.path.exists(path):
        suffixes = [os.path.splitext(part)[1] for part in path.split(os.sep)]
        plain = not suffixes[-1] and not {".zarr", ".n5", ".h5", ".hdf5"} & {s.lower() for s in suffixes}
        return plain and not any(letter in path for letter in "*?[:")
    names = os.listdir(path) if os.path.isdir(path) else None
    return names is not None and all(name.startswith(".") for name in names)


def _check_plain(where: str, entry: Mapping[str, Any], path: str, known: LabelSource | None) -> None:
    """Raise UserError where files of single slices, as they are drawn, do not fit the entry of the labels."""
    cure = "Name a folder for corrections of the volume (corrections: corrections/NAME), or use --to corrections."
    said = [key for key in MEANINGS if key in entry]
    if said:
        raise UserError(
            f"{where}: '{said[0]}' says how its files are read, so slices drawn here would be read wrongly",
            cure,
        )
    is_folder = os.path.isdir(path) and not is_array_file(path)
    pages = known is not None and any(ref.page is not None for ref in known.slices)
    if pages or not (is_folder or _is_free(path)):
        raise UserError(f"{where}: {path} is no folder with one TIFF for each slice", cure)


def _numbered(folder: Path, pattern: str | None) -> dict[int, str]:
    """The TIFFs of a folder by the number in their names."""
    found = {}
    for file in sorted(folder.glob("*")):
        if file.suffix.lower() in (".tif", ".tiff") and not file.name.startswith("."):
            number = slice_number(file.name, pattern)
            if number is not None:
                found[number] = str(file)
    return found


def _stored(labels: NDArray[Any], kind: str) -> NDArray[Any]:
    """Drawn labels as a label file holds them: ids of cells in the smallest type, else 0 and 1."""
    if kind != "cells":
        return (labels != 0).astype(np.uint8)
    highest = int(labels.max(initial=0))
    return labels.astype(np.uint8 if highest < 255 else np.uint16 if highest < 2**16 else np.uint32)
