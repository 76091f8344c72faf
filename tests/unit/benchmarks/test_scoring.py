"""One scorer for all methods, and ids for objects that a method numbers as it likes."""

import numpy as np
import pandas as pd
import pytest
from peers.scoring import by_slice, scores, with_ids_of
from peers.volumes import ORPHAN, Task, on_pieces


def two_cells(depth: int = 5) -> np.ndarray:
    """Cells 7 and 3, each over half of every slice of 60 x 60."""
    truth = np.zeros((depth, 60, 60), np.uint32)
    truth[:, :, :30], truth[:, :, 30:] = 7, 3
    return truth


def cell_task() -> Task:
    truth = two_cells()
    labels = np.zeros_like(truth)
    labels[[0, 4]] = truth[[0, 4]]
    return Task("cells", "two", np.zeros(truth.shape, np.uint8), {"cells": labels}, [0, 4], {"cells": truth})


def test_the_truth_itself_scores_one_and_labelled_slices_do_not_count():
    task = cell_task()
    found = task.truth["cells"].copy()
    found[[0, 4]] = 0
    values = scores(task, {"cells": found})
    assert values["cells dice"] == 1 and values["cells adapted_rand_error"] == 0


def test_a_wrong_id_costs_dice_but_no_rand_error():
    task = cell_task()
    swapped = np.where(task.truth["cells"] == 7, 3, 7).astype(np.uint32)
    values = scores(task, {"cells": swapped})
    assert values["cells dice"] == 0 and values["cells adapted_rand_error"] == 0


def test_a_cell_that_no_label_shows_is_compared_with_the_new_id_that_overlaps_it_most():
    task = cell_task()
    task.truth["cells"][1:4, :30, :30] = 9
    found = task.truth["cells"].copy()
    found[found == 9] = 4000
    assert scores(task, {"cells": found})["cells dice"] == 1


def test_masks_are_scored_over_the_slices_without_labels():
    truth = {"mitochondria": (two_cells() == 7).astype(np.uint32)}
    labels = {"mitochondria": np.zeros_like(truth["mitochondria"])}
    task = Task("organelles", "one", np.zeros((5, 60, 60), np.uint8), labels, [0], truth)
    found = truth["mitochondria"].copy()
    found[1] = 0  # one of four slices is missed: 2 * 3 / (3 + 4)
    assert scores(task, {"mitochondria": found})["mitochondria dice"] == pytest.approx(6 / 7)
    assert by_slice(task, "mitochondria", found).idxmin() == 1


def test_the_worst_slice_of_cells_is_found():
    task = cell_task()
    found = task.truth["cells"].copy()
    found[2, :, 20:] = 3
    assert by_slice(task, "cells", found).idxmin() == 2


def test_a_missing_or_misshapen_result_is_refused():
    task = cell_task()
    with pytest.raises(ValueError, match="no result for cells"):
        scores(task, {})
    with pytest.raises(ValueError, match="shape"):
        scores(task, {"cells": np.zeros((5, 60, 59), np.uint32)})


def test_objects_take_the_id_that_they_overlap_most_on_labelled_slices():
    task = cell_task()
    objects = np.zeros(task.image.shape, np.uint32)
    objects[:, :, :28], objects[:, :, 28:] = 1, 2  # 2 overlaps both cells, mostly 3
    objects[1:4, :10, :10] = 5  # on no labelled slice
    found = with_ids_of(task.labels["cells"], task.given, objects)
    assert set(np.unique(found[objects == 1])) == {7} and set(np.unique(found[objects == 2])) == {3}
    new = np.unique(found[objects == 5])
    assert len(new) == 1 and new[0] > 7


def test_background_of_objects_stays_background():
    task = cell_task()
    objects = np.zeros(task.image.shape, np.uint32)
    objects[:, 30:, :30] = 1
    found = with_ids_of(task.labels["cells"], task.given, objects)
    assert (found[objects == 0] == 0).all() and (found[objects == 1] == 7).all()


def test_a_method_is_given_labels_but_no_truth(tmp_path):
    task = cell_task()
    task.write(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"image.npy", "given.npy", "labels-cells.npy"}
    labels = np.load(tmp_path / "labels-cells.npy")
    assert (labels[task.free] == 0).all() and (labels[task.given] == task.truth["cells"][task.given]).all()


def test_protrusions_are_scored_by_cell_and_new_numbers_are_no_cell():
    labels, truth = np.zeros((2, 3, 60, 60), np.uint32)
    labels[0, :, :30], labels[0, :, 30:] = 1, 2
    truth[1, :4, :10] = 1  # 40 pixels: 10 right, 10 wrong, 10 none, 10 of a new number
    truth[1, 10:14, :10] = ORPHAN + 3  # 40 pixels, 10 of them taken
    found = np.zeros_like(truth)
    found[1, 0, :10], found[1, 1, :10], found[1, 3, :10] = 1, 2, 77
    found[1, 10, :10], found[1, 11, :10] = 2, 78
    task = Task(
        "protrusions", "p", np.zeros(truth.shape, np.uint8), {"cells": labels}, [0, 2], {"cells": truth}
    )
    values = scores(task, {"cells": found})
    shares = {name: values[f"cells protrusion_{name}"] for name in ("right", "wrong", "none")}
    assert shares == {"right": 0.25, "wrong": 0.25, "none": 0.5} and values["cells orphans_taken"] == 0.25


def test_a_value_of_each_node_is_laid_on_its_piece():
    pieces = np.array([[[1, 2]], [[0, 1]]], np.int32)
    nodes = pd.DataFrame({"z": [0, 0, 1], "piece": [1, 2, 1]})
    assert on_pieces(pieces, nodes, np.array([5, 6, 7])).tolist() == [[[5, 6]], [[0, 7]]]
