"""Sizes of networks: multiply-adds, strides of inputs and overlap of training tiles. Light to import."""

from __future__ import annotations

from collections.abc import Sequence

FILTERS = {"resunet": (16, 32, 64, 128), "resunet_paper": (64, 128, 256, 512, 512, 1024)}
# Tiles of any network are multiples of this: tiles that were cut once fit all networks with up to four halvings.
STRIDE = 16


def network_stride(architecture: str, filters: Sequence[int] | None = None) -> int:
    """Sizes of the network's input are multiples of this number of pixels."""
    levels = len(filters or FILTERS[architecture])
    return 2 ** (levels - 1 if architecture == "resunet" else levels - 2)


def tile_stride(architecture: str, filters: Sequence[int] | None = None) -> int:
    """Sides of the network's tiles and crops are multiples of this number of pixels."""
    return max(STRIDE, network_stride(architecture, filters))


def tile_overlap(tile: int) -> int:
    """Pixels that neighbouring training tiles with this side share at least."""
    return tile // 8


def macs_per_pixel(
    architecture: str, input_channels: int, output_channels: int, filters: Sequence[int] | None = None
) -> float:
    """Multiply-adds of one forward pass per pixel; ``architecture.build_network`` has the layers."""
    f = tuple(filters or FILTERS[architecture])
    count = _resunet if architecture == "resunet" else _resunet_paper
    return count(f, input_channels) + f[0] * output_channels


def _resunet(f: Sequence[int], channels: int) -> float:
    total: float = 9 * channels * f[0] + 9 * f[0] ** 2
    for level in range(1, len(f)):
        a, b = f[level - 1], f[level]
        total += (a * b + 9 * a * b + 9 * b * b) / 4**level
    for level in range(len(f) - 1):
        total += f[level + 1] * f[level] / 4**level
        total += 18 * f[level] ** 2 / 4**level if level else 0
    return total


def _resunet_paper(f: Sequence[int], channels: int) -> float:
    *encoder, bridge = f

    def block(a: int, b: int) -> int:
        return a * b + 9 * a * b + 9 * b * b

    total: float = channels * encoder[0] + 9 * channels * encoder[0] + 9 * encoder[0] ** 2
    for level, (a, b) in enumerate(zip(encoder[:-1], encoder[1:], strict=True), 1):
        total += block(a, b) / 4**level
    deepest, below = len(encoder) - 1, bridge
    total += block(encoder[-1], bridge) / 4**deepest
    for level in reversed(range(deepest)):
        width = encoder[level]
        total += 9 / 4 * below * width / 4**level + block(width + width, width) / 4**level
        below = width
    return total
