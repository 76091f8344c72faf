"""The voxel size that a file's own metadata tells, against the one in the configuration. Light to import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ultraseg.base.errors import UserError
from ultraseg.formats.tiff_stack import ome_pixels

if TYPE_CHECKING:
    import tifffile

TOLERANCE = 0.01
LEAST_NM = 0.5  # electron microscopes of tissue record nothing finer
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
    number = _number(value)
    if number is None or unit not in NANOMETRES:
        return None
    length = number * NANOMETRES[unit]
    return length if 0 < length < float("inf") else None


def _number(value: float | str | None) -> float | None:
    """A number from metadata; some programs write it as their country does: 20,5. None for other texts."""
    try:
        return None if value is None else float(str(value).strip().replace(",", "."))
    except ValueError:
        return None


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
    """What ImageJ, OME or a microscope (FEI or Thermo Fisher, Zeiss) says in a TIFF.

    The resolution of other TIFFs is that of a printer.
    """
    if tif.is_ome:
        return _of_ome(tif.ome_metadata or "")
    if not tif.is_imagej:
        return _of_microscope(tif)
    about, tags = tif.imagej_metadata or {}, tif.pages[0].aspage().tags
    unit = str(about.get("unit", ""))
    # ImageJ writes these where an axis has another unit than x.
    y_unit, z_unit = (str(about.get(key) or unit) for key in ("yunit", "zunit"))

    def plane(name: str, unit: str) -> float | None:
        per_unit = tags[name].value if name in tags else (0, 1)
        return in_nm(per_unit[1] / per_unit[0], unit) if per_unit[0] else None

    return PixelSize(
        (in_nm(about.get("spacing"), z_unit), plane("YResolution", y_unit), plane("XResolution", unit)),
        "ImageJ",
    )


def _of_microscope(tif: tifffile.TiffFile) -> PixelSize:
    """Size of pixels from the header of a scanning electron microscope, which does not know the distance of slices."""
    if tif.is_fei:
        sections = [s for s in (tif.fei_metadata or {}).values() if isinstance(s, dict) and "PixelWidth" in s]
        if sections:
            height = sections[0].get("PixelHeight", sections[0]["PixelWidth"])
            return PixelSize((None, in_nm(height, "m"), in_nm(sections[0]["PixelWidth"], "m")), "FEI")
    if tif.is_sem:
        about = tif.sem_metadata or {}
        for key in ("ap_image_pixel_size", "ap_pixel_size"):
            told = about.get(key)
            if isinstance(told, tuple) and len(told) == 3:
                size = in_nm(told[1], str(told[2]))
                return PixelSize((None, size, size), "Zeiss")
    return PixelSize()


def doubtful_size(voxel_size_nm: Sequence[float], where: str) -> str | None:
    """What to tell the user of voxels smaller than any microscope resolves; None for others."""
    if min(voxel_size_nm) >= LEAST_NM:
        return None
    told = ", ".join(f"{axis} {size:g}" for axis, size in zip("zyx", voxel_size_nm, strict=True))
    return (
        f"{where}.voxel_size_nm is {told}: below {LEAST_NM:g} nm. Is it in micrometres? Sizes are in nanometres: "
        f"{', '.join(f'{1000 * size:g}' for size in voxel_size_nm)} then."
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
