"""Files that a whole run makes, and the job that verifies them."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ultraseg.grid.cut_maps import bricks
from ultraseg.grid.paths import VolumeFiles, metadata, shard_file
from ultraseg.jobs.spec import JobSpec, Rate, Wildcards, every_slab

if TYPE_CHECKING:
    from ultraseg.plan.plan import Plan


def whole_image(plan: Plan, volume: str) -> list[str]:
    """Everything that makes the image and its labels readable as one OME-Zarr."""
    return _descriptions(plan, volume) + [file for files in _pyramids(plan, volume) for file in files]


def asked_of_image(plan: Plan, volume: str) -> list[str]:
    """What a whole run asks for of the image and its labels: of each slab the file of one pyramid level.

    The job of the slab writes all levels, so one file brings them all, and Snakemake takes its time with each file that
    is asked for. It notices the loss of those files only. So where a level is missing on disk, its file is asked for.
    """
    return _descriptions(plan, volume) + [_missing_first(files) for files in _pyramids(plan, volume)]


def _missing_first(files: list[str]) -> str:
    return next((file for file in files if not os.path.exists(file)), files[0])


def _groups(plan: Plan, volume: str) -> list[str]:
    """The OME-Zarr groups of the image and of each structure's final labels."""
    files = VolumeFiles.of(volume)
    return [files.image, *(files.labels(s) for s in plan.structures_in(volume))]


def _descriptions(plan: Plan, volume: str) -> list[str]:
    """The zarr.json of all groups and of all their arrays."""
    groups, levels = _groups(plan, volume), range(plan.config["pyramid_levels"])
    arrays = [f"{group}/{level}" for group in groups for level in levels]
    return [metadata(path) for path in (*groups, VolumeFiles.of(volume).label_images, *arrays)]


def _pyramids(plan: Plan, volume: str) -> list[list[str]]:
    """For every slab of every group the files of all pyramid levels: what one job writes."""
    slabs, levels = plan.volumes[volume].slabs, range(plan.config["pyramid_levels"])
    return [
        [shard_file(f"{group}/{level}", slab) for level in levels]
        for group in _groups(plan, volume)
        for slab in slabs
    ]


def whole_work(plan: Plan, volume: str) -> list[str]:
    """Every intermediate slab and gap: Snakemake makes a deleted file again only where a rule asks for the file."""
    v, files = plan.volumes[volume], VolumeFiles.of(volume)
    found = [files.label_fit(s) for s in plan.structures if v.taught(s)]
    arrays = [(files.probability(name), True) for name in plan.networks_of(volume)]
    if plan.has_cells(volume):
        arrays += [(files.pieces, False), *([(files.flow, True)] if plan.has_flow(volume) else [])]
        found += [files.propagated(gap.name) for gap in plan.gaps(volume)]
        if plan.has_cuts(volume):
            count = len(bricks(plan.cut_count(volume)))
            found += [metadata(files.cuts), *(shard_file(files.cuts, brick, 4) for brick in range(count))]
    for array, channels in arrays:
        found += [metadata(array), *every_slab(v, array, channels)]
    return found


@dataclass(frozen=True)
class Verify(JobSpec):
    """Reads all results of a run; the script is told the configuration as the user gave it, and makes the plan anew."""

    rate: ClassVar[Rate] = Rate(1.0, 0.01, 200, 80)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Verify:
        return cls()

    def pixels(self, plan: Plan) -> tuple[float, float]:
        voxels = sum(math.prod(v.shape) * (2 + len(v.labels)) for v in plan.volumes.values())
        return voxels, max(math.prod(v.plane(1)) for v in plan.volumes.values())
