"""Tables of the comparison are written from the files of its runs, and only between their marks."""

import json

import pytest
from peers import page


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
    assert len(lines) == 4


def test_failures_are_shown_with_their_error(runs):
    text = page.failures(page.rows(runs, "cells"))
    assert "Biomedisa, fib25-20, run:" in text and "Error: No device found." in text
    assert page.failures([]) == "Nothing failed."


def test_a_page_is_rewritten_between_its_marks_only(runs, tmp_path):
    file = tmp_path / "comparison.md"
    marks = [
        f"<!-- {n}: written by make peers -->\nold\n<!-- end of {n} -->"
        for n in ("cells", "cells that failed")
    ]
    file.write_text("Before \\1\n" + "\nbetween\n".join(marks) + "\nafter\n")
    page.write(runs, file)
    text = file.read_text()
    assert text.startswith("Before \\1\n") and text.endswith("\nafter\n") and "\nbetween\n" in text
    assert "old" not in text and "ultraseg" in text and "No device found" in text
    page.write(runs, file)
    assert file.read_text() == text


def test_a_page_without_the_place_is_an_error():
    with pytest.raises(ValueError, match="no place for cells"):
        page.placed("nothing here", "cells", "x")


def test_the_page_of_the_repository_has_a_place_for_every_table():
    text = page.PAGE.read_text()
    for job in page.METHODS:
        for name in (job, f"{job} that failed"):
            page.placed(text, name, "x")
