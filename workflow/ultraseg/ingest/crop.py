"""The part of a stack that a run looks at (``roi``): z, y, x ranges, first voxel included and last one excluded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ultraseg.base.errors import UserError
from ultraseg.formats.slice_source import SliceSource

Roi = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


def resolve_roi(given: Mapping[str, Sequence[int]] | None, shape: Sequence[int], where: str) -> Roi:
    """Ranges of all three axes of a stack of ``shape`` (z, y, x). Raises one UserError for all that lie outside it."""
    ranges, problems = {}, []
    for axis, size in zip("zyx", shape, strict=True):
        start, stop = (given or {}).get(axis, (0, size))
        ranges[axis] = (start, stop)
        if not 0 <= start < stop <= size:
            problems.append(f"{axis} [{start}, {stop}] is no part of 0 to {size}")
    if problems:
        raise UserError(
            f"{where}.roi: {'; '.join(problems)} (the image has {' x '.join(map(str, shape))} voxels in z, y, x)",
            "Give [start, stop] in voxels of the whole stack, counted from 0, stop excluded.",
        )
    return ranges["z"], ranges["y"], ranges["x"]


def shift_source(source: SliceSource, start: int) -> SliceSource:
    """The same slices counted from slice ``start``: those before it become negative."""
    slices = tuple(ref._replace(z=ref.z - start) for ref in source.slices)
    return replace(source, slices=slices, first_number=source.first_number + start)


def crop_source(source: SliceSource, roi: Roi) -> SliceSource:
    """The slices of a source that lie in the roi, counted from its first slice."""
    start, stop = roi[0]
    shifted = shift_source(source, start)
    return replace(shifted, slices=tuple(shifted.range(0, stop - start)))
