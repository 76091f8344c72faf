"""The order of the tests, and a network that many of them take instead of training one of their own."""

from pathlib import Path

import pytest
from once import once

HERE = Path(__file__).parent
# No worker shall be alone with a long file at the end.
# Files that take more than a minute, the longest first, and what is left of their folders. Unit tests come after them,
# first those that load TensorFlow or start processes.
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
    "unit/train",
    "unit/networks",
    "unit/predict",
    "unit/run",
)


def place(file: Path) -> int:
    """Where the tests of a file come in the order."""
    name = file.relative_to(HERE).as_posix()
    return next((i for i, first in enumerate(LONGEST) if name.startswith(first)), len(LONGEST))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the files into this order; tests of one file stay as they stand there."""
    items.sort(key=lambda item: place(item.path))


@pytest.fixture(scope="session")
def disc_training(tmp_path_factory) -> Path:
    """A finished training that finds discs, which no test changes: tiles.h5, and its checkpoint in ck.

    ``train_network`` with these tiles, a copy of the checkpoint and ``disc_tiles.SMALL`` gives its result at once.
    """
    from disc_tiles import SMALL, disc_tiles
    from ultraseg.train.tiles import write_tiles
    from ultraseg.train.train_network import train_network

    def make(folder: Path) -> None:
        folder.mkdir()
        groups = [("train", "v", disc_tiles(z)) for z in range(4)] + [("validation", "v", disc_tiles(9))]
        write_tiles(folder / "tiles.h5", groups, channels=["disc"])
        train_network(folder / "tiles.h5", folder / "ck", SMALL)

    return once(tmp_path_factory, "discs", make)
