"""What ``check`` reads: the headers of all image, label and truth files, and the values of all label files."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

import pandas as pd

from ultraseg.base.errors import UserError
from ultraseg.formats.slice_checks import check_size, check_type, page_index
from ultraseg.formats.slice_source import SliceRef
from ultraseg.formats.tiff_decode import check_page, number_of_slices, open_tiff, refuse_loss
from ultraseg.formats.tiff_stack import refuse_hyperstack
from ultraseg.ingest.image_source import file_kind
from ultraseg.labels.coverage import coverage_table
from ultraseg.labels.planes import iterate_planes
from ultraseg.labels.source import is_roi
from ultraseg.plan.volume import Volume

HEADER_THREADS = 16  # they mostly wait for the disk or the network
LABEL_BYTES_PER_PIXEL = 24
LABEL_MEMORY = 2e9


def image_problems(volume: Volume, only: Collection[str] | None = None) -> list[UserError]:
    """Problems in the headers of the image's files; all slices must be like the first. ``only``: these files."""
    refs = [*volume.image.slices, *volume.sampled]
    if file_kind(refs[0].file) != "tiff":
        return []  # one header for all slices, which was read when the volume was opened
    return _header_problems(refs, volume.full_shape[1:], volume.dtype, only)


def truth_problems(volume: Volume, only: Collection[str] | None = None) -> list[UserError]:
    """Problems in the headers of the files of truth."""
    sources = [source for source in volume.truth.values() if source.array is None]  # arrays have one header
    refs = [ref for source in sources for ref in source.slices if not is_roi(ref.file)]
    return _header_problems(refs, volume.full_shape[1:], None, only)


def check_labels(
    volume: Volume, kinds: Mapping[str, str], only: Collection[str] | None = None
) -> tuple[pd.DataFrame, list[UserError]]:
    """Read all label slices of the structures in ``kinds``: their coverage table, without split, and all problems.

    With ``only``, structures none of whose files is among these are left out.
    """
    wanted = [
        s for s in volume.labels if s in kinds and (only is None or volume.files_of_labels(s) & {*only})
    ]

    def read(structure: str) -> tuple[pd.DataFrame, list[UserError]]:
        problems: list[UserError] = []
        given = {structure: volume.labels[structure]}
        table = coverage_table(
            given, kinds, volume.full_shape[1:], volume.n_slices, crop=volume.plane_crop, problems=problems
        )
        for plane, source in volume.planes.get(structure, {}).items():
            for _ in iterate_planes(source, plane, volume.full_shape, volume.roi, kinds[structure], problems):
                pass
        return table, problems

    pixels = volume.full_shape[1] * volume.full_shape[2]
    threads = max(1, min(os.cpu_count() or 1, int(LABEL_MEMORY / LABEL_BYTES_PER_PIXEL / pixels)))
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(read, wanted))
    tables = [table for table, _ in found if len(table)]
    problems = [_located(error, volume.name) for _, errors in found for error in errors]
    return (pd.concat(tables) if tables else pd.DataFrame()), problems


def _located(error: UserError, volume: str) -> UserError:
    """Problems of files name the file; those of a structure as a whole get the key of the configuration."""
    whole = os.path.sep not in error.problem.partition(": ")[0]
    return UserError(f"volumes.{volume}.labels.{error.problem}", error.cure) if whole else error


def _header_problems(
    refs: Sequence[SliceRef], shape: Sequence[int], dtype: str | None, only: Collection[str] | None
) -> list[UserError]:
    groups = groupby(sorted(refs, key=lambda ref: ref.file), key=lambda ref: ref.file)
    files = {
        file: sorted({ref.page for ref in group}, key=lambda page: page or 0)
        for file, group in groups
        if only is None or file in only
    }
    with ThreadPoolExecutor(HEADER_THREADS) as pool:
        found = pool.map(lambda item: _header_problem(item[0], item[1], shape, dtype), files.items())
        return [problem for problem in found if problem]


def _header_problem(
    file: str, pages: Sequence[int | None], shape: Sequence[int], dtype: str | None
) -> UserError | None:
    """What is wrong with the headers of some pages of one file; the first of it."""
    try:
        with open_tiff(file) as tif:
            count = number_of_slices(tif)
            if None in pages and count > 1:
                refuse_hyperstack(tif, file, count, "image")  # says more than that there are too many pages
            for page in pages:
                found_shape, found_dtype = check_page(tif, file, page_index(page, count, file))
                check_size(found_shape, shape, file)
                if dtype is not None:
                    check_type(found_dtype.name, dtype, file)
                else:  # of truth
                    refuse_loss(tif, file, page or 0)
    except UserError as error:
        return error
    return None
