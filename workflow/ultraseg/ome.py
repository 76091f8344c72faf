"""OME-Zarr 0.5 metadata of image and labels."""

from __future__ import annotations

from collections.abc import Sequence

from ultraseg.slabs import Level


def multiscales(name: str, levels: Sequence[Level], voxel_size_nm: Sequence[float], method: str) -> dict:
    """The ``multiscales`` metadata: axes z, y, x in nanometres, one data set per level.

    A voxel of level l covers several of level 0, so that its centre lies (factor - 1) / 2 voxels further.
    """
    datasets = []
    for number, level in enumerate(levels):
        scale = [size * f for size, f in zip(voxel_size_nm, level.factor, strict=True)]
        shift = [size * (f - 1) / 2 for size, f in zip(voxel_size_nm, level.factor, strict=True)]
        transforms = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": shift}]
        datasets.append({"path": str(number), "coordinateTransformations": transforms})
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    return {"name": name, "axes": axes, "datasets": datasets, "type": method}


def image_attributes(name: str, levels: Sequence[Level], voxel_size_nm: Sequence[float]) -> dict:
    """Attributes of the group of an image."""
    return {"ome": {"version": "0.5", "multiscales": [multiscales(name, levels, voxel_size_nm, "mean")]}}


def label_attributes(name: str, levels: Sequence[Level], voxel_size_nm: Sequence[float]) -> dict:
    """Attributes of the group of one label image under an image's ``labels``."""
    scales = multiscales(name, levels, voxel_size_nm, "mode")
    return {
        "ome": {
            "version": "0.5",
            "multiscales": [scales],
            "image-label": {"source": {"image": "../../"}},
        }
    }


def labels_attributes(names: Sequence[str]) -> dict:
    """Attributes of the group ``labels`` that lists the label images."""
    return {"ome": {"version": "0.5", "labels": list(names)}}
