"""Regions of interest (ROIs) of ImageJ and Fiji as labels: their slices, their ids, and their pixels."""

from __future__ import annotations

import logging
import os
import re
import zipfile
from collections.abc import Sequence

import numpy as np
import roifile
from numpy.typing import NDArray
from roifile import ImagejRoi
from skimage.draw import polygon2mask

from ultraseg.base.errors import UserError
from ultraseg.base.ids import check_id
from ultraseg.base.text import format_numbers
from ultraseg.formats.slice_source import SliceRef, SliceSource
from ultraseg.ingest.name_numbers import slice_number
from ultraseg.ingest.numbering import point_out_odd_names
from ultraseg.labels.roi_files import read_rois

log = logging.getLogger(__name__)

AREAS = {roifile.ROI_TYPE[name] for name in ("POLYGON", "RECT", "OVAL", "FREEHAND", "TRACED")}
AUTOMATIC = re.compile(r"(\d+)-(\d+)(?:-(\d+))?(?:-\d+)?$")  # what Fiji calls a ROI: slice-y-x, or y-x
REPEATED = re.compile(r"-\d+$")  # what Fiji appends to a name that is there already
FAR, SMALL = 16, 1_000_000  # of a box around a ROI: times the image, and pixels that may be drawn always
NESTED = 0.5  # share of the smaller of two ROIs from which their overlap is a mistake


def position_of(name: str, roi: ImagejRoi) -> int | None:
    """Number of the slice that a ROI lies on, counted from 1 as Fiji does; None where it does not say."""
    for number in (roi.position, roi.z_position, roi.t_position):
        if number > 0:
            return int(number)
    automatic = AUTOMATIC.match(name)
    return int(automatic[1]) if automatic and automatic[3] else None


def roi_slices(
    files: Sequence[str], first_slice_number: int | None = None, pattern: str | None = None
) -> SliceSource:
    """The slices that ROI files show, from the positions of the ROIs or else the number in the file's name.

    Positions count from 1, so z = position - ``first_slice_number`` with the default 1; for numbers in file names
    the default is 0, as for TIFFs. The ``page`` of a slice is the position, None where the file name numbers it.
    Raises UserError for ROIs that say no slice, and for a mixture of both kinds.
    """
    refs: list[tuple[int, str, int | None]] = []
    lost, numbered = [], False
    for file in files:
        positions = {position_of(name, roi) for name, roi in read_rois(file)}
        said = [position for position in positions if position is not None]
        number = slice_number(file, pattern)
        if len(said) == len(positions):
            refs += [(position, file, position) for position in said]
        elif not said and number is not None and len(files) + _is_single(file) > 1:
            refs.append((number, file, None))
            numbered = True
        else:
            lost += [f"{file}: {name}" for name, roi in read_rois(file) if position_of(name, roi) is None]
    if lost or (numbered and any(page is not None for *_, page in refs)):
        which = (
            f"{len(lost)} ROI(s) without a slice: {', '.join(lost[:5])}"
            if lost
            else "some files have positions"
        )
        raise UserError(
            f"{files[0]}: {which}",
            "Associate ROIs with slices (ROI Manager, Options) and add them again, or save the ROIs of each slice as "
            "a file of its own with the slice number last in its name.",
        )
    first = first_slice_number if first_slice_number is not None else 0 if numbered else 1
    _check_numbers(files, refs, first)
    if numbered:
        point_out_odd_names(os.path.dirname(files[0]) or ".", files, pattern)
    return SliceSource(tuple(sorted(SliceRef(n - first, file, page) for n, file, page in refs)), first)


def _is_single(file: str) -> bool:
    return not zipfile.is_zipfile(file)


def _check_numbers(files: Sequence[str], refs: Sequence[tuple[int, str, int | None]], first: int) -> None:
    numbers = [number for number, _, _ in refs]
    twice = sorted({n for n in numbers if numbers.count(n) > 1})
    if twice:
        raise UserError(
            f"{files[0]}: slice number(s) {format_numbers(twice)} have ROIs in more than one file",
            "Keep all ROIs of a slice in one file.",
        )
    early = [n for n in numbers if n < first]
    if early:
        raise UserError(
            f"{files[0]}: ROI slice number(s) {format_numbers(early)} lie before the first one, {first}",
            "Set 'first_slice_number' to the number of the first image slice (positions in Fiji count from 1).",
        )


# ---------------------------------------------------------------- ids
def roi_id(file: str, rois: Sequence[tuple[str, ImagejRoi]], choice: str | None) -> dict[str, int]:
    """The id of every ROI of a file, by its name in the file; ``choice`` as ``roi_ids`` in the configuration.

    'group': the ROI's group; 'name': the last number in its name, without Fiji's suffix for repeated names, or the
    place of the name among all names in alphabetical order where no name has a number; 'order': its place in the
    file, from 1. Without a choice: groups where any is set, else names. Raises UserError where these say nothing.
    """
    if choice is None:
        choice = "group" if any(roi.group for _, roi in rois) else "name"
    if choice == "order":
        return {name: i + 1 for i, (name, _) in enumerate(rois)}
    if choice == "group":
        without = [name for name, roi in rois if not roi.group]
        if without:
            raise UserError(
                f"{file}: {len(without)} ROI(s) without a group: {', '.join(without[:5])}",
                "Give every ROI the group of its cell (Edit > Selection > Properties), or set roi_ids: name.",
            )
        return {name: int(roi.group) for name, roi in rois}
    return _ids_by_name(file, [name for name, _ in rois])


def _ids_by_name(file: str, names: list[str]) -> dict[str, int]:
    automatic = [name for name in names if AUTOMATIC.match(name)]
    if automatic:
        raise UserError(
            f"{file}: {len(automatic)} ROI(s) have names that Fiji made and that tell no cell: "
            f"{', '.join(automatic[:5])}",
            "Rename them to the number of their cell (ROI Manager, Rename), give each cell a group, or set "
            "roi_ids: order with structures.<cells>.ids_consistent: false.",
        )
    # 'cell 7-1' is the second ROI called 'cell 7'; '12-1' the second one called '12'.
    base = {name: REPEATED.sub("", name) for name in names}
    numbers = {name: re.findall(r"\d+", text) for name, text in base.items()}
    if not any(numbers.values()):
        places = {text: i + 1 for i, text in enumerate(sorted(set(base.values())))}
        return {name: places[text] for name, text in base.items()}
    without = [name for name in names if not numbers[name]]
    ids = {name: int(found[-1]) for name, found in numbers.items() if found}
    if without or 0 in ids.values():
        raise UserError(
            f"{file}: ROI(s) without a number above 0 in their names: {', '.join((without or names)[:5])}",
            "Name every ROI after its cell: 'cell 7', or just 7.",
        )
    for name, number in ids.items():
        check_id(number, f"{file}: ROI '{name}'")
    return ids


# ---------------------------------------------------------------- pixels
def rasterise(
    file: str, page: int | None, shape: tuple[int, int], *, ids: str | None = None, single: bool = False
) -> NDArray[np.uint32]:
    """The ROIs of one slice as uint32 ids (Y, X), 0 elsewhere; ``single``: as a mask of 1.

    A pixel belongs to a ROI when its centre does. Later ROIs paint over earlier ones, as in Fiji; but where two of
    different ids share more than half of the smaller, and for ROIs that are no areas or lie outside the image, a
    UserError lists them all.
    """
    rois = read_rois(file)
    numbers = dict.fromkeys((name for name, _ in rois), 1) if single else roi_id(file, rois, ids)
    labels, problems = np.zeros(shape, np.uint32), []
    painted: list[tuple[str, int, int]] = []
    for name, roi in rois:
        if page is not None and position_of(name, roi) != page:
            continue
        if roi.roitype not in AREAS or roi.subtype == roifile.ROI_SUBTYPE.TEXT:
            problems.append(f"'{name}' is of type {roi.roitype.name.lower()}, not an area")
            continue
        try:
            corner, mask, whole = roi_mask(roi, shape)
        except (ValueError, IndexError, TypeError, OverflowError) as error:
            problems.append(f"'{name}' is damaged ({error})")
            continue
        if mask.sum() <= whole / 2:
            problems.append(f"'{name}' lies outside the image of {shape[0]} x {shape[1]} pixels")
            continue
        window = np.s_[corner[0] : corner[0] + mask.shape[0], corner[1] : corner[1] + mask.shape[1]]
        problems += _nested(name, numbers[name], mask, labels[window], painted)
        labels[window][mask] = numbers[name]
        painted.append((name, numbers[name], int(mask.sum())))
    if problems:
        raise UserError(
            f"{file}: {'; '.join(problems)}",
            "Trace areas (polygon, freehand, oval, rectangle, or a combination) on the image itself, each cell once.",
        )
    return labels


def _nested(
    name: str,
    own: int,
    mask: NDArray[np.bool_],
    below: NDArray[np.uint32],
    painted: list[tuple[str, int, int]],
) -> list[str]:
    """Messages on ROIs of another id that this one covers, or lies in, by more than half of the smaller."""
    under, counts = np.unique(below[mask], return_counts=True)
    found = []
    for other, shared in zip(under.tolist(), counts.tolist(), strict=True):
        if other in (0, own):
            continue
        size = sum(area for _, number, area in painted if number == other)
        if shared > NESTED * min(size, mask.sum()):
            first = next(n for n, number, _ in painted if number == other)
            found.append(f"'{name}' (id {own}) and '{first}' (id {other}) share {shared} pixels")
        else:
            log.warning("ROI '%s' paints over %d pixels of id %d", name, shared, other)
    return found


def roi_mask(roi: ImagejRoi, shape: tuple[int, int]) -> tuple[tuple[int, int], NDArray[np.bool_], int]:
    """Corner (y, x) and mask of a ROI as far as it lies in the image, and the pixels of the whole ROI."""
    if roi.roitype == roifile.ROI_TYPE.OVAL:
        outlines = []
        box = np.array([[roi.left, roi.top], [roi.right, roi.bottom]], float)
        if roi.subpixelresolution and roi.widthd:
            box = np.array([[roi.xd, roi.yd], [roi.xd + roi.widthd, roi.yd + roi.heightd]], float)
    else:
        outlines = [np.asarray(part, float) for part in roi.coordinates(multi=True)]
        outlines = [part for part in outlines if len(part) > 2]
        points = np.concatenate(outlines) if outlines else np.zeros((1, 2))
        box = np.array([points.min(0), points.max(0)])
    if not np.isfinite(box).all():
        raise ValueError("its corners are no numbers")
    x0, y0 = np.floor(box[0]).astype(int)
    x1, y1 = np.ceil(box[1]).astype(int)
    if max(y1 - y0, 1) * max(x1 - x0, 1) > FAR * shape[0] * shape[1] + SMALL:
        return (0, 0), np.zeros((0, 0), bool), 1  # far outside; drawing it would take the memory
    whole = np.zeros((max(y1 - y0, 1), max(x1 - x0, 1)), bool)
    # Fiji's coordinates are those of pixel corners: the centre of the first pixel lies at 0.5.
    if roi.roitype == roifile.ROI_TYPE.OVAL:
        y, x = np.ogrid[: whole.shape[0], : whole.shape[1]]
        (cx, cy), (rx, ry) = box.mean(0) - (x0, y0) - 0.5, np.maximum((box[1] - box[0]) / 2, 1e-9)
        whole = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1
    for part in outlines:  # even-odd: an outline inside another one is a hole
        whole ^= polygon2mask(whole.shape, part[:, ::-1] - (y0, x0) - 0.5)
    inside = whole[max(-y0, 0) : max(shape[0] - y0, 0), max(-x0, 0) : max(shape[1] - x0, 0)]
    return (max(y0, 0), max(x0, 0)), inside, int(whole.sum())
