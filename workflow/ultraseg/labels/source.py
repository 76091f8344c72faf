"""Where a volume's labels lie and how their numbers are to be read; light to import, for the Snakefile."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ultraseg.base.errors import UserError
from ultraseg.base.text import format_numbers
from ultraseg.formats.array_files import ArrayFile, exchanged, is_array_file, open_header
from ultraseg.formats.other_formats import refuse_other_volumes
from ultraseg.formats.remote_zarr import is_address, mirrored
from ultraseg.formats.slice_source import PLANE, SliceRef, SliceSource
from ultraseg.ingest.crop import Roi, crop_source
from ultraseg.ingest.find_slices import matching, resolve_slices
from ultraseg.ingest.name_numbers import slice_number
from ultraseg.ingest.numbering import check_label_numbers

ROI_SUFFIXES = (".zip", ".roi")


@dataclass(frozen=True)
class LabelSource:
    """The label slices of one structure and how to read them; a ``page`` of a ROI file is a number of a slice.

    stack: the slices. values: the numbers, or colours '#rrggbb', that are the structure (none: all but 0).
    ignore_value: what stands for 'not labelled'. background: what is background beside 0. rectangle: ((y0, y1),
    (x0, x1)) in pixels of the full stack, None at an open end. region: (number, file, page) of mask slices, number as
    in the file names, None for a mask of all slices. Outside rectangle or region nothing is known. roi_ids: what gives
    ROIs their ids. empty_slices: what a slice of zeros says, 'labelled', 'unlabelled', or 'ask' where a guess could be
    wrong. corrected: files of slices that were proofread, plain numbers on all of the slice, whatever the rest of the
    source says. array: the HDF5, Zarr, NRRD or NIfTI array whose slices the refs of its path are.
    """

    stack: SliceSource
    values: tuple[int | str, ...] = ()
    ignore_value: int | str | None = None
    background: int | str | None = None
    rectangle: tuple[tuple[int | None, int | None], ...] | None = None
    region: tuple[tuple[int | None, str, int | None], ...] = ()
    roi_ids: str | None = None
    empty_slices: str = "labelled"
    corrected: tuple[str, ...] = ()
    array: ArrayFile | None = None

    def __len__(self) -> int:
        return len(self.stack)

    @property
    def slices(self) -> tuple[SliceRef, ...]:
        return self.stack.slices

    @property
    def zs(self) -> list[int]:
        return self.stack.zs

    @property
    def first_number(self) -> int:
        """The user's number of z = 0."""
        return self.stack.first_number

    @property
    def files(self) -> list[str]:
        """The files to read, those of the region included, each once."""
        chosen = {ref.z + self.first_number for ref in self.slices}
        regions = [file for number, file, _ in self.region if number is None or number in chosen]
        if self.array is None:
            return list(dict.fromkeys([*self.stack.files, *regions]))
        pages = [ref.page or 0 for ref in self.slices if ref.file == self.array.path]
        others = [file for file in self.stack.files if file != self.array.path]
        return list(dict.fromkeys([*(self.array.files(pages) if pages else []), *others, *regions]))

    @property
    def held(self) -> int:
        """Bytes that stay in memory while its slices are read, twice while a packed file is unpacked."""
        return 2 * self.array.held if self.array else 0

    @property
    def partial(self) -> bool:
        """Whether some of its pixels may be unlabelled."""
        return self.ignore_value is not None or self.rectangle is not None or bool(self.region)

    def with_slices(self, slices: Iterable[SliceRef]) -> LabelSource:
        """Other slices, read in the same way."""
        return replace(self, stack=replace(self.stack, slices=tuple(slices)))

    def cropped(self, roi: Roi) -> LabelSource:
        """The slices that lie in the roi, counted from its first slice."""
        return replace(self, stack=crop_source(self.stack, roi))

    @classmethod
    def of(cls, source: LabelSource | SliceSource | Sequence[SliceRef]) -> LabelSource:
        """A label source from a stack or from a list of slices."""
        if isinstance(source, LabelSource):
            return source
        if isinstance(source, SliceSource):
            return cls(source)
        return cls(SliceSource(tuple(SliceRef(*ref) for ref in source)))


def resolve_labels(
    settings: str | Mapping[str, Any],
    locate: Callable[[str], str],
    n_slices: int | None = None,
    dense: bool = False,
) -> LabelSource:
    """Find the label slices of one entry under ``labels:`` or ``truth:``; ``locate`` completes a path.

    n_slices: of the whole stack, where it is known; a multi-page file without ``slices`` must have as many pages.

    dense: whether all slices of an array are labelled; else those that show nothing are left out.

    TIFFs as ``find_slices.resolve_slices`` finds them, or ROI files of ImageJ; with ``empty_slices: unlabelled``
    slices of nothing but background are left out, and with ``values`` those that show none of them. Raises UserError.
    """
    settings = {"path": settings} if isinstance(settings, str) else settings
    path = locate(settings["path"])
    if is_address(path):
        path = mirrored(path)
    region = settings.get("region")
    if os.path.isfile(path):
        refuse_other_volumes(path)
    array = _label_array(path, settings) if is_array_file(path) else None
    found = _find(path, settings, settings.get("slices"), n_slices, array)
    empty_slices = "ask" if _is_dense(found, settings) else "labelled"
    if array is not None:
        empty_slices = "labelled" if dense or "slices" in settings else "unlabelled"
    source = LabelSource(
        found,
        values=tuple(settings.get("values", ())),
        ignore_value=settings.get("ignore_value"),
        background=settings.get("background"),
        rectangle=_rectangle(region) if isinstance(region, Mapping) else None,
        region=_region(locate(region), settings, n_slices) if isinstance(region, str) else (),
        roi_ids=settings.get("roi_ids"),
        empty_slices=settings.get("empty_slices", empty_slices),
        array=array,
    )
    _check_region(path, source)
    return _without_empty(path, source) if source.empty_slices == "unlabelled" else source


def with_corrections(
    labels: Mapping[str, LabelSource], folder: str, structures: Mapping[str, Mapping[str, Any]]
) -> dict[str, LabelSource]:
    """The labels with the proofread slices in ``folder``, which hold instead of the user's first ones.

    The folder has one folder for each structure that was corrected, with one TIFF per slice, its number in the stack,
    from 0, last in the name. A folder that is not there yet has none. Raises UserError for unknown structures.
    """
    merged = dict(labels)
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    for name in [name for name in names if not name.startswith(".")]:
        if name not in structures:
            raise UserError(
                f"{os.path.join(folder, name)}: corrections of '{name}', which is no structure of the configuration",
                f"Keep one folder for each of {', '.join(structures)}; remove others.",
            )
        found = resolve_slices(os.path.join(folder, name), 0, None, "labels")
        if any(ref.page is not None for ref in found.slices):
            raise UserError(
                f"{found.slices[0].file}: holds {len(found)} pages, and nothing says which slices they are",
                "Save each corrected slice as a TIFF of its own, its number in the stack, from 0, last in the name.",
            )
        before = merged.get(name, LabelSource.of([]))
        kept = [ref for ref in before.slices if ref.z not in found.zs]
        slices = sorted([*kept, *found.slices], key=lambda ref: ref.z)
        merged[name] = replace(before.with_slices(slices), corrected=tuple(found.files))
    return merged


def is_roi(file: str) -> bool:
    """Whether a file is one of ImageJ's ROI files, by its name."""
    return file.lower().endswith(ROI_SUFFIXES)


def find_rois(path: str) -> list[str]:
    """ROI files that a path names: one .zip or .roi, a pattern of them, or a folder of them without a TIFF."""
    if os.path.isdir(path):
        names = [name for name in sorted(os.listdir(path)) if not name.startswith(".")]
        if any(name.lower().endswith((".tif", ".tiff")) for name in names):
            return []
        return [os.path.join(path, name) for name in names if is_roi(name)]
    if glob.has_magic(path) and not os.path.exists(path):
        return [name for name in sorted(matching(path)) if is_roi(name)]
    return [path] if is_roi(path) and os.path.exists(path) else []


def _label_array(path: str, settings: Mapping[str, Any]) -> ArrayFile:
    array = open_header(path, settings.get("axes"))
    if array.channels > 1:
        raise UserError(
            f"{array.name}: has {array.channels} channels where labels have one",
            "Write the labels of one structure to an array of their own, or classes as numbers, and choose by values.",
        )
    return array


def _find(
    path: str,
    settings: Mapping[str, Any],
    slices: list[int] | None,
    n_slices: int | None,
    array: ArrayFile | None = None,
) -> SliceSource:
    first_slice_number, pattern = settings.get("first_slice_number"), settings.get("slice_number_pattern")
    if array is not None:
        return _of_array(array, first_slice_number or 0, slices, n_slices)
    if "axes" in settings:
        raise UserError(
            f"{path}: axes are given, but it is no HDF5, NRRD or NIfTI file and no Zarr folder",
            "Remove axes: slices of TIFFs and ROI files have no others.",
        )
    rois = find_rois(path)
    if not rois:
        found = resolve_slices(path, first_slice_number or 0, slices, "labels", pattern=pattern)
        if slices is None and n_slices is not None:
            _check_pages(found, n_slices)
        return found
    if slices is not None:
        raise UserError(
            f"{path}: 'slices' is given for ROI files",
            "Remove it: the slice of a ROI is its position in the stack.",
        )
    from ultraseg.labels.imagej_rois import roi_slices  # opens files

    return roi_slices(rois, first_slice_number, pattern)


def _of_array(array: ArrayFile, first: int, slices: list[int] | None, n_slices: int | None) -> SliceSource:
    """The slices of an array: as many as the stack has, or those that ``slices`` names."""
    count = array.shape[0]
    if slices is not None and len(slices) != count:
        raise UserError(
            f"{array.name}: has {count} slices, but 'slices' lists {len(slices)} numbers",
            "Give one slice number for each slice of the array, in their order.",
        )
    if slices is not None:
        check_label_numbers(array.name, [(number, array.name) for number in slices], first)
    numbers = [number - first for number in slices] if slices is not None else range(count)
    refs = [SliceRef(z, array.path, page) for page, z in enumerate(numbers)]
    found = SliceSource(tuple(sorted(refs)), first)
    if slices is None and n_slices is not None:
        if count != n_slices and n_slices in array.shape[1:]:
            axis = "yx"[array.shape[1:].index(n_slices)]
            raise UserError(
                f"{array.name}: has {count} slices (axes {array.axes}: {' x '.join(map(str, array.size))}), the image "
                f"{n_slices}",
                f"The axes of the file seem to be in another order than {array.axes}. If so, say it: axes: "
                f"{exchanged(array.axes, 'z', axis)}.",
            )
        _check_pages(found, n_slices)
    return found


def _check_pages(found: SliceSource, n_slices: int) -> None:
    """Pages without numbers are the slices of the stack only where there are as many of them."""
    pages = sum(ref.page is not None for ref in found.slices)
    if pages and pages != n_slices:
        raise UserError(
            f"{found.slices[0].file}: has {pages} pages, but the image has {n_slices} slices, and nothing says which "
            "slices the pages are",
            "Name the slice of each page with 'slices', such as slices: [0, 50, 100] for a file of three pages. "
            "Without 'slices' a file must have a page for every slice of the stack.",
        )


def _is_dense(found: SliceSource, settings: Mapping[str, Any]) -> bool:
    """Whether a multi-page TIFF has a page for every slice of the stack, as exports of whole stacks do."""
    return "slices" not in settings and any(r.page is not None and not is_roi(r.file) for r in found.slices)


def _rectangle(region: Mapping[str, Any]) -> tuple[tuple[int | None, int | None], ...]:
    ranges = (region.get(axis, (None, None)) for axis in "yx")
    return tuple((start, stop) for start, stop in ranges)


def _region(
    path: str, settings: Mapping[str, Any], n_slices: int | None
) -> tuple[tuple[int | None, str, int | None], ...]:
    """Mask slices of a region, by the same numbers as the labels; one mask without a number serves all slices."""
    if is_array_file(path):
        raise UserError(
            f"{path}: is no TIFF and no ROI file, as the mask of a region must be",
            "Save the mask as TIFF, or mark unlabelled pixels by a number: ignore_value.",
        )
    if (
        os.path.isfile(path)
        and slice_number(path, settings.get("slice_number_pattern")) is None
        and not is_roi(path)
    ):
        from ultraseg.formats.tiff_read import read_header

        if read_header(path).pages == 1:
            return ((None, path, None),)
    found = _find(path, {key: value for key, value in settings.items() if key != "axes"}, None, n_slices)
    return tuple((ref.z + found.first_number, ref.file, ref.page) for ref in found.slices)


def _check_region(path: str, source: LabelSource) -> None:
    numbers = {number for number, _, _ in source.region}
    if not numbers or None in numbers:
        return
    lacking = [z + source.first_number for z in source.zs if z + source.first_number not in numbers]
    if lacking:
        raise UserError(
            f"{path}: the region has no mask for slice number(s) {format_numbers(lacking)}",
            "Give a mask for each labelled slice, or one mask file without a number in its name for all of them.",
        )


def _without_empty(path: str, source: LabelSource) -> LabelSource:
    from ultraseg.labels.empty_pages import (
        constant_pages,
        constant_planes,
        pages_with,
        planes_with,
    )  # opens files

    nothing, array = {0, source.ignore_value, source.background} - {None}, source.array
    files = [file for file in source.stack.files if not is_roi(file)]
    by_values = (
        source.values and source.ignore_value is None
    )  # else background may be drawn, and is labelled then
    if array is not None:
        found = (
            planes_with(array, source.values)
            if by_values
            else [n not in nothing for n in constant_planes(array)]
        )
        shown = {array.path: found}
    elif by_values:
        shown = {file: pages_with(file, source.values) for file in files}
    else:
        shown = {file: [number not in nothing for number in constant_pages(file)] for file in files}
    kept = tuple(
        ref
        for ref in source.slices
        if ref.file not in shown or (ref.page or 0) >= PLANE or shown[ref.file][ref.page or 0]
    )
    if not kept:
        raise UserError(
            f"{path}: all {len(source.slices)} slices are empty",
            "Check that the export holds the labels; with empty_slices: unlabelled, empty ones do not count.",
        )
    return source.with_slices(kept)
