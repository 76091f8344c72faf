"""What the OME-Zarr metadata of a run say of its images and labels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ultraseg.base.errors import UserError


@dataclass(frozen=True)
class Scaling:
    """Where a pyramid level lies: size of a voxel, and centre of the first one, in nm (z, y, x)."""

    size_nm: tuple[float, ...]
    first_nm: tuple[float, ...]


def read_ome(group: str | Path) -> dict:
    """The ``ome`` attributes of a group of OME-Zarr. Raises UserError when there are none."""
    file = Path(group, "zarr.json")
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
    """The levels of an image or a label image, finest first."""
    levels = []
    for dataset in read_ome(group)["multiscales"][0]["datasets"]:
        found = {t["type"]: tuple(map(float, t[t["type"]])) for t in dataset["coordinateTransformations"]}
        levels.append(Scaling(found["scale"], found.get("translation", (0.0,) * len(found["scale"]))))
    return levels


def read_window(group: str | Path) -> tuple[float, float]:
    """The numbers of an image that are shown black and white."""
    channels = read_ome(group).get("omero", {}).get("channels")
    return (channels[0]["window"]["start"], channels[0]["window"]["end"]) if channels else (0, 255)


def structures_of(folder: str | Path) -> list[str]:
    """Structures that have final labels, in the order of the configuration; ``folder`` is that of the volume."""
    labels = Path(folder, "image.zarr/labels")
    names = read_ome(labels)["labels"] if (labels / "zarr.json").exists() else []
    return [name for name in names if (labels / name / "0/zarr.json").exists()]
