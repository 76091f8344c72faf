"""Reading ImageJ's files of regions of interest (ROIs): single ones, and archives of many."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from functools import lru_cache

from roifile import ImagejRoi

from ultraseg.base.errors import UserError

MOST_BYTES = 2**26  # of one ROI: a million points take 8 MB
MOST_ROIS = 1_000_000
MAC_COPIES = "__MACOSX/"  # what a Mac adds to archives beside each file


def read_rois(file: str) -> tuple[tuple[str, ImagejRoi], ...]:
    """Names and ROIs of a .zip or .roi file, in their order. Raises UserError for other files, and for an empty one."""
    if not os.access(file, os.R_OK):
        raise UserError(f"{file}: cannot be read", "Put the file back, or give read permission (chmod a+r).")
    status = os.stat(file)
    rois = _read(file, (status.st_size, status.st_mtime_ns))
    if not rois:
        raise UserError(f"{file}: holds no ROI", "Save the ROIs again: ROI Manager, More, Save.")
    return rois


@lru_cache(maxsize=8)
def _read(file: str, stamp: tuple[int, int]) -> tuple[tuple[str, ImagejRoi], ...]:
    try:
        if zipfile.is_zipfile(file):
            return tuple(_archived(file))
        if stamp[0] > MOST_BYTES:
            raise UserError(f"{file}: has {stamp[0]} bytes, more than a ROI", "Name a ROI file of ImageJ.")
        with open(file, "rb") as single:
            roi = ImagejRoi.frombytes(single.read())
        return ((roi.name or "", roi),)
    except UserError:
        raise
    except Exception as error:  # damaged bytes make the decoder raise errors of many kinds
        raise UserError(
            f"{file}: not a ROI file of ImageJ ({type(error).__name__}: {error})",
            "Save the ROIs again: ROI Manager, More, Save (all ROIs selected or none).",
        ) from error


def _archived(file: str) -> Iterator[tuple[str, ImagejRoi]]:
    with zipfile.ZipFile(file) as archive:
        entries = [
            entry
            for entry in archive.infolist()
            if entry.filename.lower().endswith(".roi")
            and not entry.filename.startswith(MAC_COPIES)
            and not os.path.basename(entry.filename).startswith(".")
        ]
        if not entries and any(name.lower().endswith(".nml") for name in archive.namelist()):
            raise UserError(
                f"{file}: is an annotation of webKnossos, not ROIs of ImageJ",
                f"Take it in: ultraseg annotation {file} --configfile my.yaml, and name the folder of labels here.",
            )
        if len(entries) > MOST_ROIS:
            raise UserError(
                f"{file}: holds {len(entries)} ROIs, more than {MOST_ROIS}", "Save fewer ROIs per file."
            )
        for entry in entries:
            with archive.open(entry) as stored:
                content = stored.read(MOST_BYTES + 1)
            if len(content) > MOST_BYTES:
                raise UserError(
                    f"{file}: '{entry.filename}' has more than {MOST_BYTES} bytes, which no ROI has",
                    "Save the ROIs again: ROI Manager, More, Save.",
                )
            # An archive that was packed again may hold a folder.
            yield os.path.basename(entry.filename)[:-4], ImagejRoi.frombytes(content)
