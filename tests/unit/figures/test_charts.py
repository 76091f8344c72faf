"""Charts: sizes, marks, and tables without rows."""

import numpy as np
import pandas as pd
import pytest
from pictures import has_colour, pixels
from ultraseg.evaluate.definitions import COLUMNS
from ultraseg.figures import charts


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


def test_the_same_figure_gives_the_same_file(tmp_path):
    for name in "ab":
        charts.metrics_figure(metrics_table(), str(tmp_path / name))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
