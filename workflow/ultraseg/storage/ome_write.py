"""OME-Zarr 0.5 metadata of image and labels, as groups and arrays carry them in their attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ultraseg.arrays.grey_values import Stored
from ultraseg.grid.pyramid_levels import Level

Attributes = dict[str, Any]  # of a group, as JSON takes them


def multiscales(
    name: str,
    levels: Sequence[Level],
    voxel_size_nm: Sequence[float],
    method: str,
    origin_nm: Sequence[float] = (0, 0, 0),
) -> Attributes:
    """The ``multiscales`` metadata: axes z, y, x in nanometres, one data set per level.

    origin_nm: the place of the first voxel, where the volume is a part of a larger stack. A voxel of a coarser level
    covers ``factor`` voxels of level 0, so the centre of its first voxel lies (factor - 1) / 2 voxels further.
    """
    datasets = []
    for number, level in enumerate(levels):
        scale = [size * f for size, f in zip(voxel_size_nm, level.factor, strict=True)]
        shift = [
            start + size * (f - 1) / 2
            for start, size, f in zip(origin_nm, voxel_size_nm, level.factor, strict=True)
        ]
        transforms = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": shift}]
        datasets.append({"path": str(number), "coordinateTransformations": transforms})
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    return {"name": name, "axes": axes, "datasets": datasets, "type": method}


def image_attributes(
    name: str,
    levels: Sequence[Level],
    voxel_size_nm: Sequence[float],
    origin_nm: Sequence[float] = (0, 0, 0),
    missing: Sequence[int] = (),
    declared_bad: Sequence[int] = (),
) -> Attributes:
    """Attributes of the group of an image.

    Under ``ultraseg`` stand the slices whose results are interpolated: ``missing`` ones, and those ``declared_bad``.
    """
    scales = multiscales(name, levels, voxel_size_nm, "mean", origin_nm)
    return {
        "ome": {"version": "0.5", "multiscales": [scales]},
        "ultraseg": {
            "interpolated_slices": sorted({*missing, *declared_bad}),
            "missing_slices": list(missing),
            "bad_slices": list(declared_bad),
        },
    }


def with_window(arrays: Mapping[str, Attributes], stored: Stored) -> dict[str, Attributes]:
    """The specifications of an image's group and arrays, with the grey-value window in their attributes.

    The group has the window in stored values under ``omero``, where viewers read it. Every array has the window in
    grey values of the source, and the way there from stored values: grey value = scale x stored value + offset.
    """
    start, end = stored.window_stored
    window = {"min": 0, "max": 2**stored.bit_depth - 1, "start": start, "end": end}
    channel = {"label": "image", "color": "FFFFFF", "active": True, "window": window}
    omero = {"channels": [channel], "rdefs": {"model": "greyscale"}}
    about = {"window": list(stored.window), "scale": stored.scale, "offset": stored.offset}
    found = {}
    for name, spec in arrays.items():
        attributes = dict(spec.get("attributes", {}))
        if "shape" in spec:
            attributes["ultraseg"] = about
        else:
            attributes["ome"] = attributes["ome"] | {"omero": omero}
        found[name] = spec | {"attributes": attributes}
    return found


def label_attributes(
    name: str,
    levels: Sequence[Level],
    voxel_size_nm: Sequence[float],
    origin_nm: Sequence[float] = (0, 0, 0),
    interpolated: Sequence[int] = (),
) -> Attributes:
    """Attributes of the group of one label image under an image's ``labels``.

    interpolated: slices that show the results of a good slice, their stand-in.
    """
    scales = multiscales(name, levels, voxel_size_nm, "mode", origin_nm)
    return {
        "ome": {
            "version": "0.5",
            "multiscales": [scales],
            "image-label": {"source": {"image": "../../"}},
        },
        "ultraseg": {"interpolated_slices": list(interpolated)},
    }


def labels_attributes(names: Sequence[str]) -> Attributes:
    """Attributes of the group ``labels``, which lists the label images of an image."""
    return {"ome": {"version": "0.5", "labels": list(names)}}
