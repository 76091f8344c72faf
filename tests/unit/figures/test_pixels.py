"""Arrays and text lie at exact pixels."""

import numpy as np
from pictures import pixels
from ultraseg.figures.pixels import (
    DARK,
    MARGIN,
    canvas_size,
    draw_scale_bar,
    place_array,
    place_text,
    place_view,
)
from ultraseg.figures.style import new_figure, save


def test_drawn_scale_bar_has_its_length():
    panel = np.full((60, 200, 3), 90, np.uint8)
    draw_scale_bar(panel, 77)
    white = (panel == 255).all(axis=-1)
    assert set(white.sum(axis=1)) == {0, 77}


def test_one_value_of_an_array_is_one_pixel_at_its_place(tmp_path):
    figure = new_figure(120, 80)
    array = np.random.default_rng(0).integers(0, 255, (30, 40, 3)).astype(np.uint8)
    place_array(figure, array, 25, 10)
    save(figure, str(tmp_path / "a.png"))
    picture = pixels(tmp_path / "a.png")
    assert canvas_size(figure) == (120, 80) and picture.shape == (80, 120, 3)
    assert np.array_equal(picture[10:40, 25:65], array)
    picture[10:40, 25:65] = 255
    assert (picture == 255).all()


def test_text_stands_on_its_line(tmp_path):
    figure = new_figure(200, 100)
    place_text(figure, "H", 50, 60, fontsize=20, va="baseline")
    save(figure, str(tmp_path / "a.png"))
    rows, columns = np.nonzero((pixels(tmp_path / "a.png") < 128).all(-1))
    assert 50 <= columns.min() < 56 and 59 <= rows.max() + 1 <= 61 and 35 < rows.min() < 50


def test_a_view_has_its_scale_bar_and_caption(tmp_path):
    figure = new_figure(300, 200)
    place_view(figure, np.full((150, 300, 3), 255, np.uint8), 0, 30, "seen", (70, "1 µm"))
    save(figure, str(tmp_path / "a.png"))
    picture = pixels(tmp_path / "a.png")
    bar = (picture == DARK).all(-1)
    rows, columns = np.nonzero(bar[165:])
    rows += 165
    assert (columns.min(), columns.max() + 1) == (MARGIN, MARGIN + 70) and set(rows) == set(range(166, 171))
    assert (picture[:30] < 100).any()  # the caption, above the view
