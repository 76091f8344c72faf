"""Sizes of networks agree with the networks that are built."""

import keras
import pytest
from ultraseg.networks.architecture import build_network
from ultraseg.networks.sizes import FILTERS, STRIDE, macs_per_pixel, network_stride, tile_overlap, tile_stride

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
