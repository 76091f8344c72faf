"""Sizes of networks agree with the networks that are built."""

import keras
import pytest
from ultraseg.networks.architecture import build_network
from ultraseg.networks.sizes import (
    FILTERS,
    STRIDE,
    fitting_tile,
    macs_per_pixel,
    network_stride,
    tile_overlap,
    tile_stride,
    tiles_along,
)

SIDE = 64


def counted(model: keras.Model) -> float:
    """Multiply-adds per pixel of the input, from the shapes of the layers."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2DTranspose):
            _, height, width, _ = layer.input.shape
            total += (
                height
                * width
                * layer.kernel.shape[0]
                * layer.kernel.shape[1]
                * layer.filters
                * layer.input.shape[-1]
            )
        elif isinstance(layer, keras.layers.Conv2D):
            _, height, width, filters = layer.output.shape
            total += (
                height
                * width
                * filters
                * layer.kernel.shape[0]
                * layer.kernel.shape[1]
                * layer.kernel.shape[2]
            )
    return total / SIDE**2


@pytest.mark.parametrize(
    "architecture, filters", [("resunet", (4, 6, 8, 10)), ("resunet_paper", (4, 6, 8, 10, 12))]
)
def test_multiply_adds_are_those_of_the_layers(architecture, filters):
    model = build_network(architecture, 3, 2, filters=filters, size=SIDE)
    assert macs_per_pixel(architecture, 3, 2, filters) == pytest.approx(counted(model))


def test_strides_follow_the_halvings():
    assert network_stride("resunet") == 8 and network_stride("resunet_paper") == 16
    assert network_stride("resunet", (4, 4)) == 2 and network_stride("resunet", (4,) * 7) == 64


def test_tiles_fit_any_network_of_up_to_four_halvings():
    assert all(tile_stride(name) == STRIDE == 16 for name in FILTERS)
    assert tile_stride("resunet", (4,) * 7) == 64


def test_tiles_share_an_eighth():
    assert tile_overlap(320) == 40 and tile_overlap(65) == 8


@pytest.mark.parametrize(
    "planes, most, tile",
    [
        ([(1024, 1024)], 512, 384),  # three tiles along each axis, not three larger ones
        ([(512, 512)], 512, 512),
        ([(500, 300)], 512, 512),  # one tile: no smaller one covers it
        ([(24, 40)], 512, 48),
        ([(6000, 4000)], 512, 512),
        ([(1024, 1024), (500, 300)], 512, 512),  # the second volume would need a second tile
        ([(1536, 1536)], 512, 432),
    ],
)
def test_tiles_fit_the_slices(planes, most, tile):
    assert fitting_tile(planes, most, 64) == tile


def test_smaller_tiles_never_mean_more_tiles_or_less_overlap():
    for size in range(100, 3000, 37):
        tile = fitting_tile([(size, 300)], 512, 64)
        largest = min(512, -(-max(size, 300) // 16) * 16)
        overlap = min(64, largest // 4)
        assert tile % 16 == 0 and overlap <= tile // 4 and tile <= largest
        assert tiles_along(size, tile, overlap) == tiles_along(size, largest, overlap)


def test_an_overlap_that_is_no_multiple_of_the_stride():
    tile = fitting_tile([(1024, 1024)], 512, 60)
    assert tile % 16 == 0 and tile < 512 and tiles_along(1024, tile, 60) == tiles_along(1024, 512, 60)


def test_tiles_along_an_axis_are_those_of_the_prediction():
    from ultraseg.predict.blend import tile_positions

    for size in (10, 64, 65, 200, 1000):
        assert tiles_along(size, 64, 16) == len(tile_positions(size, 64, 16)[1])
