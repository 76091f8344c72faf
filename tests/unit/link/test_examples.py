"""Examples of linking: which fragments are shown, and that the pictures show them."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ultraseg.base.colours import id_colours
from ultraseg.figures.link_examples import claims, link_examples_figure, outline
from ultraseg.grid.good_slices import GoodSlices
from ultraseg.link.examples import KINDS, choose_examples, read_example
from written_volume import write_stack

SHAPE = (12, 80, 100)


def link(fragment, outcome="assigned", z_first=2, z_last=4, best=7, runner=9, **more):
    row = {"fragment": fragment, "z_first": z_first, "z_last": z_last, "z": z_first, "y": 40.0, "x": 60.0}
    row |= {"pieces": 3, "body_pieces": 0, "voxels": 90, "cell": 0, "outcome": outcome, "best_cell": best}
    row |= {"strength": 0.5, "runner_up_cell": runner, "runner_up": 0.25, "margin": 0.25}
    return row | more


def test_every_outcome_has_its_kind():
    links = pd.DataFrame(
        [
            link(1),
            link(2, z_first=4, z_last=6),
            link(3, "unassigned_ambiguous"),
            link(4, "unassigned_weak"),
            link(5, "unassigned_weak", best=0),
            link(6, "new_cell"),
            link(7, "corrected"),
            link(8, "forbidden"),
            link(10, "unassigned_left_out", best=0),
            link(9, z_first=5, z_last=9),  # begins on the bad slice: nothing is bridged
        ]
    )
    chosen, totals = choose_examples(links, bad=[5])
    kinds = dict(zip(chosen["fragment"], chosen["kind"], strict=True))
    assert list(kinds.values()) == ["assigned", *KINDS]
    assert kinds == {
        1: "assigned", 9: "assigned", 2: "bridged", 3: "ambiguous", 4: "weak", 5: "orphan",
        10: "left_out", 6: "new_cell", 7: "corrected", 8: "forbidden",
    }  # fmt: skip
    assert totals == dict.fromkeys(KINDS, 1) | {"assigned": 2}


def test_examples_are_spread_through_the_stack_and_always_the_same():
    links = pd.DataFrame([link(i, z=i, voxels=3 * (i % 5 + 1)) for i in range(40)])
    chosen, totals = choose_examples(links, each=4)
    assert totals["assigned"] == 40
    assert (chosen["z"] // 10).tolist() == [0, 1, 2, 3]
    assert ((chosen["voxels"] // 3) == 4).all()  # neither the smallest nor the largest
    shuffled, _ = choose_examples(links.sample(frac=1, random_state=1), each=4)
    assert shuffled["fragment"].tolist() == chosen["fragment"].tolist()


def test_no_fragments_no_examples(tmp_path):
    chosen, totals = choose_examples(pd.DataFrame([link(1)]).iloc[:0])
    assert chosen.empty and not any(totals.values())
    link_examples_figure([], totals, (10, 10, 10), str(tmp_path / "none.jpg"))
    assert Image.open(tmp_path / "none.jpg").size[1] < 300


@pytest.fixture
def folder(tmp_path):
    """Slice z is 10 z grey; cell 7 left of x = 50; fragment 1 is piece z + 1 at y 36..44, x 56..64 of slices 4 to 8."""
    z = np.arange(SHAPE[0])[:, None, None]
    write_stack(tmp_path / "image.zarr/0", np.broadcast_to(10 * z, SHAPE).astype(np.uint8), 6)
    cells = np.zeros(SHAPE, np.uint32)
    cells[:, :, :50] = 7
    write_stack(tmp_path / "image.zarr/labels/cells/0", cells, 6)
    pieces = np.zeros((12, 40, 50), np.uint32)
    pieces[:, :, :25] = 1
    for slice_ in range(4, 9):
        pieces[slice_, 18:22, 28:32] = slice_ + 1
    write_stack(tmp_path / "work/pieces", pieces, 6)
    return str(tmp_path)


def nodes(bad=()):
    zs = [z for z in range(4, 9) if z not in bad]
    table = pd.DataFrame({"z": zs, "piece": [z + 1 for z in zs], "area": 16, "y": 19.5, "x": 29.5})
    return table.assign(fragment=1, strength=0.5, margin=[0.1 if z == 7 else 0.2 for z in zs])


def test_the_crop_has_the_least_clear_piece_in_its_middle(folder):
    row = link(1, z_first=4, z_last=8) | {"kind": "assigned"}
    example = read_example(folder, "cells", row, nodes(), SHAPE, 2, GoodSlices(12))
    assert example.zs == [5, 6, 7, 8, 9] and not any(example.bad)
    assert example.images.shape == example.cells.shape == example.own.shape == (5, 48, 48)
    assert example.images[:, 0, 0].tolist() == [50, 60, 70, 80, 90]
    # 48 pixels around y = 40, x = 60, so that the crop begins at y = 16, x = 36.
    assert np.unique(example.cells[0, :, :14]).tolist() == [7] and not example.cells[0, :, 14:].any()
    own = np.argwhere(example.own[2])
    assert own.min(0).tolist() == [20, 20] and own.max(0).tolist() == [27, 27]
    assert not example.own[4].any()


def test_a_crop_at_the_edge_stays_in_the_volume(folder):
    table = nodes().assign(y=1.0, x=48.0, z=[0, 1, 2, 3, 4], margin=[0, 1, 1, 1, 1])
    example = read_example(folder, "cells", link(1) | {"kind": "assigned"}, table, SHAPE, 2, GoodSlices(12))
    assert example.zs == [0, 1, 2, 3, 4] and example.images.shape == (5, 48, 48)


def test_a_bridged_fragment_shows_the_bad_slice_and_what_stands_in_for_it(folder):
    row = link(1, z_first=4, z_last=8) | {"kind": "bridged"}
    example = read_example(folder, "cells", row, nodes(bad=[6]), SHAPE, 2, GoodSlices(12, (6,)))
    assert example.zs == [4, 5, 6, 7, 8] and example.bad == [False, False, True, False, False]
    assert (example.own[2] == example.own[1]).all() and example.own[2].any()


def test_captions_say_what_the_table_says(folder):
    row = link(1, z_first=4, z_last=8, cell=7) | {"kind": "assigned"}
    example = read_example(folder, "cells", row, nodes(), SHAPE, 2, GoodSlices(12))
    words = claims(example)
    assert "".join(text for text, _ in words) == (
        "now cell 7;  best cell 7: strength 0.50;  runner-up cell 9: 0.25;  margin 0.25"
    )
    assert [cell for _, cell in words if cell] == [7, 7, 9]


def test_the_figure_has_cells_in_their_colours_and_outlines(folder, tmp_path):
    row = link(1, z_first=4, z_last=8, cell=7) | {"kind": "assigned"}
    example = read_example(folder, "cells", row, nodes(), SHAPE, 2, GoodSlices(12))
    link_examples_figure([example], {"assigned": 1}, (10, 10, 10), str(tmp_path / "links.png"))
    picture = np.asarray(Image.open(tmp_path / "links.png").convert("RGB")).astype(int)
    assert picture.shape[1] == 1600
    colour = id_colours(np.array(7)).astype(int)
    assert (np.abs(picture - colour).max(-1) < 3).sum() > 50 * 5  # contours in each panel and the squares


def test_an_outline_is_white_with_a_black_rim():
    rgb, mask = np.full((40, 40, 3), 128, np.uint8), np.zeros((20, 20), bool)
    mask[5:15, 5:15] = True
    outline(rgb, mask)
    assert rgb.min() < 40 and rgb.max() == 255 and (rgb[20, 20] == 128).all() and (rgb[0, 0] == 128).all()
