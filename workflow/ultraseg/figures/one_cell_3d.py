"""A 3D view of one cell: its protrusions, and its organelles seen through it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.patches import Patch
from numpy.typing import NDArray

from ultraseg.base.colours import id_colours, structure_colours
from ultraseg.figures.cells_3d import render, surface_points, views_of_a_cube
from ultraseg.figures.pixels import place_text, place_view
from ultraseg.figures.style import empty_figure, new_figure, save, scale_bar

PROTRUSION = (70, 70, 70)  # darker than every colour of a cell
SHOWN = ("seen along z", "from a corner")
PANEL, TOP, HEAD, GAP, FOOT = 690, 30, 30, 10, 34
# How much of the cell, and of a nucleus with nucleoli, is seen where one looks through it.
GLASS, VEIL = 0.22, 0.45


def choose_cell(cells: pd.DataFrame) -> int | None:
    """The cell to show, of the table of cells: one with a nucleus and long protrusions, or else the largest."""
    if cells.empty:
        return None
    nucleus = cells["nucleus_to_cell_ratio"].notna()
    order = cells.assign(both=nucleus & (cells["n_protrusions"] > 0), nucleus=nucleus)
    order = order.sort_values(["both", "nucleus", "protrusion_length_um", "voxels"], ascending=False)
    return int(order["cell"].iloc[0])


def describe_cell(row: pd.Series, organelles: Sequence[str]) -> str:
    """What the table of cells says of a cell, in a line."""
    counts = [f"{name} {row[f'n_{name}']:.0f}" for name in organelles if row.get(f"n_{name}", 0) > 0]
    length = f" of together {row['protrusion_length_um']:.3g} µm" if row["n_protrusions"] else ""
    parts = [
        f"Cell {row['cell']:.0f}: {row['volume_um3']:.3g} µm³",
        f"{row['n_protrusions']:.0f} protrusions{length}",
    ]
    parts += [", ".join(counts)] if counts else []
    return "; ".join(parts + ["cut by the edge of the volume"] * bool(row["cut_by_edge"]))


def cell_figure(
    cell: int,
    parts: Mapping[str, NDArray[np.bool_]],
    step_nm: float,
    title: str,
    path: str,
    *,
    nuclei: str | None = None,
    nucleoli: str | None = None,
) -> None:
    """Write the views of one cell, whole above and as of glass below.

    ``parts``: masks (z, y, x) on one cubic grid of ``step_nm``: ``cell``, ``protrusions`` (part of it), and one for
    each organelle. ``title`` is written above. The organelle ``nucleoli`` is seen through the organelle ``nuclei``.
    """
    inside = parts["cell"]
    if not inside.any():
        empty_figure(path, "The cell is too small to be shown.")
        return
    organelles = {name: mask & inside for name, mask in parts.items() if name not in ("cell", "protrusions")}
    organelles = {name: mask for name, mask in organelles.items() if mask.any()}
    table, colours = _colour_table(cell, organelles)
    outside = np.pad(inside.astype(np.uint32), 1)
    outside[1:-1, 1:-1, 1:-1][parts["protrusions"] & inside] = 2
    veiled, filled = np.zeros((2, *outside.shape), np.uint32)
    for number, (name, mask) in enumerate(organelles.items(), start=3):
        cube = veiled if name == nuclei and nucleoli in organelles else filled
        cube[1:-1, 1:-1, 1:-1][mask] = number
    seen = {name: views_of_a_cube()[name] for name in SHOWN}
    points, ids = surface_points(outside)
    span = max(float(np.ptp((points @ turn.T)[:, 1:], axis=0).max()) for turn in seen.values()) * 1.06 + 4
    figure = new_figure(2 * PANEL + GAP, TOP + 2 * (PANEL + HEAD) + FOOT)
    for column, (name, turn) in enumerate(seen.items()):
        whole = render(points @ turn.T, ids, PANEL, span, lambda i: table[i])
        glass = _glass(whole, points @ turn.T, (veiled, filled), turn, span, table)
        for row, (picture, caption) in enumerate(((whole, name), (glass, f"{name}, organelles"))):
            bar = scale_bar(PANEL, step_nm * span / PANEL) if row == column == 0 else None
            top = TOP + row * (PANEL + HEAD) + HEAD
            place_view(figure, picture, column * (PANEL + GAP), top, caption, bar)
    place_text(figure, title, 6, TOP - 4, fontsize=13)
    handles = [Patch(color=colour, label=label) for label, colour in colours.items()]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), frameon=False, borderaxespad=0.2)
    save(figure, path)


def _colour_table(cell: int, organelles: Iterable[str]) -> tuple[NDArray[np.uint8], dict[str, str]]:
    """RGB by number (1 cell, 2 protrusions, 3 and up organelles), and the same for the legend."""
    named = structure_colours(organelles)
    hexes = [
        "#{:02x}{:02x}{:02x}".format(*id_colours(np.array(cell))),
        "#{:02x}{:02x}{:02x}".format(*PROTRUSION),
        *named.values(),
    ]
    table = np.array([(0, 0, 0), *(tuple(bytes.fromhex(colour[1:])) for colour in hexes)], np.uint8)
    return table, dict(zip((f"cell {cell}", "its protrusions", *named), hexes, strict=True))


def _glass(
    whole: NDArray[np.uint8],
    shell: NDArray[np.floating],
    cubes: Sequence[NDArray[np.uint32]],
    turn: NDArray[np.floating],
    span: float,
    table: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    """The organelles in a cell as of glass; the second cube shows through the first.

    ``whole``: the picture of the cell; ``shell``: the points of its surface, turned as they are seen.
    """
    picture: NDArray[Any] = 255 - GLASS * (255.0 - whole)
    for cube, opacity in zip(cubes, (VEIL, 1.0), strict=True):
        points, ids = surface_points(cube)
        if len(points):
            drawn = render(points @ turn.T, ids, PANEL, span, lambda i: table[i], around=shell).astype(float)
            seen = np.any(drawn < 255, axis=-1, keepdims=True)
            picture = np.where(seen, opacity * drawn + (1 - opacity) * picture, picture)
    return picture.round().astype(np.uint8)
