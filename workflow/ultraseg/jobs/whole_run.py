"""Files that a whole run makes, and the job that verifies them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ultraseg.grid.cut_maps import bricks
from ultraseg.grid.paths import VolumeFiles, metadata, shard_file
from ultraseg.jobs.spec import JobSpec, Rate, Wildcards, every_slab

if TYPE_CHECKING:
    from ultraseg.plan.plan import Plan


def whole_image(plan: Plan, volume: str) -> list[str]:
    """Everything that makes the image and its labels readable as one OME-Zarr."""
    v, files = plan.volumes[volume], VolumeFiles.of(volume)
    groups = [files.image, *(files.labels(s) for s in plan.structures_in(volume))]
    found = [metadata(group) for group in (*groups, files.label_images)]
    for group in groups:
        for level in range(plan.config["pyramid_levels"]):
            array = f"{group}/{level}"
            found += [metadata(array), *every_slab(v, array)]
    return found


def whole_work(plan: Plan, volume: str) -> list[str]:
    """Every intermediate slab and gap: Snakemake makes a deleted file again only where a rule asks for the file."""
    v, files = plan.volumes[volume], VolumeFiles.of(volume)
    found = [files.label_fit(s) for s in plan.structures if v.taught(s)]
    arrays = [(files.probability(name), True) for name in plan.networks_of(volume)]
    if plan.has_cells(volume):
        arrays += [(files.flow, True), (files.pieces, False)]
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
