"""The picture of a task: the worst slice of every method that has finished."""

import json

import matplotlib.image
import numpy as np
from peers import pictures
from peers.volumes import Task


def test_a_picture_has_a_column_for_every_finished_method(tmp_path):
    truth = np.ones((3, 60, 60), np.uint32)
    truth[:, :, 30:] = 2
    task = Task("cells", "tiny", np.full(truth.shape, 90, np.uint8), {"cells": truth}, [0], {"cells": truth})
    assert pictures.draw(tmp_path, task, tmp_path / "none.png") is None
    widths = []
    for method in ("ours", "shape"):
        folder = tmp_path / "cells/tiny" / method
        folder.mkdir(parents=True)
        np.save(folder / "result-cells.npy", truth)
        (folder / "result.json").write_text(json.dumps({}))
        file = pictures.draw(tmp_path, task, tmp_path / f"{method}.png")
        widths.append(matplotlib.image.imread(file).shape[1])
    assert widths[1] == 2 * widths[0]


def test_ids_are_coloured_over_the_grey_slice_and_background_stays_grey():
    labels = np.array([[0, 5], [5, 8]])
    picture = pictures.overlay(np.full((2, 2), 100, np.uint8), labels)
    assert picture[0, 0].tolist() == [100, 100, 100]
    assert (picture[0, 1] == picture[1, 0]).all() and (picture[0, 1] != picture[1, 1]).any()


def test_the_part_with_the_most_wrong_pixels_is_shown():
    wrong = np.zeros((300, 50), bool)
    wrong[10, 10] = wrong[250, 20] = wrong[260, 30] = True
    y, x = pictures.window(wrong, 100)
    assert wrong[y, x].sum() == 2 and y.stop - y.start == 100 and (x.start, x.stop) == (0, 50)
