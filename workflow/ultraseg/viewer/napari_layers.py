"""Opens napari with the layers that a JSON file describes; in napari's own environment, without ultraseg."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import dask.array as da
import zarr

LARGEST_COLOURED = (
    2**16
)  # id that napari can give a colour of our choice; numba, which is not installed, has no limit


def add_layers(viewer: Any, described: list[dict[str, Any]], colormap: Callable[..., Any]) -> None:
    """Add image and labels, multi-scale and at their true size in µm.

    ``colormap``: napari's ``DirectLabelColormap``. Where a cell has an id above 65536, napari chooses the colours.
    """
    for layer in described:
        # One chunk is a piece of one slice: many are read at a time, and only what is looked at.
        levels = [da.from_zarr(zarr.open_array(path, mode="r")) for path in layer["levels"]]
        place: dict[str, Any] = {
            "name": layer["name"],
            "units": ("um",) * 3,
            "scale": layer["scale"],
            "translate": layer["translate"],
        }
        if layer["kind"] == "image":
            viewer.add_image(levels, multiscale=True, contrast_limits=layer["window"], **place)
            continue
        colours: dict[int, str] = {int(i): colour for i, colour in layer["colours"].items() if i}
        rest = layer["colours"].get("", "#888888")
        table: dict[int | None, str] = {None: rest, 0: "transparent"}
        table |= {number: colour for number, colour in colours.items()}
        if max(colours, default=0) <= LARGEST_COLOURED:
            place["colormap"] = colormap(color_dict=table)
        viewer.add_labels(levels, multiscale=True, opacity=layer["opacity"], **place)
    viewer.scale_bar.visible = True


def main() -> None:
    import napari
    from napari.utils.colormaps import DirectLabelColormap

    with open(sys.argv[1]) as file:
        described = json.load(file)
    viewer = napari.Viewer(title=sys.argv[2])
    add_layers(viewer, described, DirectLabelColormap)
    napari.run()


if __name__ == "__main__":
    main()
