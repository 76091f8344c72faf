"""What the multiscales metadata of OME-Zarr 0.1 to 0.6 say: axes, levels, voxel size. JSON alone, light to import."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ultraseg.base.errors import UserError
from ultraseg.formats.pixel_size import PixelSize, in_nm

READ = "0.4, 0.5 and 0.6"
Json = Mapping[str, Any]


def levels_of(path: str, scales: Json) -> list[tuple[str, Json]]:
    """Folder and metadata of every level. Raises UserError for a level outside the folder of the image."""
    found = []
    root = os.path.abspath(path)
    for dataset in scales["datasets"]:
        folder = os.path.join(path, dataset["path"])
        if os.path.commonpath([root, os.path.abspath(folder)]) != root or os.path.isabs(dataset["path"]):
            raise UserError(
                f"{path}: its metadata name '{dataset['path']}' as a level, which lies outside of it",
                "Correct the metadata: levels are folders inside that of the image.",
            )
        found.append((folder, dataset))
    return found


def axes_of(path: str, scales: Json, version: str) -> list[Json]:
    """Axes of the arrays, each with its name and perhaps its unit; those of 0.6 belong to a coordinate system."""
    if "axes" in scales:
        return [axis if isinstance(axis, dict) else {"name": axis} for axis in scales["axes"]]
    systems = scales.get("coordinateSystems")
    if systems:
        name = _system(next(iter(scales["datasets"])))
        chosen = [system for system in systems if system.get("name") == name] or list(systems)
        return list(chosen[0]["axes"])
    if version not in ("", "0.1", "0.2"):
        raise UserError(
            f"{path}: is an OME-Zarr {version} image whose axes are not understood",
            f"OME-Zarr {READ} are read: write the image in one of these versions.",
        )
    return [{"name": name} for name in "tczyx"]


def _system(dataset: Json) -> str | None:
    """The coordinate system that the transform of a level leads to (0.6)."""
    for transform in dataset.get("coordinateTransformations", ()):
        output = transform.get("output")
        return output.get("name") if isinstance(output, dict) else output
    return None


def pixel_size(path: str, axes: Sequence[Json], scales: Json, dataset: Json) -> PixelSize:
    """Voxel size in nm of the last three axes. Raises UserError for transforms that are not read."""
    size = [1.0] * len(axes)
    known = False
    # In 0.6 a level leads to the system that has the axes; further transforms lead on to other systems.
    holders = [dataset] if "coordinateSystems" in scales else [dataset, scales]
    for holder in holders:
        for scale in _scales(path, holder.get("coordinateTransformations", ())):
            if len(scale) != len(axes):
                raise UserError(
                    f"{path}: a scale in its metadata has {len(scale)} numbers for {len(axes)} axes",
                    "Correct the metadata, or write the OME-Zarr again.",
                )
            size = [a * float(b) for a, b in zip(size, scale, strict=True)]
            known = True
    nm = [in_nm(s, axis.get("unit")) if known else None for s, axis in zip(size, axes, strict=True)]
    return PixelSize((nm[-3], nm[-2], nm[-1]), "OME-Zarr")


def _scales(path: str, transforms: Sequence[Json]) -> Iterator[Sequence[float]]:
    for transform in transforms:
        kind = transform["type"]
        if kind == "scale" and "scale" in transform:
            yield transform["scale"]
        elif kind == "sequence":
            yield from _scales(path, transform["transformations"])
        elif kind not in ("identity", "translation", "scale"):
            raise UserError(
                f"{path}: its metadata place the voxels with a transform of type '{kind}', which is not read",
                "Scale, translation, identity and sequences of these are read: resample the image onto such a grid, or "
                "name the folder of the array itself, whose voxels are then taken as they are.",
            )


def choose(path: str, multiscales: Sequence[Json]) -> Json:
    """The one multiscale image of a group. Raises UserError where there are several with levels of their own."""
    if not multiscales:
        raise UserError(f"{path}: its metadata list no image", "Name the folder of one image.")
    finest = {dataset["path"]: None for one in multiscales for dataset in one["datasets"][:1]}
    if len(finest) > 1:
        named = [
            f"{os.path.join(path, one['datasets'][0]['path'])} ({one.get('name', 'no name')})"
            for one in multiscales
        ]
        raise UserError(
            f"{path}: holds {len(multiscales)} multiscale images: {', '.join(named)}",
            "Name the folder of the array that is meant, the first level of its image.",
        )
    return multiscales[0]


def check_axes(path: str, names: Sequence[str], shape: Sequence[int]) -> None:
    """Raise UserError unless the last axes are z, y, x and all others have length 1."""
    told = ", ".join(f"{name} {size}" for name, size in zip(names, shape, strict=False))
    if len(names) != len(shape) or list(names[-3:]) != ["z", "y", "x"]:
        raise UserError(
            f"{path}: its axes are {told} ({len(shape)} dimensions), not z, y, x at the end",
            "Save the image as a volume with the axes z, y, x (or t, c, z, y, x).",
        )
    longer = [name for name, size in zip(names[:-3], shape, strict=False) if size > 1]
    if longer:
        raise UserError(
            f"{path}: has more than one entry along {' and '.join(longer)} (axes {told})",
            "Write one channel and one time to an OME-Zarr of its own, and name that.",
        )
