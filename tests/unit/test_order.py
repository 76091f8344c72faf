"""Files of tests that take minutes begin first."""

import runpy
import tomllib
from pathlib import Path
from types import SimpleNamespace

TESTS = Path(__file__).parents[1]
ORDER = runpy.run_path(str(TESTS / "conftest.py"))


def test_every_name_in_the_order_is_there():
    assert all((TESTS / name).exists() for name in ORDER["LONGEST"])


def test_long_files_come_first_and_tests_of_a_file_stay_in_order():
    files = ["unit/grid/test_slabs.py", "workflow/test_profiles.py", "slurm/test_slurm.py"]
    files = [TESTS / name for name in files]
    items = [SimpleNamespace(path=file, name=name) for file in files for name in "ba"]
    ORDER["pytest_collection_modifyitems"](items)
    assert [(item.path, item.name) for item in items] == [
        (file, name) for file in files[::-1] for name in "ba"
    ]


def test_workers_do_not_bring_the_files_into_an_order_of_their_own():
    """Otherwise pytest-xdist begins with the files that have most tests: those with few, long ones come last."""
    options = tomllib.loads((TESTS.parent / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert "--no-loadscope-reorder" in options["addopts"].split()
