"""OME-Zarr metadata of a run's images and labels, read from their zarr.json files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ultraseg.base.errors import UserError
from ultraseg.grid.paths import VolumeFiles, metadata


@dataclass(frozen=True)
class Scaling:
    """Where a pyramid level lies: the size of a voxel, and the centre of the first voxel, in nm (z, y, x)."""

    size_nm: tuple[float, ...]
    first_nm: tuple[float, ...]


def read_ome(group: str | Path) -> dict[str, Any]:
    """The ``ome`` attributes of a group of OME-Zarr. Raises UserError where they are missing."""
    file = Path(metadata(str(group)))
    try:
        return json.loads(file.read_text())["attributes"]["ome"]
    except FileNotFoundError:
        raise UserError(f"{file}: not there", "Run snakemake first: it makes image and labels.") from None
    except (ValueError, KeyError) as error:
        raise UserError(
            f"{file}: no OME-Zarr metadata ({error!r})",
            "Delete it and run snakemake again: it makes it anew.",
        ) from error


def read_scaling(group: str | Path) -> list[Scaling]:
    """The pyramid levels of an image or a label image, the finest first. Raises UserError as ``read_ome``."""
    levels = []
    for dataset in read_ome(group)["multiscales"][0]["datasets"]:
        found = {t["type"]: tuple(map(float, t[t["type"]])) for t in dataset["coordinateTransformations"]}
        levels.append(Scaling(found["scale"], found.get("translation", (0.0,) * len(found["scale"]))))
    return levels


def read_window(group: str | Path) -> tuple[float, float]:
    """The stored values of an image that are shown black and white. Raises UserError as ``read_ome``."""
    channels = read_ome(group).get("omero", {}).get("channels")
    return (channels[0]["window"]["start"], channels[0]["window"]["end"]) if channels else (0, 255)


def structures_of(folder: str | Path) -> list[str]:
    """The structures of a volume that have final labels, in the order of the configuration.

    folder: the folder of the volume.
    """
    files = VolumeFiles(str(folder))
    listed = Path(metadata(files.label_images)).exists()
    names = read_ome(files.label_images)["labels"] if listed else []
    return [name for name in names if Path(metadata(files.labels_level(name))).exists()]
