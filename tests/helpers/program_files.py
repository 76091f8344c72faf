"""Maps and objects in the forms in which other programs write them: what each gives to the configuration.

Made by the libraries that these programs call, with the same arguments.
"""

import json

import h5py
import nibabel
import numpy as np
import tifffile
import zarr

FUNLIB = {"offset": [0, 0, 0], "voxel_size": [4, 4, 4], "axis_names": ["z", "y", "x"], "units": ["nm"] * 3}


def _imagej_of_biapy(path, values):
    """Five axes, the channel and the sample of length 1, as its ``save_tif`` writes a volume."""
    tifffile.imwrite(
        path, values[:, None, :, :, None], imagej=True, metadata={"axes": "ZCYXS"}, compression="zlib"
    )


def _of_ilastik(path, values):
    tags = json.dumps(
        {"axes": [{"key": key, "typeFlags": 2, "resolution": 0, "description": ""} for key in "zyxc"]}
    )
    with h5py.File(path, "w") as file:
        data = file.create_dataset("exported_data", data=values, chunks=True, compression="gzip")
        data.attrs["axistags"] = tags


def nnunet(folder, maps):
    """SimpleITK hands z, y, x arrays to the file as x, y, z; a mask of class 1."""
    mask = (maps > 0.5).astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(mask.T, np.diag([-4, -4, 4, 1])), folder / "case.nii.gz")
    return "case.nii.gz", mask


def biapy(folder, maps):
    _imagej_of_biapy(folder / "volume.tif", maps)
    return "volume.tif", maps


def ilastik(folder, maps):
    _of_ilastik(folder / "p.h5", np.stack([1 - maps, maps], axis=-1))
    return {"path": "p.h5:exported_data", "channel": 1}, maps


def cellmap(folder, maps):
    """OME-Zarr 0.4 (Zarr 2) with levels s0, s1, uint8, one group for each class."""
    group = zarr.open_group(str(folder / "out.zarr"), mode="w", zarr_format=2).create_group("mito")
    values = np.rint(255 * maps).astype(np.uint8)
    datasets = []
    for level, step in (("s0", 1), ("s1", 2)):
        group.create_array(
            level, data=values[::step, ::step, ::step], chunks=(8, 16, 16),
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )  # fmt: skip
        scale = [{"type": "scale", "scale": [4.0 * step] * 3}]
        datasets.append({"path": level, "coordinateTransformations": scale})
    axes = [{"name": a, "type": "space", "unit": "nanometer"} for a in "zyx"]
    group.attrs["multiscales"] = [{"version": "0.4", "name": "mito", "axes": axes, "datasets": datasets}]
    return "out.zarr/mito", values


def cellpose(folder, ids):
    tifffile.imwrite(folder / "stack_cp_masks.tif", ids.astype(np.uint16), compression="zlib")
    return "stack_cp_masks.tif"


def micro_sam(folder, ids):
    tifffile.imwrite(folder / "segmentation.tif", ids.astype(np.uint32), compression="zlib")
    return "segmentation.tif"


def biapy_instances(folder, ids):
    _imagej_of_biapy(folder / "instances.tif", ids.astype(np.uint16))
    return "instances.tif"


def bootstrapper(folder, ids):
    """A segmentation as funlib.persistence writes it: Zarr 2, uint64, with offset and voxel size."""
    array = zarr.create_array(
        str(folder / "boot.zarr/segmentation"), data=ids.astype(np.uint64), zarr_format=2, chunks=(8, 16, 16)
    )
    array.attrs.update(FUNLIB)
    return "boot.zarr/segmentation"


def ilastik_objects(folder, ids):
    _of_ilastik(folder / "objects.h5", ids.astype(np.uint32)[..., None])
    return "objects.h5:exported_data"


MAPS = (nnunet, biapy, ilastik, cellmap)
OBJECTS = (cellpose, micro_sam, biapy_instances, bootstrapper, ilastik_objects)
