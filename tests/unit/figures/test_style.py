"""Sizes of figures, scale bars, marks and layout."""

import numpy as np
import pytest
from pictures import pixels
from ultraseg.figures.style import draw_marks, mark_slices, new_figure, save_charts, scale_bar, split_style


@pytest.mark.parametrize(
    ("width", "nm_per_pixel", "expected"),
    [
        (400, 10, (100, "1 µm")),
        (500, 4, (125, "0.5 µm")),
        (1000, 30, (167, "5 µm")),
        (400, 5, (100, "0.5 µm")),
        (100, 0.8, (25, "0.02 µm")),
    ],
)
def test_scale_bar_is_the_longest_round_length(width, nm_per_pixel, expected):
    assert scale_bar(width, nm_per_pixel) == expected


def test_scale_bar_without_room_is_refused():
    with pytest.raises(ValueError, match="no room"):
        scale_bar(0, 10)


def test_no_figure_is_wider_than_1600():
    assert new_figure(3000, 200).get_size_inches()[0] * 100 == 1600


def test_a_layout_without_marks_is_made_without_warning(tmp_path, recwarn):
    """matplotlib takes an uncut line without points for an endless one."""
    figure = new_figure(600, 300)
    axes = figure.subplots()
    axes.set_ylabel("a label that needs room")
    draw_marks(axes, [], [], "D")
    assert not axes.lines
    draw_marks(axes, [1, 2], [3, 4], "D", color="#ff0000")
    save_charts(figure, str(tmp_path / "a.png"))
    assert not recwarn.list and len(axes.lines) == 1 and not axes.lines[0].get_clip_on()
    assert pixels(tmp_path / "a.png").shape == (300, 600, 3)


def test_bands_lie_over_their_slices():
    axes = new_figure().subplots()
    mark_slices(axes, np.array([3, 7]))
    assert [patch.get_x() for patch in axes.patches] == [2.5, 6.5]
    assert [patch.get_width() for patch in axes.patches] == [1, 1]


def test_splits_are_told_apart_without_colour():
    marks = {
        (style["marker"], style["markerfacecolor"] == "white")
        for style in map(split_style, ("train", "test", "truth"))
    }
    assert len(marks) == 3
    assert split_style("another")["marker"]
