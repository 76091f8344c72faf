"""The volumes of a finished run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ultraseg.base.errors import UserError


def volumes_of(directory: str | Path) -> list[str]:
    """Volumes that a run has made an image of. Raises UserError when there are none."""
    found = sorted(file.parents[1].name for file in Path(directory, "results").glob("*/image.zarr/zarr.json"))
    if not found:
        raise UserError(
            f"{Path(directory, 'results').absolute()}: no volume with an image here",
            "Give the folder that the run was made in: --directory FOLDER (make view DIRECTORY=FOLDER).",
        )
    return found


def choose_volume(directory: str | Path, name: str | None) -> str:
    """The volume of this name, or without a name the only volume. Raises UserError that lists the volumes."""
    return choose(name, volumes_of(directory), str(directory))


def choose(name: str | None, known: Sequence[str], run: str = "the run") -> str:
    """The volume of this name, or without a name the only known volume. Raises UserError that lists the volumes."""
    if name in known or (not name and len(known) == 1):
        return name or known[0]
    problem = f"no volume {name} in {run}" if name else f"{run} has {len(known)} volumes"
    raise UserError(problem, f"Choose with --volume (make view VOLUME=...): {', '.join(known)}.")
