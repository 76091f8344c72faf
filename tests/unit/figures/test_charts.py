"""Figures: sizes, colours, scale bars, and tables without rows."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from ultraseg.base.colours import id_colours
from ultraseg.evaluate.definitions import COLUMNS
from ultraseg.figures import cells_3d, charts, montage
from ultraseg.figures.cells_3d import choose_cells, render
from ultraseg.figures.montage import GAP, HEAD, draw_labels, draw_scale_bar, grey_panel
from ultraseg.figures.style import new_figure, scale_bar

RNG = np.random.default_rng(1)


def pixels(path):
    return np.round(imread(path)[..., :3] * 255).astype(np.uint8)


def has_colour(picture, colour):
    return bool((picture == np.asarray(colour, np.uint8)).all(axis=-1).any())


def metrics_table():
    rows = [
        ("cells", "dice", "truth", 0.8, 10),
        ("cells", "dice", "test", 0.7, 2),
        ("cells", "adapted_rand_error", "truth", 0.1, 10),
        ("cells", "voi_split", "truth", 1.4, 10),
        ("mitochondria", "dice", "test", np.nan, 2),
        ("mitochondria", "recall", "test", 0.9, 2),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


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


def test_drawn_scale_bar_has_its_length():
    panel = np.full((60, 200, 3), 90, np.uint8)
    draw_scale_bar(panel, 77)
    white = (panel == 255).all(axis=-1)
    assert set(white.sum(axis=1)) == {0, 77}


def test_labels_are_mixed_in_and_outlined():
    grey = grey_panel(np.full((20, 20), 100, np.uint8), (20, 20))
    labels = np.zeros((10, 10), np.uint32)
    labels[2:8, 2:8] = 7  # at half the scale of the panel
    drawn = draw_labels(grey, labels, opacity=0.5)
    colour = id_colours(np.array(7))
    assert np.array_equal(drawn[0, 0], [100, 100, 100])
    assert np.array_equal(drawn[4, 10], colour)
    assert np.array_equal(drawn[10, 10], np.round(0.5 * colour + 50).astype(np.uint8))
    assert np.array_equal(draw_labels(grey, None), grey)
    assert np.array_equal(draw_labels(grey, labels, "#ff0000")[4, 10], [255, 0, 0])


def test_large_slices_are_averaged():
    image = np.zeros((40, 40), np.uint8)
    image[:, ::2] = 200
    assert (grey_panel(image, (10, 10)) == 100).all()


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_montage_variants_have_one_layout(tmp_path, count):
    images = RNG.integers(0, 255, (count, 30, 40)).astype(np.uint8)
    labels = np.zeros((count, 30, 40), np.uint32)
    labels[:, 5:15, 5:20] = 12
    labels[:, 15:25, 10:30] = 13
    raw, overlay = str(tmp_path / "raw.png"), str(tmp_path / "overlay.png")
    for path, shown in ((raw, False), (overlay, True)):
        montage.overlay_montage(images, labels, range(count), (10, 4, 8), path, overlay=shown, width=800)
    columns = {1: 1, 2: 2, 5: 3, 9: 4}[count]
    panel = (800 - (columns - 1) * GAP) // columns
    height = round(panel * 30 * 4 / (40 * 8))
    plain, drawn = pixels(raw), pixels(overlay)
    assert plain.shape == drawn.shape == (-(-count // columns) * (height + HEAD + GAP), 800, 3)
    assert has_colour(drawn, id_colours(np.array(12)))
    assert not has_colour(plain, id_colours(np.array(12)))
    outside = np.s_[HEAD : HEAD + height // 7, :panel]  # above the first label
    assert np.array_equal(plain[outside], drawn[outside])


def test_montage_draws_one_array_value_as_one_pixel(tmp_path):
    path = str(tmp_path / "raw.png")
    image = RNG.integers(0, 255, (100, 300)).astype(np.uint8)
    montage.overlay_montage([image], [None], [0], (1, 1, 1), path, overlay=False, width=300)
    assert np.array_equal(pixels(path)[HEAD : HEAD + 50, :, 0], image[:50])


def test_montage_outlines_organelles_in_their_colour(tmp_path):
    path = str(tmp_path / "overlay.png")
    mask = np.zeros((30, 40), np.uint8)
    mask[10:20, 10:30] = 1
    image = np.full((30, 40), 80, np.uint8)
    masks = {"mitochondria": [mask, None]}
    montage.overlay_montage([image] * 2, [None] * 2, [0, 4], (1, 1, 1), path, outlines=masks, width=400)
    picture = pixels(path)
    assert has_colour(picture[HEAD:-HEAD, :190], (0xE6, 0x9F, 0x00))
    assert not has_colour(picture[HEAD:-HEAD, 210:], (0xE6, 0x9F, 0x00))


def test_montage_without_slices(tmp_path):
    montage.overlay_montage([], [], [], (1, 1, 1), str(tmp_path / "none.png"), width=700)
    assert pixels(tmp_path / "none.png").shape[1] == 700


def test_no_figure_is_wider_than_1600():
    assert new_figure(3000, 200).get_size_inches()[0] * 100 == 1600


def balls():
    z, y, x = np.mgrid[:30, :40, :50]
    labels = np.zeros(z.shape, np.uint32)
    labels[(z - 8) ** 2 + (y - 12) ** 2 + (x - 12) ** 2 < 49] = 3
    labels[(z - 20) ** 2 + (y - 28) ** 2 + (x - 36) ** 2 < 64] = 70
    return labels


def test_3d_view_shows_all_cells_on_white(tmp_path):
    path = str(tmp_path / "3d.png")
    assert cells_3d.cells_3d(balls(), (20, 10, 10), path, width=600, grid=80) == [3, 70]
    picture = pixels(path)
    assert picture.shape == (2 * (295 + 30), 600, 3)
    assert (picture == 255).all(axis=-1).mean() > 0.4


def test_3d_view_puts_the_nearer_surface_in_front():
    square = np.argwhere(np.ones((21, 21))) - 10.0
    behind = np.column_stack([np.full(len(square), 5.0), square])
    front = np.column_stack([np.full(len(square), -5.0), square * 0.5])
    ids = np.repeat([4, 9], len(square))
    picture = render(np.concatenate([behind, front]), ids, 60, 30.0)
    for place, cell in (((30, 30), 9), ((30, 13), 4)):
        hue = id_colours(np.array(cell)).astype(float)
        seen = picture[place].astype(float)
        assert seen @ hue / np.linalg.norm(seen) / np.linalg.norm(hue) > 0.99
    assert (picture[2, 2] == 255).all()


def test_dense_tissue_is_thinned_to_what_can_be_seen():
    labels = np.zeros((10, 10, 10), np.uint32)
    labels[:] = 1
    labels[:4, :5, :4] = 2  # 80 voxels: under a third of 250
    labels[9, 9] = 3
    assert choose_cells(labels, 0.25) == [2, 3]
    assert choose_cells(labels, 1.0) == [1, 2, 3]
    assert choose_cells(np.ones((4, 4, 4), np.uint8), 0.25) == [1]
    assert choose_cells(np.zeros((4, 4, 4), np.uint8)) == []


def test_charts_have_their_size_and_marks(tmp_path):
    def path(name):
        return str(tmp_path / f"{name}.png")

    epochs = np.arange(1, 9)
    history = pd.DataFrame(
        {"epoch": epochs, "loss": 1 / epochs, "val_loss": 2 / epochs, "dice_cells": 1 - 1 / epochs}
    )
    charts.learning_curves(history.assign(dice_none=None), path("history"), "network")
    assert pixels(path("history")).shape == (480, 1200, 3)
    coverage = pd.DataFrame({"structure": ["cells"] * 3 + ["nuclei"], "z": [0, 10, 20, 5]})
    coverage["split"] = ["train", "test", "train", "validation"]
    charts.coverage_figure(coverage, 30, path("coverage"))
    assert pixels(path("coverage")).shape == (150 + 2 * 44, 1200, 3)
    for colour in ((0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00), (0xD5, 0x5E, 0x00)):
        assert has_colour(pixels(path("coverage")), colour)
    charts.metrics_figure(metrics_table(), path("metrics"))
    assert pixels(path("metrics")).shape == (120 + 3 * 30, 1200, 3)  # three lines: no NaN, nothing beyond 1
    distance = pd.DataFrame({"distance": [1, 2, 5], "dice": [0.9, 0.8, np.nan]})
    distance = distance.assign(
        structure="cells", split="truth", low=[0.85, 0.7, np.nan], high=0.95, n_slices=2
    )
    charts.accuracy_distance_figure(distance, path("distance"))
    assert pixels(path("distance")).shape == (560, 1000, 3)
    charts.volumes_histogram(pd.DataFrame({"volume_um3": [1.0, 2.0, 300.0, 0.0]}), path("volumes"))
    charts.volumes_histogram(pd.DataFrame({"volume_um3": [4.0]}), path("one"))
    assert pixels(path("volumes")).shape == pixels(path("one")).shape == (460, 1000, 3)


def test_link_outcomes(tmp_path):
    path = str(tmp_path / "links.png")
    links = pd.DataFrame(
        {
            "outcome": ["assigned", "unassigned_weak", "assigned", "new_cell"],
            "voxels": [10, 5, 30, 0],
            "strength": [0.9, 0.1, 0.7, np.nan],
            "margin": [0.5, 0.1, 0.3, np.nan],
        }
    )
    charts.link_outcomes_figure(links, path)
    assert pixels(path).shape == (500, 1200, 3)
    assert has_colour(pixels(path), (0x00, 0x72, 0xB2))


@pytest.mark.parametrize("columns", [True, False])
@pytest.mark.parametrize(
    ("draw", "names"),
    [
        (charts.learning_curves, ["epoch", "loss"]),
        (lambda table, path: charts.coverage_figure(table, 10, path), ["structure", "z", "split"]),
        (
            charts.accuracy_distance_figure,
            ["structure", "split", "distance", "dice", "low", "high", "n_slices"],
        ),
        (charts.metrics_figure, COLUMNS),
        (charts.link_outcomes_figure, ["outcome", "voxels", "strength", "margin"]),
        (charts.volumes_histogram, ["volume_um3"]),
    ],
)
def test_empty_tables_say_so(tmp_path, draw, names, columns):
    path = tmp_path / "empty.png"
    draw(pd.DataFrame(columns=names if columns else []), str(path))
    picture = pixels(path)
    assert picture.shape[1] <= 1600
    assert (picture < 200).any()  # a message, not a white page


def test_empty_labels_have_no_3d_view(tmp_path):
    assert (
        cells_3d.cells_3d(np.zeros((3, 4, 5), np.uint32), (1, 1, 1), str(tmp_path / "3d.png"), width=600)
        == []
    )
    assert pixels(tmp_path / "3d.png").shape[1] == 600


def test_the_same_figure_gives_the_same_file(tmp_path):
    for name in "ab":
        charts.metrics_figure(metrics_table(), str(tmp_path / name))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
