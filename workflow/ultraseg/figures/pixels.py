"""Arrays, text and scale bars at exact pixels of a figure, counted from its upper left corner."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from numpy.typing import NDArray

from ultraseg.figures.style import INK

MARGIN = 12  # pixels between a scale bar and the sides of its panel
DARK = 34


def canvas_size(figure: Figure) -> tuple[int, int]:
    """Width and height of a figure in pixels."""
    width, height = figure.canvas.get_width_height()
    return int(width), int(height)


def place_array(figure: Figure, picture: NDArray[np.uint8], left: int, top: int) -> None:
    """Put a picture (rows, columns, RGB) into the figure so that one value is exactly one pixel."""
    _, height = canvas_size(figure)
    figure.figimage(picture, left, height - top - picture.shape[0], origin="upper", resize=False)


def place_text(figure: Figure, text: str, x: float, y: float, **style: Any) -> Text:
    """Write text whose foot is ``y`` pixels below the top; ``style``: of matplotlib's text."""
    width, height = canvas_size(figure)
    how: dict[str, Any] = {"va": "bottom", "ha": "left", "fontsize": 11, "color": INK} | style
    return figure.text(x / width, 1 - y / height, text, **how)


def draw_scale_bar(rgb: NDArray[np.uint8], length: int, thickness: int = 5, margin: int = MARGIN) -> None:
    """Draw a white bar of exactly ``length`` pixels, rimmed black, at the lower left of a panel, in place."""
    bottom = rgb.shape[0] - margin
    rgb[bottom - thickness - 1 : bottom + 1, margin - 1 : margin + length + 1] = 0
    rgb[bottom - thickness : bottom, margin : margin + length] = 255


def bar_text(figure: Figure, text: str, x: float, y: float, size: int = 10) -> None:
    """Write white text, rimmed black, over a scale bar: centred at ``x``, its foot ``y`` pixels below the top."""
    rim = [withStroke(linewidth=3, foreground="black")]
    place_text(figure, text, x, y, ha="center", color="white", fontsize=size, path_effects=rim)


def place_view(
    figure: Figure,
    picture: NDArray[np.uint8],
    left: int,
    top: int,
    caption: str,
    bar: tuple[int, str] | None = None,
) -> None:
    """Put a view of surfaces on white into the figure, with its caption above.

    ``bar``: pixels and text of a scale bar, which is drawn into the picture.
    """
    if bar:
        picture[-14:-9, MARGIN : MARGIN + bar[0]] = DARK
        place_text(figure, bar[1], left + MARGIN, top + len(picture) - 18, fontsize=10)
    place_array(figure, picture, left, top)
    place_text(figure, caption, left + 6, top - 6)
