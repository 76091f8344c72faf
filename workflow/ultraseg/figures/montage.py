"""Figures of slices, raw and with labels on top, in one layout so that a report can toggle between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ultraseg.arrays.edges import label_edges
from ultraseg.base.colours import LABEL_OPACITY, id_colours, structure_colours
from ultraseg.figures.pixels import MARGIN, bar_text, draw_scale_bar, place_array, place_text
from ultraseg.figures.style import MAX_WIDTH, empty_figure, new_figure, save, scale_bar
from ultraseg.grid.slabs import ceil_div

GAP, HEAD = 8, 26  # pixels between panels, and for the line of text above each


def overlay_montage(
    images: Sequence[NDArray[np.uint8]],
    labels: Sequence[NDArray[Any] | None],
    zs: Sequence[int],
    voxel_size_nm: tuple[float, float, float],
    path: str,
    overlay: bool = True,
    structure: str | None = None,
    outlines: Mapping[str, Sequence[NDArray[Any] | None]] | None = None,
    captions: Sequence[str] | None = None,
    columns: int | None = None,
    width: int = MAX_WIDTH,
    opacity: float = LABEL_OPACITY,
) -> None:
    """Write a montage of slices, plain or with labels as translucent areas and contours, with a scale bar.

    ``images`` uint8 (Y, X), ``labels`` ids (Y, X) or None, one per slice; a label array may be smaller
    than its image (made at a reduced scale). With ``structure`` all labels get that structure's colour (a
    mask), else each id its own. ``outlines``: masks by structure, one or None per slice, drawn as contours
    only. The voxel size (z, y, x) is that of ``images``.
    The layout does not depend on ``overlay``, so the two variants lie exactly on one another.
    """
    if len(images) == 0:
        empty_figure(path, "No slices to show.", width)
        return
    height, panel, columns = _panel_size(images[0].shape, voxel_size_nm, len(images), columns, width)
    nm_per_pixel = images[0].shape[1] * voxel_size_nm[2] / panel
    lines = ceil_div(len(images), columns)
    names = ([structure] if structure else []) + list(outlines or {})
    colours = structure_colours(names)
    figure = new_figure(width, lines * (height + HEAD + GAP) + (HEAD if names else 0))
    captions = captions or [f"slice {z}" for z in zs]
    for index, image in enumerate(images):
        size = (height, panel)
        rgb = grey_panel(image, size)
        if overlay:
            rgb = draw_labels(rgb, labels[index], colours[structure] if structure else None, opacity)
            for name, masks in (outlines or {}).items():
                rgb = draw_labels(rgb, masks[index], colours[name], 0.0)
        if index == 0:
            bar, text = scale_bar(panel, nm_per_pixel)
            draw_scale_bar(rgb, bar)
        left = (index % columns) * (panel + GAP)
        top = (index // columns) * (height + HEAD + GAP)
        place_array(figure, rgb, left, top + HEAD)
        place_text(figure, captions[index], left, top + HEAD - 6)
        if index == 0:
            bar_text(figure, text, left + MARGIN + bar / 2, top + HEAD + height - 22)
    if overlay and names:
        _legend(figure, colours)
    save(figure, path)


def grey_panel(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Bring a grey slice (Y, X) to ``size`` (rows, columns) as RGB, averaging where it shrinks."""
    shrinks = image.shape[0] >= size[0] and image.shape[1] >= size[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    grey = cv2.resize(np.ascontiguousarray(image, np.uint8), size[::-1], interpolation=method)
    return np.repeat(grey[..., None], 3, axis=2)


def draw_labels(
    rgb: NDArray[np.uint8],
    labels: NDArray[Any] | None,
    colour: str | None = None,
    opacity: float = LABEL_OPACITY,
) -> NDArray[np.uint8]:
    """Return the panel with labels: areas mixed in at ``opacity``, contours in full colour, 0 unchanged.

    With ``colour`` the labels are a mask of that colour, else ids with a colour each.
    """
    if labels is None:
        return rgb
    rows, columns = rgb.shape[:2]
    y = np.arange(rows) * labels.shape[0] // rows
    x = np.arange(columns) * labels.shape[1] // columns
    shown = np.asarray(labels)[np.ix_(y, x)]  # nearest neighbour: ids cannot be averaged
    inside = shown != 0
    if colour is None:
        colours, edges = id_colours(shown), label_edges(shown)
    else:
        colours = np.broadcast_to(np.round(255 * np.array(to_rgb(colour))).astype(np.uint8), rgb.shape)
        edges = cv2.dilate(label_edges(inside).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    mixed = rgb.copy()
    mixed[inside] = np.round((1 - opacity) * rgb[inside] + opacity * colours[inside]).astype(np.uint8)
    edges &= inside
    mixed[edges] = colours[edges]
    return mixed


def _panel_size(
    shape: tuple[int, int],
    voxel_size_nm: tuple[float, float, float],
    count: int,
    columns: int | None,
    width: int,
) -> tuple[int, int, int]:
    """Height and width of a panel in pixels, at true proportions, and the number of columns."""
    aspect = (shape[0] * voxel_size_nm[1]) / (shape[1] * voxel_size_nm[2])
    columns = columns or min(count, 3 if count <= 6 else 4)
    panel = (width - (columns - 1) * GAP) // columns
    return max(1, round(panel * aspect)), panel, columns


def _legend(figure: Figure, colours: Mapping[str, str]) -> None:
    lines = [Line2D([], [], color=colour, linewidth=3, label=name) for name, colour in colours.items()]
    figure.legend(handles=lines, loc="lower left", ncols=len(lines), frameon=False, borderaxespad=0.1)
