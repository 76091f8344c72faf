"""The voxel size that a file's own metadata tells, against the one in the configuration. Light to import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

from ultraseg.base.errors import UserError

if TYPE_CHECKING:
    import tifffile

TOLERANCE = 0.01
CHANNELS_AT_MOST = 7
# Inches are left out: they come from printing (72 dpi), not from a microscope.
NANOMETRES = {
    "pm": 1e-3, "picometer": 1e-3, "å": 0.1, "angstrom": 0.1, "nm": 1, "nanometer": 1, "nanometre": 1,
    "µm": 1e3, "um": 1e3, "micron": 1e3, "microns": 1e3, "micrometer": 1e3, "micrometre": 1e3,
    "mm": 1e6, "millimeter": 1e6, "millimetre": 1e6, "cm": 1e7, "centimeter": 1e7, "m": 1e9, "meter": 1e9,
}  # fmt: skip


class PixelSize(NamedTuple):
    """Edge lengths z, y, x in nm, None where the metadata tell none, and the kind of metadata."""

    nm: tuple[float | None, float | None, float | None] = (None, None, None)
    told_by: str = ""


def in_nm(value: float | str | None, unit: str | None) -> float | None:
    """A length in nanometres; None where value or unit is missing or unknown."""
    # ImageJ writes the Greek letter as an escape, others as one of two characters.
    unit = (unit or "").strip().replace("\\u00B5", "µ").replace("\u03bc", "µ").lower()
    if value is None or unit not in NANOMETRES:
        return None
    length = float(value) * NANOMETRES[unit]
    return length if 0 < length < float("inf") else None


def check_pixel_size(told: PixelSize, voxel_size_nm: Sequence[float], file: str, where: str) -> None:
    """Raise UserError with both sizes where metadata and configuration differ by more than a percent."""
    pairs = [(axis, a, b) for axis, a, b in zip("zyx", told.nm, voxel_size_nm, strict=True) if a is not None]
    if any(abs(found / given - 1) > TOLERANCE for _, found, given in pairs):
        found = ", ".join(f"{axis} {size:g}" for axis, size, _ in pairs)
        given = ", ".join(f"{axis} {size:g}" for axis, size in zip("zyx", voxel_size_nm, strict=True))
        raise UserError(
            f"{where}.voxel_size_nm is {given}, but {told.told_by} metadata of {file} say {found} nm",
            "Correct voxel_size_nm (order z, y, x), or set check_pixel_size: false where the file is wrong.",
        )


def of_tiff(tif: tifffile.TiffFile) -> PixelSize:
    """What ImageJ or OME metadata of a TIFF say; the resolution of other TIFFs is that of a printer."""
    if tif.is_ome:
        return _of_ome(tif.ome_metadata or "")
    if not tif.is_imagej:
        return PixelSize()
    about, tags = tif.imagej_metadata or {}, tif.pages[0].aspage().tags
    unit = str(about.get("unit", ""))

    def plane(name: str) -> float | None:
        per_unit = tags[name].value if name in tags else (0, 1)
        return in_nm(per_unit[1] / per_unit[0], unit) if per_unit[0] else None

    return PixelSize(
        (in_nm(about.get("spacing"), unit), plane("YResolution"), plane("XResolution")), "ImageJ"
    )


def _of_ome(xml: str) -> PixelSize:
    pixels = ome_pixels(xml)
    if not pixels:
        return PixelSize()
    z, y, x = (
        in_nm(pixels[0].get(f"PhysicalSize{axis}"), pixels[0].get(f"PhysicalSize{axis}Unit", "µm"))
        for axis in "ZYX"
    )
    return PixelSize((z, y, x), "OME")


def ome_pixels(xml: str) -> list[ElementTree.Element]:
    """The Pixels elements of OME-XML, one per image in the file."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return []
    return [element for element in root.iter() if element.tag.rpartition("}")[2] == "Pixels"]


def refuse_channels(tif: tifffile.TiffFile, file: str) -> None:
    """Raise UserError for an ImageJ or OME stack whose pages are not simply slices: channels, times, several images."""
    sizes = {"channels": 1, "times": 1, "slices": 1}
    if tif.is_ome:
        pixels = ome_pixels(tif.ome_metadata or "")
        if len(pixels) > 1:
            raise UserError(
                f"{file}: holds {len(pixels)} OME images where one is expected",
                "Save each one as its own file.",
            )
        if pixels:
            samples = [e.get("SamplesPerPixel") for e in pixels[0] if e.tag.rpartition("}")[2] == "Channel"]
            colours = max([int(s) for s in samples if s] or [1])
            keys = {"channels": "SizeC", "times": "SizeT", "slices": "SizeZ"}
            sizes = {name: int(pixels[0].get(key, 1)) for name, key in keys.items()}
            sizes["channels"] //= colours
    elif tif.is_imagej:
        about = tif.imagej_metadata or {}
        keys = {"channels": "channels", "times": "frames", "slices": "slices"}
        sizes = {name: int(about.get(key, 1)) for name, key in keys.items()}
    # Some programs call slices times, or channels, of which ImageJ knows seven at most.
    if sizes["channels"] > CHANNELS_AT_MOST and sizes["times"] == sizes["slices"] == 1:
        return
    if sizes["channels"] > 1 or (sizes["times"] > 1 and sizes["slices"] > 1):
        told = " x ".join(f"{count} {name}" for name, count in sizes.items() if count > 1)
        raise UserError(
            f"{file}: is a hyperstack of {told}, not a stack of slices",
            "Save one channel and one time as a stack of its own (Fiji: Image > Duplicate); "
            "where the pages are slices, say so in the file (Fiji: Image > Properties).",
        )
