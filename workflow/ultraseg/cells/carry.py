"""Labels carried to the neighbouring slice of a gap, and the disputes of the two sides settled there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ultraseg.cells.flow import consistency_error, sample, warp_labels
from ultraseg.cells.fragments import Given
from ultraseg.cells.fusion import fuse_slice
from ultraseg.cells.reconcile import foreground, readable, reconcile
from ultraseg.cells.trust import to_confidence, to_trust

# On FIB-SEM neuropil a hundredth leaves out a third of the work and 0.001 to 0.003 of the Dice.
SETTLED = 0.01


class Carried(NamedTuple):
    """What one side brings to a slice: label codes int32 and the trust in them, float32 0..1; both (Y, X)."""

    labels: NDArray[np.int32]
    trust: NDArray[np.float32]


class SliceMaps(NamedTuple):
    """Image and maps of one slice, uint8 (Y, X) each."""

    image: NDArray[np.uint8]
    interior: NDArray[np.uint8]
    boundary: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class CarrySettings:
    """How ids are carried, reconciled with the maps and fused: the keys of the configuration's ``propagate``.

    core_distance, core_fraction, edge_weight: see ``reconcile``. decay: share of the trust that is left after one
    slice. consistency_scale: pixels by which a point may miss its start, when it follows both flows, until its trust
    falls to 1/e. change_doubt: share of the trust that is lost where membranes moved a border. membrane_doubt: share
    that is lost on a membrane. contact_weight, boundary_contrast, size_exponent: see ``fuse_slice``. sweeps: how often
    disputes are settled anew, at most.
    """

    core_distance: float = 2.0
    core_fraction: float = 0.5
    edge_weight: float = 20.0
    decay: float = 0.96
    consistency_scale: float = 4.0
    change_doubt: float = 0.5
    membrane_doubt: float = 0.9
    foreground_threshold: float = 0.5
    contact_weight: float = 10.0
    boundary_contrast: float = 10.0
    size_exponent: float = 0.3
    sweeps: int = 4


def carry(
    source: Carried,
    back: NDArray[np.float32],
    there: NDArray[np.float32],
    target: SliceMaps,
    settings: CarrySettings,
    *,
    distance: int = 1,
    void: int | None = None,
) -> Carried:
    """Carry labels and the trust in them to another slice and reconcile them with its maps.

    back: (2, Y, X) flow from the target slice to the source slice; there: flow from the source to the target;
    distance: slices between them. Trust falls for four reasons: the distance, flows that do not undo each other, a
    border that the membranes moved by more than a pixel, and a membrane at the pixel itself. The last reason makes
    sure that a cell which is carried across a membrane leads on with little trust. A slice that shows nothing takes
    the carried labels as they are. `void` is the label of what nobody labelled: it keeps its place, without trust.
    """
    carried = warp_labels(source.labels, back)
    decay = settings.decay**distance
    trust = sample(source.trust, back) * (
        decay * np.exp(-consistency_error(back, there) / settings.consistency_scale)
    )
    seen = foreground(target.interior, target.boundary, threshold=settings.foreground_threshold)
    nothing = np.zeros(carried.shape, bool) if void is None else carried == void
    if not readable(target.image, seen, np.where(nothing, 0, carried)):
        return Carried(carried, trust)
    found = reconcile(
        np.where(seen | nothing, carried, 0),
        target.boundary,
        core_distance=settings.core_distance,
        core_fraction=settings.core_fraction,
        edge_weight=settings.edge_weight,
    )
    if void is not None:
        nothing = found == void
    found = np.where(seen | nothing, found, 0)
    trust = trust * np.where(found == carried, 1, 1 - settings.change_doubt) * ~nothing
    return Carried(found, (trust * (1 - settings.membrane_doubt / 255 * target.boundary)).astype(np.float32))


@dataclass(frozen=True)
class GapSlices:
    """The good slices of a gap: image, interior, boundary uint8 (n, Y, X), and what leads from one to the next.

    flow: (n or n - 1, 4, Y, X) as made by `stack_flow`; zs: slice numbers; void: label code of what nobody labelled,
    None where labelled slices are labelled as a whole; planes: label codes of planes across the slices, which hold
    whatever is carried there.
    """

    image: NDArray[np.uint8]
    interior: NDArray[np.uint8]
    boundary: NDArray[np.uint8]
    flow: NDArray[np.floating[Any]]
    zs: Sequence[int]
    settings: CarrySettings
    void: int | None = None
    planes: Sequence[Given] = ()

    def carry(self, origin: int, to: int, source: Carried) -> Carried:
        """What ``source``, the labels of slice ``origin``, becomes on the neighbouring slice ``to``."""
        pair = self.flow[min(origin, to)].astype(np.float32)
        there, back = (pair[:2], pair[2:]) if to > origin else (pair[2:], pair[:2])
        target = SliceMaps(self.image[to], self.interior[to], self.boundary[to])
        distance = abs(self.zs[to] - self.zs[origin])
        found = carry(source, back, there, target, self.settings, distance=distance, void=self.void)
        return self._with_planes(to, found)

    def _with_planes(self, z: int, found: Carried) -> Carried:
        """What planes across the slices show of slice z takes the place of what was found there."""
        if not self.planes:
            return found
        labels, trust = found.labels.copy(), found.trust.copy()
        for plane in self.planes:
            here = np.ones(plane.ids.shape[1], bool) if plane.known is None else plane.known[z]
            plane.line_in(labels)[here] = plane.ids[z][here]
            plane.line_in(trust)[here] = 1
        return Carried(labels, trust)

    def fuse(self, z: int, below: Carried, above: Carried) -> Carried:
        """`fuse_slice` on slice z; a side that brings nothing (void) takes the other side's labels, without trust."""
        low, high = below, above
        if self.void is not None:
            no_below, no_above = below.labels == self.void, above.labels == self.void
            low = Carried(np.where(no_below, above.labels, below.labels), np.where(no_below, 0, below.trust))
            high = Carried(np.where(no_above, low.labels, above.labels), np.where(no_above, 0, above.trust))
        found = fuse_slice(
            low.labels,
            high.labels,
            low.trust,
            high.trust,
            self.boundary[z],
            contact_weight=self.settings.contact_weight,
            boundary_contrast=self.settings.boundary_contrast,
            size_exponent=self.settings.size_exponent,
        )
        return self._with_planes(z, Carried(*found))


def settle_disputes(
    labels: NDArray[np.int32],
    confidence: NDArray[np.uint8],
    disputed: NDArray[np.bool_],
    carry_to: Callable[[int, int, Carried], Carried],
    fuse: Callable[[int, Carried, Carried], Carried],
    *,
    sweeps: int,
) -> None:
    """Decide anew, in place, where the two sides brought different cells, from what the neighbouring slices show now.

    Fusion decides slice by slice, so that one slice may follow the labels from below and the next one those from
    above. Sweeps up and down bring such slices together. Only disputed pixels change: elsewhere a border without a
    membrane would drift further with every sweep. labels: int32, confidence: uint8, disputed: bool (n, Y, X).
    carry_to, fuse: as `GapSlices.carry` and `GapSlices.fuse`; the first and the last slice are never fused. A slice is
    looked at again when a neighbour changed in more than SETTLED of its disputed pixels.
    """
    open_slices = [bool(here.any()) for here in disputed]
    open_slices[0] = open_slices[-1] = False
    waits = list(open_slices)
    order = [z for z, is_open in enumerate(open_slices) if is_open]
    for sweep in range(sweeps):
        for z in order[:: -1 if sweep % 2 else 1]:
            if not waits[z]:
                continue
            below, above = (
                carry_to(s, z, Carried(labels[s], to_trust(confidence[s]))) for s in (z - 1, z + 1)
            )
            found, trust = fuse(z, below, above)
            here = disputed[z]
            changed = np.count_nonzero(found[here] != labels[z][here])
            labels[z][here] = found[here]
            confidence[z][here] = to_confidence(trust[here])
            waits[z] = False
            if changed > SETTLED * np.count_nonzero(here):
                waits[z - 1], waits[z + 1] = open_slices[z - 1], open_slices[z + 1]
