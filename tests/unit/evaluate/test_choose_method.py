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


def write_tries(folder, known=None):
    """Two slices; "flow" finds the first one exactly and the second one shifted, "volume" shifts both."""
    known = np.ones(SHAPE, np.uint8) if known is None else known
    found = {"flow": {}, "volume": {}}
    for method, slices in {"flow": (TRUTH, SHIFTED), "volume": (SHIFTED, SHIFTED)}.items():
        for z, labels in zip((4, 8), slices, strict=True):
            found[method][z] = str(folder / f"{method}{z}.h5")
            drawn = {"labels": labels, "drawn": TRUTH, "known": known}
            write_slices(found[method][z], SHAPE, [(z, drawn)])
    return found


@pytest.fixture
def tried(tmp_path):
    return write_tries(tmp_path)


def test_the_better_method_is_chosen_and_the_scores_of_both_are_told(tried):
    found = compare_methods(tried)
    assert found["method"] == "flow" and found["slices"] == [4, 8]
    assert found["scores"]["flow"]["dice"] > found["scores"]["volume"]["dice"] > 0.5
    assert found["scores"]["flow"]["adapted_rand_error"] < found["scores"]["volume"]["adapted_rand_error"]
    assert compare_methods({"flow": tried["volume"], "volume": tried["flow"]})["method"] == "volume"


def test_what_nobody_labelled_does_not_count(tmp_path):
    known = np.zeros(SHAPE, np.uint8)
    known[:, 6:12] = 1  # the shifted cell covers all of this part as well
    found = compare_methods(write_tries(tmp_path, known))
    assert found["scores"]["flow"]["dice"] == found["scores"]["volume"]["dice"] == 1
    assert found["method"] == "flow"  # of equal ones the first


def test_the_summary_tells_what_was_chosen_and_why(tried, tmp_path):
    (tmp_path / "method.json").write_text(json.dumps(compare_methods(tried)))
    note = method_note([str(tmp_path / "method.json")])
    assert note.startswith(
        "Ids of cells were carried slice by slice along the optical flow. On 2 labelled slices"
    )
    assert "in three dimensions at once: Dice 0.768 and adapted" in note and method_note([]) == ""


def test_a_job_takes_the_method_it_is_told_unless_a_file_names_it(tmp_path):
    (tmp_path / "method.json").write_text(json.dumps({"method": "volume"}))
    assert method_of("flow", []) == "flow" and method_of("auto", [str(tmp_path / "method.json")]) == "volume"
