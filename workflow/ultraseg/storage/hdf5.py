"""Opening HDF5 files without locks, which some file systems of clusters do not have.

No lock is needed: a file is written under a name of its own, renamed when it is whole, and never changed after that.
"""

from __future__ import annotations

from pathlib import Path

import h5py


def open_hdf5(path: str | Path, mode: str = "r") -> h5py.File:
    """An HDF5 file. HDF5 itself would ask for a lock, and fail with errno 11, 37 or 95 where there is none."""
    return h5py.File(path, mode, locking=False)
