"""Files that appear under their name only when they are whole: written beside it, flushed to disk, then renamed."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

PART = ".part-"  # of our own unfinished files
ROWS = 100_000  # of a group in a parquet file: what a reader of few rows has to read
ZARR_PART = ".partial"  # of those that Zarr writes


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[str]:
    """Give a new name beside ``path`` to write to; the file takes the name ``path`` when the block ends well.

    After an error nothing is left. The new name keeps the suffix, by which NumPy and Keras choose the format.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{PART}{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        yield str(part)
        with open(part, "rb") as written:
            os.fsync(written.fileno())  # else a node that crashes may leave the name without the content
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(path: str | os.PathLike) -> Iterator[str]:
    """The same for a folder that is not there yet: it takes the name ``path`` when the block ends well."""
    path = Path(path)
    part = path.with_name(f"{PART}{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        yield str(part)
        os.replace(part, path)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a text file."""
    with whole_file(path) as part:
        Path(part).write_text(text)


def write_table(path: str | os.PathLike, table: pd.DataFrame) -> None:
    """Write a table as the suffix says: .csv without the index, or .parquet. Raises ValueError for another one."""
    suffix = Path(path).suffix
    if suffix not in (".csv", ".parquet"):
        raise ValueError(f"{path}: a table is a .csv or a .parquet file")
    with whole_file(path) as part:
        table.to_csv(part, index=False) if suffix == ".csv" else table.to_parquet(part, row_group_size=ROWS)


def write_arrays(path: str | os.PathLike, **arrays: np.ndarray) -> None:
    """Write named arrays to one compressed .npz file."""
    import numpy as np

    with whole_file(path) as part:
        np.savez_compressed(part, **arrays)


def remove_parts(path: str | os.PathLike) -> list[str]:
    """Remove what a killed job left of ``path`` while it wrote it; returns the names."""
    path = Path(path)
    if not path.parent.is_dir():
        return []
    left = [file for file in path.parent.iterdir() if is_part(file.name, path.name)]
    for file in left:
        file.unlink(missing_ok=True)
    return [str(file) for file in left]


def is_part(name: str, of: str | None = None) -> bool:
    """Whether a file's name is that of an unfinished file (of the file ``of``)."""
    if name.startswith(PART):
        return of is None or name[len(PART) :].partition("-")[2] == of
    return name.endswith(ZARR_PART) and (of is None or name.split(".")[0] == of.split(".")[0])
