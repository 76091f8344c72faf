"""Which slices of label files show nothing at all: looked up each time the Snakefile is parsed, so kept in a cache."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ultraseg.formats.array_files import ArrayFile, read_planes
from ultraseg.labels.pixels import Pixels, read_pixels

CACHE = ".snakemake/ultraseg_label_pages.json"


def constant_pages(file: str) -> list[int | None]:
    """For each slice of a TIFF the one number that all its pixels have, None where they differ.

    Reads every slice once; the answer is kept in ``.snakemake`` of the working directory until the file changes.
    """
    return _kept(file, "constant", lambda: _scan(file))


def constant_planes(array: ArrayFile) -> list[int | None]:
    """The same for each slice of an array (HDF5, Zarr, NRRD, NIfTI)."""
    question = f"constant {array.dataset} {array.axes}"
    return _kept(array.path, question, lambda: _scan_array(array), array.stamp)


def planes_with(array: ArrayFile, values: Sequence[int | str]) -> list[bool]:
    """For each slice of an array whether it shows any of some numbers. Kept likewise."""
    question = f"with {json.dumps(list(values))} {array.dataset} {array.axes}"
    return _kept(array.path, question, lambda: _scan_array_values(array, values), array.stamp)


def pages_with(file: str, values: Sequence[int | str]) -> list[bool]:
    """For each slice of a TIFF whether it shows any of some numbers or colours. Kept likewise."""
    return _kept(file, f"with {json.dumps(list(values))}", lambda: _scan_values(file, values))


def _kept(
    file: str, question: str, answer: Callable[[], list[Any]], stamp: Sequence[int] | None = None
) -> list[Any]:
    """The answer to a question on a file: looked up, or found and kept as long as its stamp does not change."""
    status = os.stat(file)
    key, stamp = os.path.abspath(file), list(stamp or (status.st_size, status.st_mtime_ns))
    known = _load()
    if known.get(key, {}).get("stamp") != stamp:
        known[key] = {"stamp": stamp}
    if question not in known[key]:
        known[key][question] = answer()
        _save(known)
    return list(known[key][question])


def _scan(file: str) -> list[int | None]:
    from ultraseg.formats.tiff_decode import decode, number_of_slices, open_tiff

    constant: list[int | None] = []
    with open_tiff(file) as tif:
        for index in range(number_of_slices(tif)):
            values, _ = decode(tif, file, index)
            same = np.issubdtype(values.dtype, np.integer) and values.min() == values.max()
            constant.append(int(values.flat[0]) if same else None)
    return constant


def _scan_array(array: ArrayFile) -> list[int | None]:
    planes = read_planes(array, range(array.shape[0]))
    return [
        int(one.flat[0]) if one.dtype.kind in "biu" and one.min() == one.max() else None for one in planes
    ]


def _scan_array_values(array: ArrayFile, values: Sequence[int | str]) -> list[bool]:
    planes = map(Pixels, read_planes(array, range(array.shape[0])))
    return [bool(np.isin(one.numbers, one.codes(values, array.name)).any()) for one in planes]


def _scan_values(file: str, values: Sequence[int | str]) -> list[bool]:
    from ultraseg.formats.tiff_read import read_header

    about = read_header(file)
    found = []
    for index in range(about.pages):
        pixels = read_pixels(file, index, about.shape)
        found.append(bool(np.isin(pixels.numbers, pixels.codes(values, file)).any()))
    return found


def _load() -> dict[str, dict[str, Any]]:
    try:
        with open(CACHE) as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}  # none yet, or cut off by a full disk: the files are read again


def _save(known: dict[str, dict[str, Any]]) -> None:
    """Jobs on a cluster parse the Snakefile side by side: each writes a file of its own and renames it."""
    try:
        os.makedirs(os.path.dirname(CACHE), exist_ok=True)
        part = f"{CACHE}.{uuid.uuid4().hex}"
        with open(part, "w") as file:
            json.dump(known, file)
        os.replace(part, CACHE)
    except OSError:
        pass  # a working directory that cannot be written costs time only
