"""The order of the tests: files that take minutes begin first, so that no worker is alone with one at the end."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Files that take more than a minute, the longest first, and what is left of their folders. Unit tests come after them.
# The first two do without the whole run that others share: the second worker does not wait for the first to make it.
LONGEST = (
    "workflow/test_killed_runs.py",
    "slurm",
    "workflow/test_bad_slices.py",
    "workflow/test_finished_run.py",
    "workflow/test_slab_depth.py",
    "workflow/test_documented_commands.py",
    "workflow/test_map_runs.py",
    "workflow/test_label_runs.py",
    "browser",
    "workflow",
)


def place(file: Path) -> int:
    """Where the tests of a file come in the order."""
    name = file.relative_to(HERE).as_posix()
    return next((i for i, first in enumerate(LONGEST) if name.startswith(first)), len(LONGEST))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the files into this order; tests of one file stay as they stand there."""
    items.sort(key=lambda item: place(item.path))
