"""Arrays of public volumes, opened from HDF5, a folder or an address: no gap and no silent server is passed over."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray
from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import WrapperStore

from ultraseg.base.errors import UserError
from ultraseg.base.hdf5_links import check_inside
from ultraseg.formats.remote_zarr import CONNECT_S, SILENT_S, server_options

METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")


class ChunkCount(WrapperStore[Store]):
    """A store that notes which chunk files were asked for, and which of them do not exist."""

    def __init__(self, store: Store):
        super().__init__(store)
        self.asked: set[str] = set()
        self.missing: set[str] = set()

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """As the store's own ``get``."""
        found = await self._store.get(key, prototype, byte_range)
        if key.rpartition("/")[2] not in METADATA:
            self.asked.add(key)
            if found is None:
                self.missing.add(key)
        return found


class PublicArray:
    """An array (z, y, x) by the name that the user gave; ``chunks`` is None where it has none."""

    def __init__(self, source: str):
        """Open ``source``: FILE.h5:DATASET, the folder of a Zarr array, or its address.

        Raises UserError when it cannot be opened, leads to other files, or has not three axes.
        """
        self.source = source
        self.count: ChunkCount | None = None
        file, _, dataset = source.rpartition(":")
        hdf5 = file.endswith((".h5", ".hdf5", ".hdf"))
        try:
            self._array = _open_hdf5(file, dataset) if hdf5 else self._open_zarr()
        except Exception as error:  # damaged files, addresses and servers raise errors of many kinds
            raise UserError(
                f"{source}: cannot be opened as an array ({_told(error)})",
                "Name an array: FILE.h5:DATASET, or the folder or address of one level of a Zarr, such as .../s2.",
            ) from error
        if len(self._array.shape) != 3:
            raise UserError(
                f"{source}: has {len(self._array.shape)} axes, not z, y, x",
                "Choose an array with three axes.",
            )
        self.shape, self.chunks = self._array.shape, self._array.chunks

    def _open_zarr(self) -> Any:
        import zarr

        self.count = ChunkCount(_store(self.source))
        return zarr.open_array(self.count, mode="r")

    def __getitem__(self, part: Any) -> NDArray[Any]:
        """Voxels of a part. Raises UserError where they cannot be read."""
        try:
            return np.asarray(self._array[part])
        except Exception as error:  # servers, networks and decoders raise errors of many kinds
            raise UserError(
                f"{self.source}: cannot be read ({_told(error)})",
                "Try again later, or copy the array to this computer and name its folder.",
            ) from error

    @property
    def missing(self) -> tuple[int, int]:
        """How many of the chunk files that were asked for do not exist, and how many were asked for.

        Zarr leaves out chunks that hold one value only, so that some may well be missing.
        """
        return (len(self.count.missing), len(self.count.asked)) if self.count else (0, 0)


def _open_hdf5(file: str, dataset: str) -> Any:
    from ultraseg.storage.hdf5 import open_hdf5

    opened = open_hdf5(file)
    found = opened[dataset]
    if os.path.realpath(found.file.filename) != os.path.realpath(file):
        raise ValueError(f"'{dataset}' is a link to the file {found.file.filename}")
    check_inside(found)
    return found


def _store(source: str) -> Store:
    from zarr.storage import FsspecStore, LocalStore

    if "://" not in source:
        return LocalStore(source, read_only=True)
    return FsspecStore.from_url(source, _options(source), read_only=True)


def _options(address: str) -> dict[str, Any] | None:
    """What fsspec is told of a server; None where the address is no server's."""
    known = address.startswith(("s3://", "http://", "https://"))
    return server_options(address, CONNECT_S, SILENT_S) if known else None


def _told(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"the server did not answer within {SILENT_S} seconds"
    return f"{type(error).__name__}: {error}"
