"""Digest of everything that a run made: whether two versions of the software give the same numbers.

    .venv/bin/python benchmarks/digest.py runs/before/results/demo runs/after/results/demo

Arrays and HDF5 files are compared by their decoded values, tables by their rows. The text of summary.txt does not
count. Training on several threads is not repeatable: let both runs take the networks of one training
(`networks.<name>.model`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import zarr

MOST_NAMED = 20  # files that differ


def short_hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def of_array(values: np.ndarray) -> str:
    return short_hash(f"{values.shape} {values.dtype}".encode() + np.ascontiguousarray(values).tobytes())


def of_zarr(file: Path) -> str:
    about = json.loads(file.read_text())
    if about["node_type"] == "array":
        return of_array(zarr.open_array(str(file.parent), mode="r")[:])
    return short_hash(json.dumps(about, sort_keys=True).encode())


def of_hdf5(file: Path) -> str:
    found: list[str] = []
    with h5py.File(file) as opened:
        opened.visititems(
            lambda name, item: (
                found.append(f"{name} {of_array(item[()])}") if hasattr(item, "dtype") else None
            )
        )
    return short_hash("\n".join(found).encode())


def of_arrays(file: Path) -> str:
    with np.load(file) as arrays:
        return short_hash(
            "\n".join(f"{name} {of_array(arrays[name])}" for name in sorted(arrays.files)).encode()
        )


KINDS: dict[str, Callable[[Path], str]] = {
    "zarr.json": of_zarr,
    "*.h5": of_hdf5,
    "*.npz": of_arrays,
    "*.parquet": lambda file: short_hash(pd.read_parquet(file).to_csv(index=False).encode()),
    "metrics.csv": lambda file: short_hash(file.read_bytes()),
    "tables/*.csv": lambda file: short_hash(file.read_bytes()),
}


def digests(folder: Path) -> dict[str, str]:
    """The digest of every array and table below a folder, by its path."""
    return {
        str(file.relative_to(folder)): of(file)
        for pattern, of in KINDS.items()
        for file in sorted(folder.rglob(pattern))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", help="results of one volume each")
    found = {folder: digests(folder) for folder in parser.parse_args().folders}
    first = next(iter(found.values()))
    for folder, files in found.items():
        whole = hashlib.blake2b(json.dumps(files, sort_keys=True).encode(), digest_size=16).hexdigest()
        unlike = sorted(file for file in {*first, *files} if first.get(file) != files.get(file))
        print(
            f"{folder}: {len(files)} arrays and tables, {whole}", *unlike, sep="\n  differs from the first: "
        )


if __name__ == "__main__":
    main()
