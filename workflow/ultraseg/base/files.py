"""Files that appear under their name only when they are whole.

A file is written under another name in the same folder, flushed to disk, and then renamed.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ultraseg.base.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

AnyPath = str | os.PathLike[str]
PART = ".part-"  # how the names of our own unfinished files begin
ZARR_PART = ".partial"  # how the names of Zarr's unfinished files end
ROWS = 100_000  # rows in a group of a parquet file: a reader of few rows reads whole groups


@contextmanager
def whole_file(path: AnyPath) -> Iterator[str]:
    """Give a name to write to, in the folder of ``path``; the file is renamed to ``path`` when the block ends well.

    An error removes the unfinished file. The name keeps the suffix, as NumPy and Keras choose the format by the
    suffix.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{PART}{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        yield str(part)
        with open(part, "rb") as written:
            os.fsync(
                written.fileno()
            )  # without fsync a node that crashes may leave the name without the content
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(path: AnyPath) -> Iterator[str]:
    """Give the name of a folder to make and fill; the folder is renamed to ``path`` when the block ends well.

    An error removes the unfinished folder. No folder may have the name ``path`` before.
    """
    path = Path(path)
    part = path.with_name(f"{PART}{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        yield str(part)
        os.replace(part, path)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def write_text(path: AnyPath, text: str) -> None:
    """Write a text to a file, which appears whole or not at all."""
    with whole_file(path) as part:
        Path(part).write_text(text)


def write_table(path: AnyPath, table: pd.DataFrame) -> None:
    """Write a table without its index as .csv or .parquet, as the suffix says. Raises ValueError for other suffixes.

    CSV is for people: its figures are rounded (``tables.rounded``). Parquet keeps them as they are.
    """
    suffix = Path(path).suffix
    if suffix not in (".csv", ".parquet"):
        raise ValueError(f"{path}: a table is a .csv or a .parquet file")
    with whole_file(path) as part:
        if suffix == ".csv":
            from ultraseg.base.tables import rounded  # pandas

            rounded(table).to_csv(part, index=False)
        else:
            table.to_parquet(part, row_group_size=ROWS, write_page_checksum=True)


def write_table_parts(paths: Sequence[AnyPath], parts: Iterable[pd.DataFrame]) -> dict[str, int]:
    """Write one table, given in parts of rows, to several files as `write_table` does.

    In memory are ROWS rows and a part. All parts have the same columns and types, and there is at least one. Returns
    the number of rows of each value of the column ``outcome``, where there is one. Raises ValueError for other suffixes
    and without any part.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        files = [stack.enter_context(whole_file(path)) for path in paths]
        if any(Path(file).suffix not in (".csv", ".parquet") for file in files):
            raise ValueError(f"{paths}: a table is a .csv or a .parquet file")
        writers: dict[str, Any] = {}
        for number, part in enumerate(_in_groups(parts)):
            rows = pa.Table.from_pandas(part, preserve_index=False)
            for file in files:
                if file.endswith(".csv"):
                    from ultraseg.base.tables import rounded  # pandas

                    rounded(part).to_csv(file, index=False, mode="a", header=number == 0)
                    continue
                if file not in writers:
                    writer = ParquetWriter(file, rows.schema, write_page_checksum=True)
                    writers[file] = stack.enter_context(writer)
                writers[file].write_table(rows, row_group_size=ROWS)
            if "outcome" in part:
                counts.update(part["outcome"].value_counts().to_dict())
        if not any(Path(file).exists() for file in files):
            raise ValueError(f"{paths}: no part of the table was given")
    return dict(counts.most_common())


def _in_groups(parts: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """The rows of parts in parts of ROWS rows, but for the last: a file knows where each of its groups of rows is."""
    import pandas as pd

    held: list[pd.DataFrame] = []
    grouped = False
    for part in parts:
        held.append(part)
        if sum(map(len, held)) >= ROWS:
            table = pd.concat(held, ignore_index=True)
            whole = len(table) - len(table) % ROWS
            yield table[:whole]
            grouped = True
            held = [table[whole:]] if whole < len(table) else []
    if any(map(len, held)) or (held and not grouped):
        yield pd.concat(held, ignore_index=True)


@contextmanager
def scratch_folder(path: AnyPath) -> Iterator[Path]:
    """An empty folder beside the file ``path`` for what a job needs while it works; it is gone when the block ends.

    What a job that was killed left there is removed first.
    """
    folder = Path(path).with_name(f"{PART}scratch")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_table(path: AnyPath, **which: Any) -> pd.DataFrame:
    """Read a table of a .parquet file and compare the checksums of all pages that are read.

    which: ``columns`` and ``filters``, as pandas takes them. Raises UserError for a damaged file.
    """
    import pandas as pd

    try:
        return pd.read_parquet(path, **which, page_checksum_verification=True)
    except (FileNotFoundError, PermissionError, MemoryError):
        raise
    except Exception as error:  # pyarrow raises errors of many kinds on damaged files
        raise UserError(
            f"{path}: the table is damaged ({error})", f"Delete {path} and run snakemake again."
        ) from error


def write_arrays(path: AnyPath, **arrays: NDArray[np.generic]) -> None:
    """Write named arrays to one compressed .npz file."""
    import numpy as np

    with whole_file(path) as part:
        np.savez_compressed(part, allow_pickle=True, **arrays)


def remove_parts(path: AnyPath) -> list[str]:
    """Remove the unfinished files of ``path`` that a killed job left; returns their names."""
    path = Path(path)
    if not path.parent.is_dir():
        return []
    left = [file for file in path.parent.iterdir() if is_part(file.name, path.name)]
    for file in left:
        file.unlink(missing_ok=True)
    return [str(file) for file in left]


def is_part(name: str, of: str | None = None) -> bool:
    """Whether a name is that of an unfinished file, or of an unfinished file that would become the file ``of``."""
    if name.startswith(PART):
        return of is None or name[len(PART) :].partition("-")[2] == of
    return name.endswith(ZARR_PART) and (of is None or name.split(".")[0] == of.split(".")[0])
