"""Which pages of a TIFF are the slices of a stack, in which order, and stacks whose pages are more than slices.

Imports neither NumPy nor tifffile: it looks at files that ``tiff_decode`` has opened.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

from ultraseg.base.errors import UserError

if TYPE_CHECKING:
    import tifffile

log = logging.getLogger(__name__)

CHANNELS_AT_MOST = 7  # that ImageJ knows; what has more "channels" is a stack of slices
NO_SLICE = 1 | 4  # bits of a page's kind: a reduced copy of another page, a mask of transparency
AXES = {"C": "channels", "T": "times", "Z": "slices"}
CURE = (
    "Save one channel and one time as a stack of its own (Fiji: Image > Duplicate); "
    "where the pages are slices, say so in the file (Fiji: Image > Properties)."
)


class Sizes(NamedTuple):
    """How many planes a file says it has along each axis; ``others``: along axes without a known name."""

    channels: int = 1
    times: int = 1
    slices: int = 1
    others: int = 1

    def __str__(self) -> str:
        names = {**dict(zip(self._fields[:3], self[:3], strict=True)), "others": self.others}
        told = [f"{count} {name}" for name, count in names.items() if count > 1]
        return " x ".join(told).replace("others", "planes along another axis")


# ---------------------------------------------------------------- which pages
def slice_pages(tif: tifffile.TiffFile) -> Sequence[int]:
    """The page of every slice, in the order of the slices: without reduced copies, and as OME metadata order them."""
    count = len(tif.pages)
    if count == 1:
        return range(1)
    ends = [tif.pages[index].aspage() for index in (0, 1, count - 1)]
    pages: Sequence[int] = range(count)
    if any(page.subfiletype & NO_SLICE or page.shape != ends[0].shape for page in ends):
        pages = [i for i in range(count) if not tif.pages[i].aspage().subfiletype & NO_SLICE] or [0]
    order = _ome_order(tif.ome_metadata or "", tif.filehandle.name) if tif.is_ome else ()
    if order and sorted(order) != list(range(len(pages))):
        _point_out_misfit(tif.filehandle.path, len(pages))
        order = ()
    return [pages[i] for i in order] if order and list(order) != list(range(len(pages))) else pages


@lru_cache(maxsize=1024)  # each file is looked at several times, and told of once
def _point_out_misfit(file: str, pages: int) -> None:
    log.warning(
        "%s: its OME metadata do not fit its %d pages, which are read in the order of the file", file, pages
    )


@lru_cache(maxsize=16)
def _ome_order(xml: str, name: str) -> tuple[int, ...]:
    """For every plane of one OME image the page that holds it; empty where the metadata do not say it."""
    pixels = ome_pixels(xml)
    if len(pixels) != 1:
        return ()
    blocks = list(_children(pixels[0], "TiffData"))
    own = [block for block in blocks if not _is_elsewhere(block, xml, name)]
    planes = _number(pixels[0].get("SizeZ")) * _number(pixels[0].get("SizeT"))
    planes *= max(1, _number(pixels[0].get("SizeC")) // _samples(pixels[0]))
    order: dict[int, int] = {}
    for block in own:
        first = sum(_number(block.get(f"First{axis}"), 0) for axis in "ZTC")
        page = _number(block.get("IFD"), 0)
        some = 1 if block.get("IFD") is not None else planes - first
        for i in range(min(_number(block.get("PlaneCount"), some), planes)):
            order[first + i] = page + i
    return tuple(order[z] for z in sorted(order))


def other_files(tif: tifffile.TiffFile) -> list[str]:
    """Names of other files that hold planes of the same OME image."""
    if not tif.is_ome:
        return []
    xml = tif.ome_metadata or ""
    if metadata_file(tif):
        return [name for name in _named_in_companion(tif) if name != tif.filehandle.name]
    found = []
    for pixels in ome_pixels(xml):
        for block in _children(pixels, "TiffData"):
            if _is_elsewhere(block, xml, tif.filehandle.name):
                found += [uuid.get("FileName") or "?" for uuid in _children(block, "UUID")]
    return list(dict.fromkeys(found))


def metadata_file(tif: tifffile.TiffFile) -> str | None:
    """The name of the file that holds the metadata of an OME image, where they are not in this file itself."""
    root = _parsed(tif.ome_metadata or "") if tif.is_ome else None
    found = [] if root is None else [e.get("MetadataFile") for e in root.iter() if _is(e, "BinaryOnly")]
    name = os.path.basename(found[0] or "") if found else ""
    return name if name != tif.filehandle.name else None


def _named_in_companion(tif: tifffile.TiffFile) -> list[str]:
    """Files that the metadata beside this file name; none where they are not there, or are no XML."""
    try:
        with open(
            os.path.join(os.path.dirname(tif.filehandle.path), metadata_file(tif) or ""), "rb"
        ) as stored:
            if not stored.read(8).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
                return []  # a TIFF, which may be large
            stored.seek(0)
            root = _parsed(stored.read().decode("utf-8", "replace"))
    except OSError:
        return []
    names = [] if root is None else [e.get("FileName") for e in root.iter() if _is(e, "UUID")]
    return list(dict.fromkeys(name for name in names if name))


def _is_elsewhere(block: ElementTree.Element, xml: str, name: str) -> bool:
    """Whether a block of planes lies in another file: by its UUID, or by its name where the file has no UUID."""
    for uuid in _children(block, "UUID"):
        own = _root_uuid(xml)
        return uuid.text != own if own else len(_file_names(xml)) > 1 and uuid.get("FileName") != name
    return False


@lru_cache(maxsize=16)
def _root_uuid(xml: str) -> str | None:
    root = _parsed(xml)
    return None if root is None else root.get("UUID")


@lru_cache(maxsize=16)
def _file_names(xml: str) -> frozenset[str | None]:
    root = _parsed(xml)
    return (
        frozenset() if root is None else frozenset(e.get("FileName") for e in root.iter() if _is(e, "UUID"))
    )


# ---------------------------------------------------------------- more than slices
def refuse_hyperstack(tif: tifffile.TiffFile, file: str, count: int, kind: str) -> None:
    """Raise UserError for a file of ``count`` pages that are not simply slices: channels, times, several images.

    ``kind="labels"``: one axis alone counts as slices, whatever its name, and so do metadata that do not fit the
    number of pages.
    """
    images = len(ome_pixels(tif.ome_metadata or "")) if tif.is_ome else 1
    if images > 1 and not (kind == "labels" and images == count):  # each slice may be an image of its own
        raise UserError(
            f"{file}: holds {images} OME images where one is expected", "Save each one as its own file."
        )
    sizes = stack_sizes(tif)
    if kind == "labels":
        refused = sum(n > 1 for n in sizes) > 1 and math.prod(sizes) == count
    else:
        # Some programs call slices times, or channels, of which ImageJ knows seven at most.
        called_channels = sizes.channels > CHANNELS_AT_MOST and math.prod(sizes) == sizes.channels
        refused = not called_channels and (sizes.channels > 1 or sum(n > 1 for n in sizes) > 1)
        refused &= count > 1  # one page may have kept the description of its stack
    if refused:
        raise UserError(f"{file}: is a hyperstack of {sizes}, not a stack of slices", CURE)


def stack_sizes(tif: tifffile.TiffFile) -> Sizes:
    """How many channels, times and slices the metadata of a file tell: those of OME, ImageJ or tifffile (JSON)."""
    if tif.is_ome:
        pixels = ome_pixels(tif.ome_metadata or "")
        if not pixels:
            return Sizes()
        channels, times, slices = (_number(pixels[0].get(f"Size{axis}")) for axis in "CTZ")
        return Sizes(max(1, channels // _samples(pixels[0])), times, slices)
    if tif.is_imagej:
        about = tif.imagej_metadata or {}
        return Sizes(*(_number(about.get(key)) for key in ("channels", "frames", "slices")))
    return _shaped_sizes(tif) if tif.is_shaped else Sizes()


def _shaped_sizes(tif: tifffile.TiffFile) -> Sizes:
    """What the JSON description by tifffile says of the axes before those of a page."""
    page = tif.pages[0].aspage()
    shape, axes = _shape_of_description(page.shaped_description or "")
    leading = shape[: max(0, len(shape) - len(page.shape))]
    if math.prod(leading) != len(tif.pages) and len(tif.pages) > 1:
        return Sizes()  # left over from another file
    sizes = dict.fromkeys("CTZ", 1)
    others = []
    for axis, n in zip(axes if len(axes) == len(shape) else "?" * len(shape), leading, strict=False):
        if axis in sizes:
            sizes[axis] *= n
        elif n > 1:
            others.append(n)
    if len(others) == 1 and set(sizes.values()) == {1}:
        return Sizes(slices=others[0])
    if len(others) > 1 and set(sizes.values()) == {1}:  # an array of stacks
        return Sizes(slices=others[-1], others=math.prod(others[:-1]))
    return Sizes(sizes["C"], sizes["T"], sizes["Z"], math.prod(others))


def _shape_of_description(text: str) -> tuple[tuple[int, ...], str]:
    """Shape and names of the axes in a description by tifffile; nothing where it is none.

    tifffile itself calls a file damaged whose description is that of another file.
    """
    try:
        about = json.loads(text)
    except (ValueError, RecursionError):  # old versions wrote shape=(20, 64, 80)
        about = {"shape": re.findall(r"\d+", text) if text.startswith("shape=") else []}
    shape = about.get("shape") if isinstance(about, dict) else None
    axes = about.get("axes") if isinstance(about, dict) else None
    if not isinstance(shape, list):
        return (), ""
    return tuple(_number(n, 0) for n in shape), axes.upper() if isinstance(axes, str) else ""


def refuse_part_of_image(tif: tifffile.TiffFile, file: str) -> None:
    """Raise UserError for one file of an OME image that lies in several files."""
    others = other_files(tif)
    if others:
        raise UserError(
            f"{file}: holds {len(slice_pages(tif))} slice(s) of an OME image that goes on in {len(others)} other "
            f"file(s), such as {others[0]}",
            "Name the folder, a pattern or a list of all its files, with the slice number last in each name, or save "
            "the image as one file.",
        )
    if companion := metadata_file(tif):
        log.warning(
            "%s: its OME metadata are in another file, %s, and are not read: %d page(s) are slices in the order of the "
            "file. If the image goes on in other files, name their folder.",
            file, companion, len(slice_pages(tif)),
        )  # fmt: skip


def described_slices(tif: tifffile.TiffFile) -> int:
    """How many pages the description by ImageJ or tifffile tells of a file that may have fewer."""
    if tif.is_imagej:
        about = tif.imagej_metadata or {}
        return _number(about.get("images"), math.prod(stack_sizes(tif)))
    shape, _ = _shape_of_description(tif.pages[0].aspage().shaped_description or "")
    return math.prod(shape) // max(1, tif.pages[0].aspage().size)


def plane_count(tif: tifffile.TiffFile) -> int:
    """Planes of a file's only page, where each of its samples is stored as a plane of its own; else 1."""
    page = tif.pages[0].aspage()
    return int(page.samplesperpixel) if len(tif.pages) == 1 and page.axes.startswith("S") else 1


# ---------------------------------------------------------------- OME-XML
def ome_pixels(xml: str) -> list[ElementTree.Element]:
    """The Pixels elements of OME-XML, one per image in the file."""
    root = _parsed(xml)
    return [] if root is None else [element for element in root.iter() if _is(element, "Pixels")]


def _parsed(xml: str) -> ElementTree.Element | None:
    try:
        return ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return None


def _is(element: ElementTree.Element, name: str) -> bool:
    return element.tag.rpartition("}")[2] == name


def _children(element: ElementTree.Element, name: str) -> Iterable[ElementTree.Element]:
    return (child for child in element if _is(child, name))


def _samples(pixels: ElementTree.Element) -> int:
    """Samples per pixel: OME counts the three colours of a pixel as channels."""
    return max([_number(channel.get("SamplesPerPixel")) for channel in _children(pixels, "Channel")] or [1])


def _number(text: object, default: int = 1) -> int:
    """A whole number from metadata; the default where there is none, or another text."""
    try:
        number = float(str(text).strip())
        return int(number) if number.is_integer() else default  # 20.0 is 20
    except (ValueError, OverflowError):
        return default
