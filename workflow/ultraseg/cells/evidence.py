"""What image, flow and maps tell of some slices, as optical flow carries ids over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ultraseg.cells.flow import stack_flow
from ultraseg.cells.fragments import Given, Place
from ultraseg.cells.gap_ends import GapEnd
from ultraseg.cells.propagate import propagate_gap
from ultraseg.storage.arrays import read_listed
from ultraseg.storage.slice_stacks import image_stack

# Over the few slices near a labelled one a coarse flow carries ids as well as that of all slices, in a tenth of the
# time (docs/results/cells.md).
QUICK_FLOW: dict[str, Any] = {"preset": "ultrafast", "upscale": 1, "finest_scale": 1}


class Evidence(NamedTuple):
    """Image, flow, interior and boundary of the slices ``zs``, as `propagate_gap` takes them."""

    zs: Sequence[int]
    image: NDArray[np.uint8]
    flow: NDArray[np.floating[Any]]
    interior: NDArray[np.uint8]
    boundary: NDArray[np.uint8]


def read_evidence(
    image: str, flow: str, probability: str, zs: Sequence[int], *, channels: Sequence[int], downsample: int
) -> Evidence:
    """The evidence of the good slices ``zs`` in order; image, flow, probability: paths of arrays.

    channels: those of interior and boundary; downsample: of the network of the cells.
    """
    flows = read_listed(flow, zs[:-1] or zs)
    return Evidence(zs, image_stack(image, zs, downsample), flows, *_maps(probability, zs, channels))


def read_near(
    image: str,
    probability: str,
    zs: Sequence[int],
    *,
    channels: Sequence[int],
    downsample: int,
    place: Place | None = None,
    flow: Mapping[str, Any] = QUICK_FLOW,
) -> Evidence:
    """As `read_evidence`, with a flow that is made here and now (settings of `slice_flow`).

    place: the rows and columns of the slices that are meant; None for all.
    """
    stack = image_stack(image, zs, downsample, place)
    return Evidence(zs, stack, stack_flow(stack, **flow), *_maps(probability, zs, channels, place))


def _maps(
    probability: str, zs: Sequence[int], channels: Sequence[int], place: Place | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Interior and boundary of the slices, each (n, Y, X); all channels lie in one file, which is read once."""
    maps = read_listed(probability, zs, () if place is None else (slice(None), *place))
    interior, boundary = (maps[:, channel] for channel in channels)
    return interior, boundary


def carried_seeds(
    evidence: Evidence,
    end: GapEnd,
    steps: Sequence[int],
    *,
    upwards: bool,
    min_confidence: float,
    **settings: Any,
) -> list[Given]:
    """What optical flow brings to the steps near a labelled slice: seeds for the cells of a gap.

    evidence: of the labelled slice and of the slices that follow it upwards, or that lead down to it otherwise; steps:
    the slices of the gap that get cells from cuts; min_confidence: below it, 0..1, nothing is known; settings: of
    `propagate_gap`. A cell that shows a few pixels on the labelled slice is larger a few slices away.
    """
    zs, image, flow, interior, boundary = evidence
    ends = (end, None) if upwards else (None, end)
    labels, confidence = propagate_gap(image, flow, interior, boundary, *ends, zs=zs, **settings)
    known = confidence >= 255 * min_confidence
    labelled, place = zs[0] if upwards else zs[-1], {z: i for i, z in enumerate(steps)}
    return [Given(place[z], labels[i], known[i]) for i, z in enumerate(zs) if z in place and z != labelled]
