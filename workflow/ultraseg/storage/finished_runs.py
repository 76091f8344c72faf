"""The volumes of a run that has images, in any folder."""

from __future__ import annotations

from pathlib import Path

from ultraseg.base.errors import UserError
from ultraseg.grid.paths import IMAGE, METADATA, RESULTS


def volumes_of(directory: str | Path) -> list[str]:
    """The volumes whose image the run in ``directory`` has begun. Raises UserError where there is none."""
    results = Path(directory, RESULTS)
    found = sorted(file.parents[1].name for file in results.glob(f"*/{IMAGE}/{METADATA}"))
    if not found:
        raise UserError(
            f"{results.absolute()}: no volume with an image here",
            "Give the folder that the run was made in: --directory FOLDER (make view DIRECTORY=FOLDER).",
        )
    return found


def choose_volume(directory: str | Path, name: str | None) -> str:
    """The volume of this name, or without a name the only volume. Raises UserError that lists the volumes."""
    found = volumes_of(directory)
    if name in found or (not name and len(found) == 1):
        return name or found[0]
    problem = f"no volume {name} in {directory}" if name else f"{directory} has {len(found)} volumes"
    raise UserError(problem, f"Choose with --volume (make view VOLUME=...): {', '.join(found)}.")
