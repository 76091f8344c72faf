"""The figure of examples of linking: a strip of slices each, under the title of their kind."""

import numpy as np
from pictures import has_colour, pixels
from ultraseg.base.colours import id_colours
from ultraseg.figures.link_examples import CAPTION, HEAD, PANEL, TITLE, claims, link_examples_figure, outline
from ultraseg.link.examples import KINDS, SLICES, Example

ROW = {
    "fragment": 1, "z": 3, "y": 10.2, "x": 20.1, "z_first": 2, "z_last": 4, "pieces": 3, "cell": 7, "best_cell": 7,
    "strength": 0.5, "runner_up_cell": 9, "runner_up": 0.2, "margin": 0.3,
}  # fmt: skip


def example(kind: str, **changes) -> Example:
    cells = np.zeros((SLICES, 40, 40), np.uint32)
    cells[:, :, :15] = 7
    own = np.zeros(cells.shape, bool)
    own[:, 20:30, 20:30] = True
    images = np.full(cells.shape, 90, np.uint8)
    return Example(
        kind=kind,
        row=ROW | changes,
        zs=list(range(SLICES)),
        images=images,
        cells=cells,
        own=own,
        bad=[False] * SLICES,
    )


def test_kinds_follow_each_other_with_two_examples_side_by_side(tmp_path):
    first, second = list(KINDS)[:2]
    examples = [example(second), *(example(first) for _ in range(3))]
    link_examples_figure(examples, {first: 3, second: 1}, (30, 8, 8), str(tmp_path / "a.png"))
    picture = pixels(tmp_path / "a.png")
    assert picture.shape == (2 * TITLE + 3 * (HEAD + PANEL + CAPTION), 1600, 3)
    assert has_colour(picture, id_colours(np.array(7))) and has_colour(picture, id_colours(np.array(9)))


def test_what_is_said_of_a_fragment_names_its_cells():
    assert claims(example("assigned")) == [
        ("now ", 0), ("cell 7;  ", 7), ("best cell 7: strength 0.50;  ", 7),
        ("runner-up cell 9: 0.20;  ", 9), ("margin 0.30", 0)
    ]  # fmt: skip
    assert claims(example("corrected")) == [("given to ", 0), ("cell 7", 7)]
    assert claims(example("assigned", cell=0, best_cell=0)) == [("no cell reaches it", 0)]


def test_an_outline_lies_around_the_mask_alone():
    rgb, mask = np.full((40, 40, 3), 128, np.uint8), np.zeros((20, 20), bool)
    mask[5:15, 5:15] = True
    outline(rgb, mask)
    assert (rgb[20, 20] == 128).all() and (rgb[0, 0] == 128).all() and (rgb[10, 20] == 255).all()
