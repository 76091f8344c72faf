"""Tables of the comparison are written from the files of its runs, and only between their marks."""

import json

import pytest
from peers import page


@pytest.fixture(autouse=True)
def recorded(tmp_path, monkeypatch):
    """Rows of other benchmarks: ours, which the comparison has itself in these tests, and one that it has not."""
    old = {"job": "cells", "task": "fib25-20", "cpu_seconds": 600, "of": "training alone", "commit": "old"}
    rows = [
        old | {"title": "ultraseg", "scores": {"cells dice": 0.5, "cells adapted_rand_error": 0.5}},
        old | {"title": "older", "scores": {"cells dice": 0.7, "cells adapted_rand_error": 0.2}},
    ]
    file = tmp_path / "recorded.json"
    file.write_text(json.dumps(rows))
    monkeypatch.setattr(page, "RECORDED", file)


@pytest.fixture
def runs(tmp_path):
    def keep(method, kind, **about):
        folder = tmp_path / "cells/fib25-20" / method
        folder.mkdir(parents=True, exist_ok=True)
        (folder / kind).write_text(json.dumps(about))

    cost = {
        "cpu_seconds": 90.0,
        "seconds": 60.0,
        "peak_mb": 512,
        "status": 0,
        "stopped": False,
        "commit": "abc",
    }
    keep("ours", "result.json", scores={"cells dice": 0.9, "cells adapted_rand_error": 0.1}, **cost)
    keep("shape", "result.json", scores={"cells dice": 0.8, "cells adapted_rand_error": 0.05}, **cost)
    keep("biomedisa", "failed.json", step="run", error="Error: No device found.", status=1)
    return tmp_path


def test_the_best_of_each_column_is_bold_whoever_it_is(runs):
    lines = page.table(page.rows(runs, "cells"), "cells").splitlines()
    assert "| fib25-20 | ultraseg | **0.900** | 0.100 | 1.5 | 512 | abc |" in lines
    assert "| fib25-20 | shape interpolation | 0.800 | **0.050** | 1.5 | 512 | abc |" in lines
    assert len(lines) == 5


def test_a_recorded_row_stands_until_the_comparison_has_its_own(runs):
    lines = page.table(page.rows(runs, "cells"), "cells").splitlines()
    assert "| fib25-20 | older | 0.700 | 0.200 | 10.0 (training alone) |  | old |" in lines
    assert not any("0.500" in line for line in lines)
    (runs / "cells/fib25-20/ours/result.json").unlink()
    lines = page.table(page.rows(runs, "cells"), "cells").splitlines()
    assert "| fib25-20 | ultraseg | 0.500 | 0.500 | 10.0 (training alone) |  | old |" in lines


def test_a_new_clone_shows_all_rows_and_what_failed(runs, tmp_path):
    found = {"cells": page.rows(runs, "cells")}
    page.record(found)
    again = page.rows(tmp_path / "none", "cells")
    assert page.table(again, "cells") == page.table(found["cells"], "cells")
    assert page.failures(again) == page.failures(found["cells"]) != page.failures([])
    assert "Biomedisa (fib25-20" not in page.missing(tmp_path / "none", "cells")


def test_recording_again_and_again_changes_no_figure(runs, tmp_path):
    row = {"kind": "result.json", "task": "fib25-20", "title": "ultraseg", "cpu_seconds": 6, "commit": "c"}
    found = [row | {"scores": {"cells dice": 0.909081, "cells adapted_rand_error": 0.036519}}]
    shown = page.table(found, "cells")
    for _ in range(2):
        page.record({"cells": found})
        found = page.rows(tmp_path / "none", "cells")
        assert page.table(found, "cells") == shown and "0.037" in shown


def test_a_failure_does_not_take_the_place_of_a_row(runs):
    page.record({"cells": page.rows(runs, "cells")})
    (runs / "cells/fib25-20/shape/result.json").rename(runs / "cells/fib25-20/shape/failed.json")
    (runs / "cells/fib25-20/shape/failed.json").write_text(json.dumps({"step": "run", "error": "cut off"}))
    found = page.rows(runs, "cells")
    assert [row["kind"] for row in found if row["title"] == "shape interpolation"] == [
        "result.json",
        "failed.json",
    ]


def test_figures_that_are_equal_as_shown_are_both_the_best():
    one = {"kind": "result.json", "task": "t", "cpu_seconds": 6, "peak_mb": 1, "commit": "c"}
    values = {"cells dice": 0.9001, "cells adapted_rand_error": 0.1}
    rows = [
        one | {"title": "a", "scores": values},
        one | {"title": "b", "scores": values | {"cells dice": 0.9004}},
    ]
    assert page.table(rows, "cells").count("**0.900**") == 2


def test_failures_are_shown_with_their_error(runs):
    text = page.failures(page.rows(runs, "cells"))
    assert "Biomedisa, fib25-20, run:" in text and "Error: No device found." in text
    assert page.failures([]) == "Nothing failed that was run."


def test_what_is_still_to_be_run_is_named(runs, monkeypatch):
    monkeypatch.setitem(page.TASKS, "cells", ["fib25-20", "fib25-40"])
    text = page.missing(runs, "cells")
    assert (
        "ultraseg (fib25-40)" in text
        and "Biomedisa (fib25-40)" in text
        and "u-Segment3D (fib25-20, fib25-40)" in text
    )
    monkeypatch.setattr(page, "METHODS", {"cells": {"ours": page.METHODS["cells"]["ours"]}})
    monkeypatch.setitem(page.TASKS, "cells", ["fib25-20"])
    assert page.missing(runs, "cells") == "Everything was run."


def test_a_page_is_rewritten_between_its_marks_only(runs, tmp_path):
    file = tmp_path / "comparison.md"
    marks = [
        f"<!-- {n}: written by make peers -->\nstale\n<!-- end of {n} -->"
        for n in ("cells", "cells that failed")
    ]
    file.write_text("Before \\1\n" + "\nbetween\n".join(marks) + "\nafter\n")
    page.write(runs, file)
    text = file.read_text()
    assert text.startswith("Before \\1\n") and text.endswith("\nafter\n") and "\nbetween\n" in text
    assert "stale" not in text and "ultraseg" in text and "No device found" in text
    page.write(runs, file)
    assert file.read_text() == text


def test_a_page_without_the_place_is_an_error():
    with pytest.raises(ValueError, match="no place for cells"):
        page.placed("nothing here", "cells", "x")


STRUCTURES = {"vnc": ("mitochondria", "membrane")}


def test_the_recorded_rows_of_the_repository_have_the_columns_of_their_volume():
    rows = json.loads((page.ROOT / "benchmarks/peers/recorded.json").read_text())
    for row in rows:
        if row.get("kind") == "failed.json":
            assert row["error"] and row["step"] in ("installation", "run")
            continue
        columns = {*page.COLUMNS[row["job"]].values()}
        if row["job"] == "organelles":
            columns = {f"{structure} dice" for structure in STRUCTURES[row["task"]]} & columns
        assert row["task"] in page.TASKS[row["job"]] and {*row["scores"]} == columns


def test_a_volume_without_a_structure_leaves_its_column_empty(runs):
    for method, scores in {"nnunet": (0.5, 0.25), "biapy": (0.4, 0.75)}.items():
        folder = runs / "organelles/vnc" / method
        folder.mkdir(parents=True)
        found = dict(zip(("mitochondria dice", "membrane dice"), scores, strict=True))
        about = {"scores": found, "cpu_seconds": 60.0, "peak_mb": 9, "commit": "abc"}
        (folder / "result.json").write_text(json.dumps(about))
    lines = page.table(page.rows(runs, "organelles"), "organelles").splitlines()
    assert lines[-2] == "| vnc | nnU-Net v2 | **0.500** | 0.250 |  |  |  | 1.0 | 9 | abc |"
    assert lines[-1] == "| vnc | BiaPy | 0.400 | **0.750** |  |  |  | 1.0 | 9 | abc |"


def test_the_page_of_the_repository_has_a_place_for_every_table():
    text = page.PAGE.read_text()
    for job in page.METHODS:
        for name in (job, f"{job} that failed"):
            page.placed(text, name, "x")


def test_what_was_recorded_before_is_not_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "TASKS", {"cells": ["fib25-20"]})
    assert "ultraseg" not in page.missing(tmp_path / "no runs", "cells")
    page.RECORDED.write_text("[]")
    assert "ultraseg (fib25-20)" in page.missing(tmp_path / "no runs", "cells")
