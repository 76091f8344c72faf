"""What the viewer shows of a volume: layers, colours, scale and place, as a Neuroglancer state."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ultraseg.base.colours import LABEL_OPACITY, id_colours, structure_colours
from ultraseg.storage.ome_read import Scaling

AXES = "xyz"  # the first one runs to the right on the main panel, the second one down
SHOWN_IN_3D = 300  # surfaces drawn at the start, the largest first; a double click adds another one


def volume_state(
    name: str,
    shape: Sequence[int],
    scaling: Scaling,
    window: Sequence[float],
    sizes: Mapping[str, Mapping[int, int]],
    coloured: Mapping[str, Iterable[int]],
    described: Collection[str] = (),
    more: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """The state that shows a volume: the image, then one layer per structure in the colours of the report.

    ``shape`` and ``scaling`` are those of the finest level, ``window`` is shown from black to white, ``sizes`` has the
    voxels of each object by structure. The ids of the structures ``coloured`` have a colour each. Of the
    structures ``described`` there are names and sizes of all objects. ``more``: layers behind the others. Sources are
    relative to the volume's folder; the page makes them absolute.
    """
    size, first = scaling.size_nm, scaling.first_nm
    centre = [start / nm + n // 2 for start, nm, n in zip(first, size, shape, strict=True)]
    widest = max(n * nm for n, nm in zip(shape, size, strict=True)) / min(size)
    colours = structure_colours(sizes)
    labels = [_label_layer(s, ids, coloured.get(s), colours[s], s in described) for s, ids in sizes.items()]
    return {
        "title": f"{name} - ultraseg",
        "dimensions": {axis: [nm * 1e-9, "m"] for axis, nm in zip(AXES, size[::-1], strict=True)},
        "position": centre[::-1],
        "crossSectionScale": widest / 500,
        "projectionScale": widest * 1.1,
        "projectionOrientation": [0.4, 0.25, 0.1, 0.87],  # aslant, so that depth is seen
        "layers": [_image_layer(window), *labels, *more],
        "showSlices": False,
        "layout": "4panel",
    }


def _image_layer(window: Sequence[float]) -> dict[str, Any]:
    return {
        "type": "image",
        "name": "image",
        "source": "image.zarr/|zarr3:",
        "shader": "#uicontrol invlerp grey\nvoid main() {\n  emitGrayscale(grey());\n}\n",
        "shaderControls": {"grey": {"range": list(window)}},
    }


def _label_layer(
    structure: str, sizes: Mapping[int, int], coloured: Iterable[int] | None, colour: str, described: bool
) -> dict[str, Any]:
    """Labels as areas on slices and as surfaces in 3D, with a colour for each id or one for the structure."""
    largest = sorted(sizes, key=lambda i: (-sizes[i], i))[:SHOWN_IN_3D]
    paint = {"segmentDefaultColor": colour} if coloured is None else {"segmentColors": colour_table(coloured)}
    return {
        "type": "segmentation",
        "name": structure,
        "source": [
            f"image.zarr/labels/{structure}/|zarr3:",
            f"viewer/mesh/{structure}/|neuroglancer-precomputed:",
            *([properties_source(structure)] if described else []),
        ],
        "segments": [str(i) for i in largest],
        "selectedAlpha": LABEL_OPACITY,
        "notSelectedAlpha": LABEL_OPACITY,  # an object whose surface is not drawn looks the same on slices
    } | paint


def properties_source(name: str) -> str:
    """Where the names and sizes of objects are."""
    return f"viewer/properties/{name}/|neuroglancer-precomputed:"


def doubt_layer(name: str) -> dict[str, Any]:
    """Doubt in carried ids, 0 to 255, as a red veil; hidden at the start."""
    return {
        "type": "image",
        "name": f"{name} in ids",  # with spaces, as no structure has them
        "source": f"viewer/derived/{name}/|zarr3:",
        "shader": "#uicontrol invlerp doubt(range=[0, 255])\n"
        "void main() {\n  emitRGBA(vec4(0.84, 0.37, 0.0, doubt()));\n}\n",
        "opacity": 0.9,
        "visible": False,
    }


def protrusion_layer(name: str, described: bool) -> dict[str, Any]:
    """Protrusions as labels; hidden at the start."""
    source = [f"viewer/derived/{name}/|zarr3:", *([properties_source(name)] if described else [])]
    about = {"type": "segmentation", "name": name, "source": source, "visible": False}
    return about | {"selectedAlpha": 0.7, "notSelectedAlpha": 0.7}


def colour_table(ids: Iterable[int]) -> dict[str, str]:
    """The colour that figures give to each id: id -> #rrggbb."""
    ids = list(ids)
    colours = id_colours(np.array(ids, np.uint32)).tolist()
    return {str(i): f"#{r:02x}{g:02x}{b:02x}" for i, (r, g, b) in zip(ids, colours, strict=True)}
