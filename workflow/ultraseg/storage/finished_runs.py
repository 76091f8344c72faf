"""The volumes of a finished run."""

from __future__ import annotations

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
    """The volume to open: that of this name, or the only one. Raises UserError that lists them."""
    found = volumes_of(directory)
    if name in found or (not name and len(found) == 1):
        return name or found[0]
    problem = f"no volume {name} in {directory}" if name else f"{directory} has {len(found)} volumes"
    raise UserError(problem, f"Choose with --volume (make view VOLUME=...): {', '.join(found)}.")
