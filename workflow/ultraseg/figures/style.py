"""What all figures share: colours, scale bars, sizes, and saving.

Colours of ids and structures depend on nothing but the id or the name, so that they agree between figures.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from ultraseg.base.files import whole_file

MAX_WIDTH = 1600
DPI = 100
JPEG = {"quality": 90, "subsampling": 0}  # colours of thin outlines stay
INK = "#222222"
FAINT = "#888888"
GROUND = "#DDDDDD"  # bands of slices that are missing or bad


SPLIT_STYLES = {  # colour, marker, filled: told apart without colour as well
    "train": ("#0072B2", "o", True),
    "validation": ("#E69F00", "s", True),
    "test": ("#D55E00", "D", True),
    "truth": ("#009E73", "^", False),
    "left_out": ("#56B4E9", "v", True),
    "corrected": ("#CC79A7", "P", True),
}


def split_style(split: str) -> dict[str, Any]:
    """Keywords for matplotlib's plot that mark a split by colour, shape and filling."""
    colour, marker, filled = SPLIT_STYLES.get(split, (FAINT, "v", True))
    return {"color": colour, "marker": marker, "markerfacecolor": colour if filled else "white"}


def scale_bar(width: int, nm_per_pixel: float, fraction: float = 0.25) -> tuple[int, str]:
    """Pixels and text of a scale bar: the longest 1, 2 or 5 x 10^n nm in ``fraction`` of the width."""
    longest = width * nm_per_pixel * fraction
    if not longest > 0:
        raise ValueError(f"width {width} at {nm_per_pixel} nm per pixel leaves no room for a scale bar")
    power = 10.0 ** math.floor(math.log10(longest) + 1e-9)
    length = max(step * power for step in (1, 2, 5) if step * power <= longest * (1 + 1e-9))
    return round(length / nm_per_pixel), f"{length / 1000:g} µm"


def new_figure(width: int = 1200, height: int = 600) -> Figure:
    """An empty figure of a size in pixels, not wider than 1600, that needs no display."""
    figure = Figure(figsize=(min(width, MAX_WIDTH) / DPI, height / DPI), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: str) -> None:
    """Write a PNG, or a JPEG where the name ends so, of exactly the size of the figure; always the same bytes."""
    jpeg = path.endswith(".jpg")
    how: dict[str, Any] = {"pil_kwargs": JPEG} if jpeg else {"metadata": {"Software": None}}
    with whole_file(path) as part:
        figure.savefig(part, dpi=DPI, format="jpg" if jpeg else "png", **how)


def save_charts(figure: Figure, path: str) -> None:
    """Write a figure of axes, which are laid out so that no words overlap; see ``save``."""
    figure.tight_layout()
    save(figure, path)


def empty_figure(path: str, message: str, width: int = 1200, height: int = 160) -> None:
    """Write a figure that says why there is nothing to show."""
    figure = new_figure(width, height)
    figure.text(0.5, 0.5, message, ha="center", va="center", color=FAINT, fontsize=13)
    save(figure, path)


def draw_marks(axes: Axes, x: ArrayLike, y: ArrayLike, marker: str, **style: Any) -> None:
    """Draw marks that the borders of the axes do not cut; nothing where there are none.

    A line without points that is not cut counts as endlessly large when matplotlib lays out the figure.
    """
    if np.size(x):
        axes.plot(x, y, marker, clip_on=False, **style)


def mark_slices(axes: Axes, zs: ArrayLike) -> None:
    """Draw a grey band over each of the slices ``zs`` of an axis z."""
    for z in np.asarray(zs).tolist():
        axes.axvspan(z - 0.5, z + 0.5, color=GROUND, linewidth=0)


def tidy(
    axes: Axes,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    grid: Literal["both", "x", "y"] | None = "y",
) -> None:
    """Give axes the common look: no box, faint grid, title on the left."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, loc="left", fontsize=12, color=INK)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis=grid, color="#dddddd", linewidth=0.8)
