"""What the viewer shows of a volume: layers, colours, scale and place, as a Neuroglancer state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
) -> dict[str, Any]:
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


def _image_layer(window: Sequence[float]) -> dict[str, Any]:
    return {
        "type": "image",
        "name": "image",
        "source": "image.zarr/|zarr3:",
        "shader": "#uicontrol invlerp grey\nvoid main() {\n  emitGrayscale(grey());\n}\n",
        "shaderControls": {"grey": {"range": list(window)}},
    }


def _label_layer(
    structure: str, sizes: Mapping[int, int], coloured: Iterable[int] | None, colour: str
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
        ],
        "segments": [str(i) for i in largest],
        "selectedAlpha": LABEL_OPACITY,
        "notSelectedAlpha": LABEL_OPACITY,  # an object whose surface is not drawn looks the same on slices
    } | paint


def colour_table(ids: Iterable[int]) -> dict[str, str]:
    """The colour that figures give to each id: id -> #rrggbb."""
    ids = list(ids)
    colours = id_colours(np.array(ids, np.uint32)).tolist()
    return {str(i): f"#{r:02x}{g:02x}{b:02x}" for i, (r, g, b) in zip(ids, colours, strict=True)}
