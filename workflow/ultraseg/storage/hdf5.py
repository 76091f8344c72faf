"""HDF5 files: read without locks, written so that a full disk is an error of Python and checksums tell of damage."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.base.errors import UserError
from ultraseg.base.files import whole_file

if TYPE_CHECKING:
    import h5py

# Since HDF5 1.10 all metadata of a file may carry checksums; files of the oldest format have none.
FORMAT = ("v110", "v110")


def open_hdf5(path: str | Path) -> h5py.File:
    """An HDF5 file to read. HDF5 itself would ask for a lock, and fail with errno 11, 37 or 95 where there is none.

    No lock is needed: a file is written under a name of its own, renamed when it is whole, and never changed after
    that.
    """
    import h5py  # jobs without such a file do not wait for it

    return h5py.File(path, "r", locking=False)


@contextmanager
def damage_told(path: str | Path) -> Iterator[None]:
    """Say which file is damaged where HDF5 finds that a checksum or a part of the file is wrong."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EIO):
            raise  # the file may be whole: explained as an error of the system
        raise UserError(
            f"{path}: the file is damaged ({error})", f"Delete {path} and run snakemake again."
        ) from error


@contextmanager
def new_hdf5(path: str | Path) -> Iterator[Hdf5Writer]:
    """Write an HDF5 file, which appears whole or not at all. Raises OSError where the disk has no room for it."""
    import h5py

    with whole_file(path) as part, open(part, "w+b", buffering=0) as raw:
        to_part = _Target(raw.fileno())
        with h5py.File(to_part, "w", libver=FORMAT) as file:
            yield Hdf5Writer(file, to_part)
        to_part.check()


class Hdf5Writer:
    """A new HDF5 file whose data sets grow row by row."""

    def __init__(self, file: h5py.File, target: _Target):
        self._file = file
        self._target = target
        self.attrs = file.attrs

    def append(self, name: str, rows: NDArray[Any], chunk: int, dtype: Any = None, **filters: Any) -> None:
        """Write rows (n, ...) at the end of the data set ``name``, which is made when it is first named.

        chunk: rows of one chunk, each of which has a checksum (HDF5 has none for texts); filters: of h5py, such as
        ``compression``. Raises OSError where the disk is full.
        """
        if name not in self._file:
            plane, dtype = rows.shape[1:], np.dtype(dtype or rows.dtype)
            self._file.create_dataset(
                name, (0, *plane), dtype, maxshape=(None, *plane), chunks=(chunk, *plane),
                fletcher32=dtype.kind != "O", **filters,
            )  # fmt: skip
        data = self._file[name]
        if rows.shape[1:] != data.shape[1:]:
            raise ValueError(f"rows of {rows.shape[1:]}, where {name} has {data.shape[1:]}")
        data.resize(len(data) + len(rows), axis=0)
        data[len(data) - len(rows) :] = rows
        self._target.check()


class _Target(io.RawIOBase):
    """The file that HDF5 writes to: HDF5 never sees an error, which would end in a crash when the file is closed.

    After an error of the system all that is written stays in memory, so that HDF5 can close the file in order.
    ``check`` raises the error.
    """

    def __init__(self, number: int):
        self._number = number
        self._at = self._end = 0
        self._failed: BaseException | None = None
        self._kept: list[tuple[int, bytes]] = []

    def check(self) -> None:
        """Raise the error of an earlier write. Returns where there was none."""
        if self._failed is not None:
            raise self._failed

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place of the file."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._end}[whence]
        return self._at

    def tell(self) -> int:
        """The place where the next bytes are read or written."""
        return self._at

    def write(self, block: Any) -> int:
        """Write all of a block."""
        if self._failed is None:
            try:
                done = 0
                while done < len(block):
                    done += os.pwrite(self._number, block[done:], self._at + done)
            except BaseException as error:  # also Ctrl-C: nothing may pass through HDF5
                self._failed = error
        if self._failed is not None:
            self._kept.append((self._at, bytes(block)))
        self._at += len(block)
        self._end = max(self._end, self._at)
        return len(block)

    def readinto(self, block: Any) -> int:
        """Read into a block what was written, on disk or in memory; returns the number of bytes."""
        size = max(0, min(len(block), self._end - self._at))
        found = np.zeros(size, np.uint8)
        on_disk = np.frombuffer(os.pread(self._number, size, self._at), np.uint8)
        found[: len(on_disk)] = on_disk
        for start, kept in self._kept:
            first, last = max(start, self._at), min(start + len(kept), self._at + size)
            if first < last:
                found[first - self._at : last - self._at] = np.frombuffer(
                    kept[first - start : last - start], np.uint8
                )
        block[:size] = found.tobytes()
        self._at += size
        return size

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the file. Bytes beyond the last one that was written are no concern of the disk."""
        self._end = self._at if size is None else size
        if self._failed is None:
            try:
                os.ftruncate(self._number, self._end)
            except BaseException as error:
                self._failed = error
        return self._end
