"""Cuts of bricks from the planes across the slices."""

import numpy as np
from ultraseg.grid.cut_maps import OFFSETS, USED_OFFSETS
from ultraseg.networks.channels import cut_channels, cut_of
from ultraseg.predict.across import brick_cuts, predict_across

CHANNELS = cut_channels("cells", OFFSETS)


def exact(planes):
    """A network that predicts the true cuts of grey values in the middle one of its slices."""
    grey = planes[..., planes.shape[-1] // 2]
    out = np.zeros((*grey.shape, len(CHANNELS)), np.float32)
    for k, name in enumerate(CHANNELS):
        axis, offset = cut_of(name)
        out[..., k] = grey != np.roll(grey, -offset, axis=axis + 1)
    return out


def cells(depth=20):
    return np.random.default_rng(1).integers(0, 3, (depth, 16, 24)).astype(np.uint8)


def slices_of(volume):
    """What the network predicts of the slices themselves, uint8 (n, K, Y, X)."""
    return np.rint(255 * exact(volume[..., None].astype(np.float32)).transpose(0, 3, 1, 2)).astype(np.uint8)


def test_an_exact_network_gives_exact_cuts_along_all_axes():
    volume = cells()
    found = brick_cuts(
        exact, volume[2:], slices_of(volume)[5:15], slice(3, 13), z_context=1, channels=CHANNELS
    )
    assert found.shape == (3, len(USED_OFFSETS), 10, 16, 24)
    for axis in range(3):
        for k, offset in enumerate(USED_OFFSETS):
            true = 255 * (volume != np.roll(volume, -offset, axis))[5:15].astype(np.uint8)
            inside = tuple(slice(None, -3) if a == axis and axis else slice(None) for a in range(3))
            assert np.array_equal(found[axis, k][inside], true[inside]), (axis, offset)


def test_a_plane_does_not_depend_on_how_many_go_through_together(monkeypatch):
    volume = cells()
    settings = dict(z_context=1, channels=CHANNELS)
    together = np.stack(list(predict_across(exact, volume, 1, **settings)))
    monkeypatch.setattr("ultraseg.predict.across.PIXELS", 1)
    alone = np.stack(list(predict_across(exact, volume, 1, **settings)))
    assert together.shape == (16, len(CHANNELS), 20, 24) and np.array_equal(together, alone)


def test_the_network_sees_the_neighbours_of_a_plane_and_the_edge_plane_repeats():
    seen = []

    def run(planes):
        seen.append(planes.copy())
        return exact(planes)

    volume = np.broadcast_to(np.arange(16, dtype=np.uint8)[None, :, None], (20, 16, 24))
    list(predict_across(run, volume, 1, z_context=2, channels=CHANNELS))
    assert seen[0][0, 0, 0].tolist() == [0, 0, 0, 1, 2] and seen[0][15, 0, 0].tolist() == [13, 14, 15, 15, 15]
