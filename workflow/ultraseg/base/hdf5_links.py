"""HDF5 from elsewhere: how much it holds, and whether it would lead to other files."""

from __future__ import annotations

from typing import IO, Any

MOST_OBJECTS = 100_000


def stored_bytes(file: str | IO[bytes]) -> int:
    """Bytes that all arrays of an HDF5 file would have in memory. Raises ValueError for links and arrays elsewhere."""
    import h5py

    with h5py.File(file, "r", locking=False) as opened:
        total, seen, left = 0, set(), [opened["/"]]
        while left:
            group = left.pop()
            for name in group:
                link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink):
                    raise ValueError(f"'{name}' is a link to another place")
                found = group[name]
                address = h5py.h5o.get_info(found.id).addr
                if address in seen:
                    continue
                seen.add(address)
                if len(seen) > MOST_OBJECTS:
                    raise ValueError(f"it holds more than {MOST_OBJECTS} objects")
                if isinstance(found, h5py.Group):
                    left.append(found)
                elif isinstance(found, h5py.Dataset):
                    check_inside(found)
                    total += found.nbytes
        return total


def check_inside(dataset: Any) -> None:
    """Raise ValueError where the voxels of an HDF5 dataset lie in other files: such a file can name any file."""
    if dataset.external:
        raise ValueError(f"the data of '{dataset.name}' lie in other files ({dataset.external[0][0]}, ...)")
    if dataset.is_virtual:
        raise ValueError(f"'{dataset.name}' is put together from other files")
