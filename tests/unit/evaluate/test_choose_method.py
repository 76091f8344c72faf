"""Which method carries ids: the better one where a label is left out."""

import json

import numpy as np
import pytest
from ultraseg.evaluate.choose_method import compare_methods, method_note, method_of
from ultraseg.storage.label_slices import write_slices

SHAPE = (24, 32)
TRUTH = np.zeros(SHAPE, np.uint32)
TRUTH[2:20, 2:14], TRUTH[2:20, 16:30] = 7, 9
SHIFTED = np.roll(TRUTH, 3, axis=1)


@pytest.fixture
def tried(tmp_path):
    """Two slices; "flow" finds the first one exactly and the second one shifted, "volume" the other way round."""
    write_slices(str(tmp_path / "labels.h5"), SHAPE, [(z, {"labels": TRUTH}) for z in (4, 8)])
    found = {}
    for method, slices in {"flow": (TRUTH, SHIFTED), "volume": (SHIFTED, SHIFTED)}.items():
        found[method] = {}
        for z, labels in zip((4, 8), slices, strict=True):
            file = str(tmp_path / f"{method}{z}.h5")
            write_slices(file, SHAPE, [(z - 1, {"labels": labels * 0}), (z, {"labels": labels})])
            found[method][z] = file
    return str(tmp_path / "labels.h5"), found


def test_the_better_method_is_chosen_and_the_scores_of_both_are_told(tried):
    labels, files = tried
    found = compare_methods(labels, files, 1)
    assert found["method"] == "flow" and found["slices"] == [4, 8]
    assert found["scores"]["flow"]["dice"] > found["scores"]["volume"]["dice"] > 0.5
    assert found["scores"]["flow"]["adapted_rand_error"] < found["scores"]["volume"]["adapted_rand_error"]
    swapped = {"flow": files["volume"], "volume": files["flow"]}
    assert compare_methods(labels, swapped, 1)["method"] == "volume"


def test_what_nobody_labelled_does_not_count(tried, tmp_path):
    _, files = tried
    known = np.zeros(SHAPE, np.uint8)
    known[:, 6:12] = 1  # the shifted cell covers all of this part as well
    arrays = {"labels": np.where(known > 0, TRUTH, 0).astype(np.uint32), "known": known}
    write_slices(str(tmp_path / "part.h5"), SHAPE, [(z, arrays) for z in (4, 8)])
    found = compare_methods(str(tmp_path / "part.h5"), files, 1)
    assert found["scores"]["flow"]["dice"] == found["scores"]["volume"]["dice"] == 1
    assert found["method"] == "flow"  # of equal ones the first


def test_labels_are_compared_at_the_scale_of_the_cells(tried, tmp_path):
    _, files = tried
    large = TRUTH.repeat(2, 0).repeat(2, 1)
    write_slices(str(tmp_path / "large.h5"), large.shape, [(z, {"labels": large}) for z in (4, 8)])
    found = compare_methods(str(tmp_path / "large.h5"), {"flow": {4: files["flow"][4]}}, 2)
    assert found["scores"]["flow"] == {"dice": 1, "adapted_rand_error": 0}


def test_the_summary_tells_what_was_chosen_and_why(tried, tmp_path):
    labels, files = tried
    (tmp_path / "method.json").write_text(json.dumps(compare_methods(labels, files, 1)))
    note = method_note([str(tmp_path / "method.json")])
    assert note.startswith(
        "Ids of cells were carried slice by slice along the optical flow. On 2 labelled slices"
    )
    assert "in three dimensions at once: Dice 0.768 and adapted" in note and method_note([]) == ""


def test_a_job_takes_the_method_it_is_told_unless_a_file_names_it(tmp_path):
    (tmp_path / "method.json").write_text(json.dumps({"method": "volume"}))
    assert method_of("flow", []) == "flow" and method_of("auto", [str(tmp_path / "method.json")]) == "volume"
