"""Cell labels carried through the gap between two labelled slices, from both sides, with image evidence."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np

from ultraseg.cells.flow import consistency_error, sample, warp_labels
from ultraseg.cells.fusion import fuse_slice
from ultraseg.cells.gap_ends import GapEnd, as_end
from ultraseg.cells.reconcile import foreground, readable, reconcile

log = logging.getLogger(__name__)

# Trust is a weight that falls steeply with distance; its tenth root is about the share of voxels that are
# right, measured on FIB-SEM neuropil with labels on every 10th to 40th slice, and keeps its precision in 8
# bits.
CONFIDENCE_ROOT = 0.1
# On FIB-SEM neuropil a hundredth leaves out a third of the work and 0.001 to 0.003 of the Dice.
SETTLED = 0.01


def carry(
    labels: np.ndarray,
    trust: np.ndarray,
    back: np.ndarray,
    there: np.ndarray,
    image: np.ndarray,
    interior: np.ndarray,
    boundary: np.ndarray,
    *,
    decay: float = 0.96,
    consistency_scale: float = 4.0,
    change_doubt: float = 0.5,
    membrane_doubt: float = 0.9,
    foreground_threshold: float = 0.5,
    void: int | None = None,
    **core,
) -> tuple[np.ndarray, np.ndarray]:
    """Carry labels and the trust in them to a neighbouring slice and reconcile them with its maps.

    labels: int32, trust: float32 (Y, X) of the source slice; back: (2, Y, X) flow target -> source, there:
    source -> target; image, interior, boundary: uint8 (Y, X) of the target. Trust falls by `decay` per slice,
    further where the two flows do not undo each other (e-fold per `consistency_scale` pixels), by the share
    `change_doubt` where the membranes moved a border over a pixel, and by up to `membrane_doubt` on a
    membrane: a cell carried across a membrane leads on with little trust. A slice that shows nothing takes
    the carried labels as they are. `void` is the label of what nobody labelled: it keeps its place, without trust.
    Returns labels and trust in the target slice.
    """
    carried = warp_labels(labels, back)
    trust = sample(trust, back) * (decay * np.exp(-consistency_error(back, there) / consistency_scale))
    seen = foreground(interior, boundary, threshold=foreground_threshold)
    nothing = np.zeros(carried.shape, bool) if void is None else carried == void
    if not readable(image, seen, np.where(nothing, 0, carried)):
        return carried, trust
    found = reconcile(np.where(seen | nothing, carried, 0), boundary, **core)
    if void is not None:
        nothing = found == void
    found = np.where(seen | nothing, found, 0)
    trust = trust * np.where(found == carried, 1, 1 - change_doubt) * ~nothing
    return found, (trust * (1 - membrane_doubt / 255 * boundary)).astype(np.float32)


def to_confidence(trust: np.ndarray) -> np.ndarray:
    """Trust 0..1 as confidence uint8, about the chance of being right times 255."""
    return np.rint(255 * np.clip(trust, 0, 1) ** CONFIDENCE_ROOT).astype(np.uint8)


def to_trust(confidence: np.ndarray) -> np.ndarray:
    """Confidence uint8 back to trust, float32 0..1."""
    return ((np.arange(256) / 255) ** (1 / CONFIDENCE_ROOT)).astype(np.float32)[confidence]


def fill_bad(
    labels: np.ndarray, confidence: np.ndarray, zs: Sequence[int], first: int, stand_ins: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Labels and confidence of all slices of a gap from those of its good slices.

    labels, confidence: (len(zs), Y, X) of the good slices ``zs``; stand_ins: for each slice of the gap, from
    ``first`` on, the good slice whose labels it shows (``GoodSlices.stand_ins``). Bad slices have confidence 0.
    """
    if len(zs) == len(stand_ins):
        return labels, confidence
    place = {z: i for i, z in enumerate(zs)}
    index = [place[z] for z in stand_ins]
    confidence = confidence[index]
    confidence[[i for i, z in enumerate(stand_ins) if z != first + i]] = 0
    return labels[index], confidence


def _fuse(below, above, below_trust, above_trust, boundary, void: int | None, **weights):
    """`fuse_slice`, where a side that knows nothing (void) takes the other one's labels."""
    if void is not None:
        no_below, no_above = below == void, above == void
        below, above = np.where(no_below, above, below), np.where(no_above, below, above)
        below_trust, above_trust = np.where(no_below, 0, below_trust), np.where(no_above, 0, above_trust)
    return fuse_slice(below, above, below_trust, above_trust, boundary, **weights)


def settle(
    labels: np.ndarray,
    confidence: np.ndarray,
    disputed: np.ndarray,
    walk: Callable,
    decide: Callable,
    *,
    sweeps: int,
) -> None:
    """Decide anew, in place, where the two sides brought different cells, from what the slices on either side show now.

    Fusion decides slice by slice, so that one slice may follow the labels from below and the next one those from above;
    sweeps up and down bring them together. Only disputed pixels change: elsewhere carrying labels once more would only
    let borders drift. labels: int32, confidence: uint8, disputed: bool (n, Y, X). walk: (z_from, z_to, labels, trust)
    -> labels and trust carried there; decide: (z, carried from below, carried from above) -> labels and trust of
    slice z, of which the first and the last are never asked for. A slice is looked at again when a neighbour changed in
    more than SETTLED of its disputed pixels.
    """
    open_slices = disputed.any(axis=(1, 2))
    open_slices[[0, -1]] = False
    waits = open_slices.copy()
    for sweep in range(sweeps):
        for z in np.flatnonzero(open_slices)[:: -1 if sweep % 2 else 1]:
            if not waits[z]:
                continue
            sides = [walk(s, z, labels[s], to_trust(confidence[s])) for s in (z - 1, z + 1)]
            found, trust = decide(z, *sides)
            here = disputed[z]
            changed = np.count_nonzero(found[here] != labels[z][here])
            labels[z][here] = found[here]
            confidence[z][here] = to_confidence(trust[here])
            waits[z] = False
            if changed > SETTLED * np.count_nonzero(here):
                waits[z - 1], waits[z + 1] = open_slices[z - 1], open_slices[z + 1]


def _check(image, flow, interior, boundary, first, last) -> None:
    if first is None and last is None:
        raise ValueError("a gap needs labels on its first or its last slice")
    n = len(image)
    if first is not None and last is not None and n < 2:
        raise ValueError("first and last labels need a gap of at least two slices")
    if interior.shape != image.shape or boundary.shape != image.shape:
        raise ValueError(f"maps {interior.shape}, {boundary.shape} do not match image {image.shape}")
    if flow.shape[1:] != (4, *image.shape[1:]) or len(flow) < n - 1:
        raise ValueError(f"flow {flow.shape} does not match image {image.shape}")
    for ids in (first, last):
        if ids is not None and ids.shape != image.shape[1:]:
            raise ValueError(f"labels {ids.shape} do not match slices {image.shape[1:]}")


def propagate_gap(
    image: np.ndarray,
    flow: np.ndarray,
    interior: np.ndarray,
    boundary: np.ndarray,
    first: np.ndarray | GapEnd | None,
    last: np.ndarray | GapEnd | None,
    *,
    zs: Sequence[int] | None = None,
    core_distance: float = 2.0,
    core_fraction: float = 0.5,
    edge_weight: float = 20.0,
    decay: float = 0.96,
    consistency_scale: float = 4.0,
    change_doubt: float = 0.5,
    membrane_doubt: float = 0.9,
    foreground_threshold: float = 0.5,
    contact_weight: float = 10.0,
    boundary_contrast: float = 10.0,
    size_exponent: float = 0.3,
    sweeps: int = 4,
    differ: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Cell ids on every slice of a gap from the user's ids on its first slice, its last, or both.

    Ids are carried slice by slice from each labelled end (`carry`) and fused where both ends arrive (`fuse_slice`);
    what they dispute is decided anew in up to `sweeps` sweeps (`settle`). image, interior, boundary: uint8 (n, Y, X),
    both labelled slices included; flow: (n or n - 1, 4, Y, X) as made by `stack_flow`; first, last: ids (Y, X) or
    None at an open end of the stack, 0 = not a cell. zs: slice numbers where bad slices are stepped over: trust falls
    by the distance, not by the step. differ: int64 (n,), takes the number of pixels per slice to which the two sides
    carried different ids, 0 where only one side arrives. Returns labels uint32 (n, Y, X), the user's ids unchanged on
    labelled slices, 0 = background or a cell that no label shows, and confidence uint8 (n, Y, X), 255 on labelled
    slices and about the chance of being right times 255 elsewhere. Memory: three arrays of the gap's size besides the
    input. Raises ValueError for shapes that do not fit.
    """
    first, last = as_end(first), as_end(last)
    _check(image, flow, interior, boundary, *(None if end is None else end.ids for end in (first, last)))
    step = dict(
        core_distance=core_distance,
        core_fraction=core_fraction,
        edge_weight=edge_weight,
        consistency_scale=consistency_scale,
        change_doubt=change_doubt,
        membrane_doubt=membrane_doubt,
        foreground_threshold=foreground_threshold,
    )
    fusion = dict(
        contact_weight=contact_weight, boundary_contrast=boundary_contrast, size_exponent=size_exponent
    )
    n = len(image)
    place = range(n) if zs is None else zs
    ends = {z: end for z, end in ((0, first), (n - 1, last)) if end is not None}
    proposals = {z: end.proposal() for z, end in ends.items()}
    ids, codes = np.unique(
        np.concatenate([[0], *(found.ravel() for found, _, _ in proposals.values())]), return_inverse=True
    )
    codes = codes[1:].astype(np.int32).reshape(len(ends), *image.shape[1:])
    void = len(ids)  # what nobody labelled and nothing reached
    ids = np.append(ids, 0)
    labels = np.zeros(image.shape, np.int32)
    confidence = np.zeros(image.shape, np.uint8)
    start = {}
    for (z, (_, certain, reached)), code in zip(proposals.items(), codes, strict=True):
        start[z] = np.where(reached, code, void), to_trust(certain)
        labels[z], confidence[z] = start[z][0], certain
    step["void"] = void if any(end.known is not None for end in ends.values()) else None
    # A slice that is labelled in part is filled from the other side as well.
    low, high = (end is not None and end.known is None for end in (first, last))

    def walk(z_from: int, z_to: int, source: np.ndarray, belief: np.ndarray):
        gap, up = min(z_from, z_to), z_to > z_from
        pair = flow[gap].astype(np.float32)
        there, back = (pair[:2], pair[2:]) if up else (pair[2:], pair[:2])
        kept = decay ** abs(place[z_to] - place[z_from])
        target = (image[z_to], interior[z_to], boundary[z_to])
        return carry(source, belief, back, there, *target, decay=kept, **step)

    def decide(z: int, below: tuple[np.ndarray, np.ndarray], above: tuple[np.ndarray, np.ndarray]):
        return _fuse(below[0], above[0], below[1], above[1], boundary[z], step["void"], **fusion)

    disputed = np.zeros(image.shape, bool)  # where two labelled ends brought different cells
    if first is not None:
        source, belief = start[0]
        for z in range(1, n - high):
            source, belief = walk(z - 1, z, source, belief)
            labels[z], confidence[z] = source, to_confidence(belief)
    if last is not None:
        source, belief = start[n - 1]
        for z in range(n - 1 - high, -1 + low, -1):
            if z < n - 1:
                source, belief = walk(z + 1, z, source, belief)
            fused, certain = source, belief
            if first is not None:
                unlike = (labels[z] != source) & (labels[z] != void) & (source != void)
                if differ is not None:
                    differ[z] = np.count_nonzero(unlike)
                disputed[z] = unlike & (labels[z] > 0) & (source > 0)
                fused, certain = decide(z, (labels[z], to_trust(confidence[z])), (source, belief))
            labels[z], confidence[z] = fused, to_confidence(certain)
    settle(labels, confidence, disputed, walk, decide, sweeps=sweeps)
    for z, code in zip(ends, codes, strict=True):
        if ends[z].known is not None:  # what the user drew is final
            labels[z][ends[z].known] = code[ends[z].known]
            confidence[z][ends[z].known] = 255
    if step["void"] is not None:
        confidence[labels == void] = 0
    log.info("gap of %d slices: %d ids, mean confidence %.2f", n, len(ids) - 2, confidence.mean() / 255)
    return ids.astype(np.uint32)[labels], confidence
