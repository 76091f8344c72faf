"""What a volume's image may be, by its path: TIFF slices, one MRC file or an OME-Zarr. Light to import."""

from __future__ import annotations

from collections.abc import Sequence

from ultraseg.tiff_names import SliceRef, SliceSource, resolve_slices


def resolve_image(path: str, missing_slices: str = "error") -> SliceSource:
    """The slices of the image that ``path`` names. Raises UserError where it names none, or for gaps ("error")."""
    return resolve_slices(path, kind="image", missing_slices=missing_slices)


def image_files(refs: Sequence[SliceRef]) -> list[str]:
    """The files that hold some slices, each once: what a job that reads them depends on."""
    return list(dict.fromkeys(ref.file for ref in refs))
