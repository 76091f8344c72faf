"""What the viewer shows of a volume: layers, colours, scale and place, as a Neuroglancer state."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ultraseg.errors import UserError
from ultraseg.figure_style import id_colours, structure_colours

AXES = "xyz"  # the first one runs to the right on the main panel, the second one down
SHOWN_IN_3D = 300  # surfaces drawn at the start, the largest first; a double click adds another one
OPACITY = 0.35  # of labels on slices, as in the report's montage


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


def volume_state(
    name: str,
    shape: Sequence[int],
    scaling: Scaling,
    window: Sequence[float],
    sizes: Mapping[str, Mapping[int, int]],
    coloured: Mapping[str, Iterable[int]],
) -> dict:
    """The state that shows a volume: the image, then one layer per structure in the colours of the report.

    ``shape`` and ``scaling`` are those of the finest level, ``window`` is shown from black to white, ``sizes`` has the
    voxels of each object by structure. The ids of the structures ``coloured`` have a colour each. Sources are
    relative to the volume's folder; the page makes them absolute.
    """
    size, first = scaling.size_nm, scaling.first_nm
    centre = [start / nm + n // 2 for start, nm, n in zip(first, size, shape, strict=True)]
    widest = max(n * nm for n, nm in zip(shape, size, strict=True)) / min(size)
    colours = structure_colours(sizes)
    labels = [_label_layer(s, ids, coloured.get(s), colours[s]) for s, ids in sizes.items()]
    return {
        "title": f"{name} - ultraseg",
        "dimensions": {axis: [nm * 1e-9, "m"] for axis, nm in zip(AXES, size[::-1], strict=True)},
        "position": centre[::-1],
        "crossSectionScale": widest / 500,
        "projectionScale": widest * 1.1,
        "projectionOrientation": [0.4, 0.25, 0.1, 0.87],  # aslant, so that depth is seen
        "layers": [_image_layer(window), *labels],
        "showSlices": False,
        "layout": "4panel",
    }


def _image_layer(window: Sequence[float]) -> dict:
    return {
        "type": "image",
        "name": "image",
        "source": "image.zarr/|zarr3:",
        "shader": "#uicontrol invlerp grey\nvoid main() {\n  emitGrayscale(grey());\n}\n",
        "shaderControls": {"grey": {"range": list(window)}},
    }


def _label_layer(
    structure: str, sizes: Mapping[int, int], coloured: Iterable[int] | None, colour: str
) -> dict:
    """Labels as areas on slices and as surfaces in 3D, with a colour for each id or one for the structure."""
    largest = sorted(sizes, key=lambda i: (-sizes[i], i))[:SHOWN_IN_3D]
    paint = {"segmentDefaultColor": colour} if coloured is None else {"segmentColors": colour_table(coloured)}
    return {
        "type": "segmentation",
        "name": structure,
        "source": [
            f"image.zarr/labels/{structure}/|zarr3:",
            f"viewer/mesh/{structure}/|neuroglancer-precomputed:",
        ],
        "segments": [str(i) for i in largest],
        "selectedAlpha": OPACITY,
        "notSelectedAlpha": OPACITY,  # an object whose surface is not drawn looks the same on slices
    } | paint


def colour_table(ids: Iterable[int]) -> dict[str, str]:
    """The colour that figures give to each id: id -> #rrggbb."""
    ids = list(ids)
    colours = id_colours(np.array(ids, np.uint32)).tolist()
    return {str(i): f"#{r:02x}{g:02x}{b:02x}" for i, (r, g, b) in zip(ids, colours, strict=True)}
