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


def tiles_along(size: int, tile: int, overlap: int, stride: int = STRIDE) -> int:
    """Tiles that prediction needs to cover ``size`` pixels of one axis; tiles start at multiples of ``stride``."""
    if size <= tile:
        return 1
    return -(-(size - overlap) // ((tile - overlap) // stride * stride))


def fitting_tile(planes: Sequence[Sequence[int]], most: int, overlap: int, stride: int = STRIDE) -> int:
    """Side of the tiles with which prediction computes fewest pixels beyond ``planes``, the sizes (y, x) of slices.

    Not more tiles than with tiles of ``most`` pixels, the largest that are allowed: as many smaller ones, where these
    cover all slices with the same ``overlap``. 1024 pixels need three tiles of 512 pixels, or three of 384.
    """
    longest = max(max(plane) for plane in planes)
    largest = -(-min(most, longest) // stride) * stride
    overlap = min(overlap, largest // 4)

    def counts(tile: int) -> list[int]:
        return [tiles_along(size, tile, overlap, stride) for plane in planes for size in plane]

    first = max(-(-4 * overlap // stride), 1) * stride
    return next((tile for tile in range(first, largest, stride) if counts(tile) == counts(largest)), largest)


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
