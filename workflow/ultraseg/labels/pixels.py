"""What one slice of a label TIFF stores: numbers, colours, or numbers that a palette shows as colours."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import fastremap
import numpy as np
from numpy.typing import NDArray

from ultraseg.base.errors import UserError
from ultraseg.formats.array_files import ArrayFile, exchanged, read_planes
from ultraseg.formats.slice_checks import check_size, page_index
from ultraseg.formats.tiff_stack import refuse_hyperstack

log = logging.getLogger(__name__)

PLANES = (
    "If the planes of the file are slices that were saved as colours, as tifffile.imwrite does with stacks of three or "
    "four, name the slice of each plane with 'slices'."
)
MANY_COLOURS = 64  # drawn classes are fewer; a picture, or a drawing with blended edges, has more


class Pixels(NamedTuple):
    """The numbers (Y, X) of a slice; of a colour image 0xRRGGBB. ``palette``: number -> its colour as shown.

    A colour image whose slices happen to be grey, such as an empty one, gives numbers, for which colours may stand.
    """

    numbers: NDArray[Any]
    coloured: bool = False
    palette: dict[int, int] | None = None
    grey_as_colour: bool = False  # red, green and blue are stored, and equal everywhere
    planar: bool = False  # each of them is a plane of its own

    def codes(self, wanted: Sequence[int | str], file: str) -> list[int]:
        """The numbers that stand for values of the configuration: numbers, or colours '#rrggbb'."""
        found: list[int] = []
        for value in wanted:
            shown = self.coloured or bool(self.palette) or self.grey_as_colour
            if not shown if isinstance(value, str) else self.coloured:
                is_, said = ("colours", "a number") if self.coloured else ("numbers", "a colour")
                raise UserError(
                    f"{file}: holds {is_}, but the configuration gives {said}, {value!r}",
                    "Write colours as '#ff0000' (red, green, blue) in quotes, numbers as 2, as the file stores them.",
                )
            if not isinstance(value, str):
                found.append(value)
            elif self.coloured:
                found.append(int(value[1:], 16))
            elif self.grey_as_colour:
                red, green, blue = (int(value[i : i + 2], 16) for i in (1, 3, 5))
                found += [red, 257 * red] if red == green == blue else []
            elif self.palette:
                found += [n for n, colour in self.palette.items() if colour == int(value[1:], 16)]
        return found


def read_pixels(file: str, page: int | None, shape: Sequence[int]) -> Pixels:
    """Read one slice of a label TIFF as it is stored. Raises UserError for a damaged file and for another size."""
    from ultraseg.formats.tiff_decode import check_samples, decode, number_of_slices, open_tiff, refuse_loss

    with open_tiff(file) as tif:
        count = number_of_slices(tif)
        if page is None and count > 1:
            refuse_hyperstack(tif, file, count, "image")  # says more than that there are too many pages
        index = page_index(page, count, file)
        refuse_loss(tif, file, index)
        values, tags = decode(tif, file, index)
    if tags.samples_axis is not None:
        check_samples(np.moveaxis(values, tags.samples_axis, 0), tags, file)
        planar = tags.samples_axis == 0
        pixels = _from_samples(np.moveaxis(values, tags.samples_axis, -1), file, planar, tags.unspecified)
        pixels = pixels._replace(planar=planar)
    else:
        values = np.squeeze(values) if values.ndim > 2 else values
        colours = tags.colormap if tags.photometric == 3 else None
        pixels = Pixels(values, palette=None if colours is None else _palette(values, colours))
    return _whole_numbers(pixels, file, shape)


def read_array_pixels(array: ArrayFile, page: int, shape: Sequence[int]) -> Pixels:
    """One slice of a label array as it is stored. Raises UserError as ``read_pixels``."""
    plane = next(read_planes(array, [page]))
    height, width = plane.shape
    if height != width and (width, height) == tuple(shape):
        raise UserError(
            f"{array.name}: slices are {height} x {width} pixels (height x width), those of the image {width} x "
            f"{height}",
            f"The axes of the file seem to be in another order than {array.axes}. If so, say it: axes: "
            f"{exchanged(array.axes, 'y', 'x')}.",
        )
    return _whole_numbers(Pixels(plane), array.name, shape)


def _whole_numbers(pixels: Pixels, file: str, shape: Sequence[int]) -> Pixels:
    """The pixels, checked: of the size of the image's slices, and whole numbers."""
    numbers = pixels.numbers
    check_size(numbers.shape, shape, file)
    if numbers.dtype == bool:
        numbers = numbers.astype(np.uint8)
    if numbers.dtype.kind not in "iu":
        raise UserError(
            f"{file}: label type is {numbers.dtype.name}, not whole numbers",
            "Save the labels as 8, 16 or 32 bit integers without scaling (for float labels: Fiji, switch off "
            "Edit > Options > Conversions > Scale when converting, then Image > Type > 16-bit).",
        )
    return pixels._replace(numbers=np.ascontiguousarray(numbers))


def _from_samples(samples: NDArray[Any], file: str, planar: bool, unspecified: bool) -> Pixels:
    """Grey or colour from samples (Y, X, S); where an alpha sample says transparent, the number is 0.

    ``unspecified``: the file does not say that the last sample is transparency.
    """
    alpha = samples[..., -1] if samples.shape[-1] in (2, 4) else None
    colour = samples[..., : 3 if samples.shape[-1] >= 3 else 1]
    if all(np.array_equal(colour[..., 0], colour[..., i]) for i in range(1, colour.shape[-1])):
        pixels = Pixels(colour[..., 0].copy(), grey_as_colour=samples.shape[-1] >= 3)
    elif colour.dtype.kind != "u" or colour.dtype.itemsize > 2:
        raise UserError(
            f"{file}: colours of type {colour.dtype.name}",
            "Save colours with 8 bits per channel." + (f" {PLANES}" if planar else ""),
        )
    else:
        if colour.dtype == np.uint16:  # 8-bit colours that were spread to 16 bit
            colour = colour // 257 if (colour % 257 == 0).all() else colour >> 8
        packed = colour.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
        pixels = Pixels(packed.astype(np.uint32), coloured=True)
    if alpha is not None:
        levels = fastremap.unique(np.ascontiguousarray(alpha))
        if levels.size > 2 or (levels.size == 2 and levels[0] != 0):
            raise UserError(
                f"{file}: has half-transparent pixels ({levels.size} levels of transparency)",
                "Draw labels without smoothed edges (anti-aliasing) and fully opaque."
                + (f" {PLANES}" if planar else ""),
            )
        if levels.size == 2:  # one level alone only says that all is opaque, or that alpha is unused
            lost = np.count_nonzero(pixels.numbers[alpha == 0])
            if lost and unspecified:  # programs that say transparency keep what was erased below it
                log.warning(
                    "%s: sample %d of each pixel, of which the file does not say what it is, is taken as transparency, "
                    "so %d pixels that hold a label become 0. If it is none, save the labels without it.",
                    file, samples.shape[-1], lost,
                )  # fmt: skip
            pixels.numbers[alpha == 0] = 0
    if pixels.coloured:
        _check_colours(pixels.numbers, file, planar)
    return pixels


def _check_colours(numbers: NDArray[Any], file: str, planar: bool) -> None:
    colours = fastremap.unique(numbers)
    if colours.size > MANY_COLOURS:
        raise UserError(
            f"{file}: holds {colours.size} different colours, so it is a picture, or its edges are blended",
            "Draw labels without smoothed edges (anti-aliasing), save them without JPEG compression, or export "
            "label numbers instead of colours (VAST and webKnossos too, where a colour may be an id of 24 bits)."
            + (f" {PLANES}" if planar else ""),
        )


def _palette(values: NDArray[Any], colormap: NDArray[Any]) -> dict[int, int]:
    """Colour 0xRRGGBB of every number that occurs."""
    table = colormap[:3].astype(np.int64)
    # Some writers fill the 16-bit palette with 8-bit values.
    table = table >> 8 if table.max() > 255 else table
    used = fastremap.unique(np.ascontiguousarray(values)).astype(int).tolist()
    return {n: int(table[0, n] << 16 | table[1, n] << 8 | table[2, n]) for n in used}


def colour_name(colour: int) -> str:
    """A colour as the configuration writes it: '#ff0000'."""
    return f"#{colour:06x}"
