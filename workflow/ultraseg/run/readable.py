"""Reading whole files of every kind that the workflow writes, to see that they decode."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def read_through(path: Path) -> None:
    """Read a file to its end as its suffix says; raises whatever its reader raises where it is damaged."""
    reader = READERS.get(path.suffix)
    if reader is None:
        raise ValueError(f"no reader for files of kind {path.suffix!r}")
    reader(path)


def _hdf5(path: Path) -> None:
    from ultraseg.storage.hdf5 import open_hdf5

    with open_hdf5(path) as file:
        for dataset in file.values():
            for i in range(len(dataset)):
                dataset[i]


def _parquet(path: Path) -> None:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
        for _ in file.iter_batches():
            pass


def _npz(path: Path) -> None:
    import numpy as np

    with np.load(path) as arrays:
        for name in arrays.files:
            arrays[name]


def _picture(path: Path) -> None:
    from PIL import Image

    with Image.open(path) as image:
        image.load()


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path) as file:
        if damaged := file.testzip():
            raise ValueError(f"{damaged} in it is damaged")


def _tflite(path: Path) -> None:
    with open(path, "rb") as file:
        if file.read(8)[4:] != b"TFL3":
            raise ValueError("not a network for LiteRT")


def _tiff(path: Path) -> None:
    from ultraseg.formats.tiff_decode import decode, number_of_slices, open_tiff

    with open_tiff(str(path)) as tif:
        for index in range(number_of_slices(tif)):
            decode(tif, str(path), index)


READERS: dict[str, Callable[[Path], Any]] = {
    ".h5": _hdf5,
    ".parquet": _parquet,
    ".npz": _npz,
    ".png": _picture,
    ".jpg": _picture,
    ".html": Path.read_text,
    ".zip": _zip,
    ".keras": _zip,
    ".tflite": _tflite,
    ".tif": _tiff,
    ".json": lambda path: json.loads(path.read_text()),
    ".csv": Path.read_text,
    ".txt": Path.read_text,
}
