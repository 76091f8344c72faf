"""Figure of examples of linking: strips of neighbouring slices, the fragment outlined, cells in their colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray

from ultraseg.base.colours import id_colours
from ultraseg.figures.montage import draw_labels, grey_panel
from ultraseg.figures.pixels import bar_text, draw_scale_bar, place_array, place_text
from ultraseg.figures.style import MAX_WIDTH, empty_figure, new_figure, save, scale_bar
from ultraseg.grid.slabs import ceil_div
from ultraseg.link.examples import KINDS, SLICES, Example

PANEL, GAP, BETWEEN = 152, 4, 24  # pixels: side of a panel, between panels, between the two columns
HEAD, CAPTION, TITLE = 18, 40, 34  # lines of text: slice numbers, what the table says, kinds
COLUMNS = 2


def link_examples_figure(
    examples: Sequence[Example], totals: dict[str, int], voxel_size_nm: Sequence[float], path: str
) -> None:
    """Write the examples of every kind under its title; totals: fragments per kind.

    A fragment has a white outline with a black rim; voxels are drawn as long in y as in x.
    """
    if not examples:
        empty_figure(path, "No fragments: linking had nothing to decide.")
        return
    groups = {kind: [e for e in examples if e.kind == kind] for kind in KINDS}
    groups = {kind: group for kind, group in groups.items() if group}
    row = HEAD + PANEL + CAPTION
    height = sum(TITLE + row * ceil_div(len(group), COLUMNS) for group in groups.values())
    figure = new_figure(MAX_WIDTH, height)
    top = 0
    for kind, group in groups.items():
        words = f"{KINDS[kind]}  ({totals[kind]} fragment{'s' if totals[kind] != 1 else ''})"
        _text(figure, words, 0, top + TITLE - 8, size=13, weight="bold")
        top += TITLE
        for index, example in enumerate(group):
            left = (index % COLUMNS) * (SLICES * (PANEL + GAP) + BETWEEN)
            _strip(figure, example, voxel_size_nm, left, top + row * (index // COLUMNS))
        top += row * ceil_div(len(group), COLUMNS)
    save(figure, path)


def _strip(figure: Figure, example: Example, voxel_size_nm: Sequence[float], left: int, top: int) -> None:
    """Draw one example at a place in pixels from the upper left."""
    height, width = example.images.shape[1:]
    scale = PANEL / max(height * voxel_size_nm[1], width * voxel_size_nm[2])  # pixels of the figure per nm
    size = tuple(
        max(1, round(n * nm * scale)) for n, nm in zip((height, width), voxel_size_nm[1:], strict=True)
    )
    for i, z in enumerate(example.zs):
        x = left + i * (PANEL + GAP)
        rgb = draw_labels(grey_panel(example.images[i], size), example.cells[i], opacity=0.3)
        outline(rgb, example.own[i])
        if i == 0:
            bar, text = scale_bar(size[1], 1 / scale, fraction=0.5)
            draw_scale_bar(rgb, bar, thickness=4, margin=6)
        _text(figure, f"slice {z}{', bad' if example.bad[i] else ''}", x, top + HEAD - 4, size=9)
        place_array(figure, rgb, x, top + HEAD)
        if i == 0:
            bar_text(figure, text, x + 6 + bar / 2, top + HEAD + size[0] - 13, size=8)
    row, below = example.row, top + HEAD + PANEL
    first, last = int(row["z_first"]), int(row["z_last"])
    where = f"slice {first}" if first == last else f"slices {first} to {last}"
    pieces = f"{row['pieces']} piece{'s' if row['pieces'] != 1 else ''}"
    place = f"at z {row['z']}, y {row['y']:.0f}, x {row['x']:.0f}"
    _text(figure, f"Fragment {row['fragment']}: {where}, {pieces}, {place}", left, below + 14, size=9)
    _words(figure, claims(example), left, below + 30)


def claims(example: Example) -> list[tuple[str, int]]:
    """What the link table says of an example: words, each with the cell whose colour goes before it (0: none)."""
    row = example.row
    if example.kind == "corrected":
        return [("given to ", 0), (f"cell {row['cell']}", int(row["cell"]))]
    said = [("now ", 0), (f"cell {row['cell']};  ", int(row["cell"]))] if row["cell"] else []
    if example.kind == "left_out":
        said.append((f"what was left out: strength {row['strength']:.2f};  ", 0))
    elif not row["best_cell"]:
        return [*said, ("no cell reaches it", 0)]
    else:
        said.append(
            (f"best cell {row['best_cell']}: strength {row['strength']:.2f};  ", int(row["best_cell"]))
        )
    if row["runner_up_cell"]:
        second = int(row["runner_up_cell"])
        said.append((f"runner-up cell {second}: {row['runner_up']:.2f};  ", second))
    else:
        said.append(("no runner-up;  ", 0))
    return [*said, (f"margin {row['margin']:.2f}", 0)]


def outline(rgb: NDArray[np.uint8], mask: NDArray[np.bool_]) -> None:
    """Draw a white line, rimmed black, around a mask of any size that covers the panel, in place."""
    large = cv2.resize(mask.astype(np.uint8), rgb.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 2)):
        cv2.drawContours(rgb, contours, -1, colour, thickness, cv2.LINE_AA)


def _text(figure: Figure, text: str, x: float, y: float, size: int = 10, **style: Any) -> Text:
    """Text that stands on a line ``y`` pixels below the top."""
    return place_text(figure, text, x, y, fontsize=size, va="baseline", **style)


def _words(figure: Figure, words: list[tuple[str, int]], x: float, y: float) -> None:
    """Words one after another, those that speak of a cell after a square of its colour."""
    for text, cell in words:
        if cell:
            square = np.empty((10, 10, 3), np.uint8)
            square[:] = 136
            square[1:-1, 1:-1] = id_colours(np.array(cell))
            place_array(figure, square, round(x), round(y) - len(square) + 1)
            x += 14
        # Spaces at the end have no extent of their own.
        drawn = _text(figure, text.replace(" ", "\N{NO-BREAK SPACE}"), x, y, size=9)
        x += drawn.get_window_extent().width
