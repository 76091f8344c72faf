"""Affinities of ids, in the layouts in which other programs write them."""

import h5py
import numpy as np
import zarr

DIRECT = ((-1, 0, 0), (0, -1, 0), (0, 0, -1))


def affinities_of(ids, offsets=DIRECT):
    """Float32 (c, Z, Y, X): 1 where a voxel and the one at the offset have one id; 0 beyond the edge.

    gunpowder, funlib, LSD, Bootstrapper, waterz and PyTorch Connectomics define affinities so.
    """
    found = np.zeros((len(offsets), *ids.shape), np.float32)
    for k, offset in enumerate(offsets):
        here = tuple(slice(max(0, -o), n - max(0, o)) for o, n in zip(offset, ids.shape, strict=True))
        there = tuple(slice(max(0, o), n - max(0, -o)) for o, n in zip(offset, ids.shape, strict=True))
        found[k][here] = ids[here] == ids[there]
    return found


def write_as_lsd(folder, values):
    """As LSD and Bootstrapper write predictions: Zarr 2, uint8, chunks over all channels, attributes of funlib."""
    array = zarr.create_array(
        str(folder / "affs.zarr"), data=np.rint(255 * values).astype(np.uint8), zarr_format=2,
        chunks=(len(values), 4, 16, 16),
    )  # fmt: skip
    array.attrs.update({"offset": [0, 0, 0], "voxel_size": [8, 8, 8], "axis_names": ["c^", "z", "y", "x"]})
    return str(folder / "affs.zarr")


def write_as_volara(folder, values, offsets):
    """As volara writes them: Zarr 3, float32, and the offsets in the attribute neighborhood."""
    array = zarr.create_array(str(folder / "volara.zarr"), data=values, chunks=(1, 8, 32, 32))
    array.attrs["neighborhood"] = [list(offset) for offset in offsets]
    return str(folder / "volara.zarr")


def write_as_connectomics(folder, values):
    """As PyTorch Connectomics writes results: HDF5, one data set of four axes without metadata, uint8."""
    with h5py.File(folder / "result.h5", "w") as file:
        file.create_dataset("main", data=np.rint(255 * values).astype(np.uint8), compression="gzip")
    return str(folder / "result.h5:main")


def write_as_ome_zarr(folder, values):
    """A multiscale image of OME-Zarr 0.5 with an axis of channels."""
    group = zarr.create_group(str(folder / "ome.zarr"))
    group.create_array("0", data=values, chunks=(1, 4, 32, 32))
    axes = [
        {"name": "c", "type": "channel"},
        *({"name": a, "type": "space", "unit": "nanometer"} for a in "zyx"),
    ]
    scale = [{"type": "scale", "scale": [1, 8, 8, 8]}]
    about = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [about]}
    return str(folder / "ome.zarr")
