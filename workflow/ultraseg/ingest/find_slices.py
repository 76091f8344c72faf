"""Finding the slices of a stack: a folder, a file pattern or one multi-page TIFF, as the user names it.

Imports neither NumPy nor tifffile, because the Snakefile calls it each time it is parsed.
"""

import glob
import logging
import os

from ultraseg.base.errors import UserError
from ultraseg.formats.slice_source import PLANE, SliceRef, SliceSource
from ultraseg.ingest.name_numbers import changing_numbers, slice_number
from ultraseg.ingest.numbering import (
    check_duplicates,
    check_gaps,
    check_label_numbers,
    pattern_example,
    point_out_odd_names,
)

log = logging.getLogger(__name__)

SUFFIXES = (".tif", ".tiff")
LIST_SUFFIX = ".txt"


def resolve_slices(
    path: str,
    first_slice_number: int = 0,
    slices: list[int] | None = None,
    kind: str = "image",
    missing_slices: str = "error",
    pattern: str | None = None,
) -> SliceSource:
    """Find the slices that ``path`` names: a folder of one-slice TIFFs, a pattern, a .txt list, or a multi-page TIFF.

    ``kind="image"``: files are ordered by the last number in their names, which must run without duplicates from
    any start, and without gaps unless ``missing_slices`` is "bridge": then each file keeps the place that its number
    gives it, and the missing numbers are left out. ``kind="labels"``: z = last number in the name -
    ``first_slice_number``; for a multi-page file ``slices`` gives the slice number of each page in the same
    numbering (default: page = z). A file of one page may have as many planes instead. ``pattern`` picks another number
    than the last one, see ``slice_number``.
    Raises UserError for missing files, names without a number, gaps, duplicates and negative z.
    """
    if kind not in ("image", "labels"):
        raise ValueError(f"kind is {kind!r}, not 'image' or 'labels'")
    files = _find_files(os.path.expanduser(str(path)), kind)
    if len(files) == 1:
        pages = _count_pages(files[0], kind)
        if pages > 1 or slices is not None or (kind == "image"):
            return _from_pages(files[0], pages, first_slice_number, slices, kind, pattern)
        if slice_number(files[0], pattern) is None and (planes := _count_planes(files[0])) > 1:
            raise UserError(
                f"{files[0]}: holds 1 page of {planes} planes (colours), and nothing says which slices they are",
                "If the planes are slices that were saved as colours, as tifffile.imwrite does with stacks of three or "
                "four, name the slice of each plane with 'slices', such as slices: [0, 50, 100].",
            )
    if slices is not None:
        raise UserError(
            f"{path}: a list of slices is given, but {len(files)} files were found",
            "Remove 'slices' (the file names say which slices they are) or name one TIFF file.",
        )
    return _from_names(path, files, first_slice_number, kind, missing_slices, pattern)


def matching(pattern: str) -> list[str]:
    """Files that match a pattern; where none does, folders that are named as it stands, such as 'stack [1]', count."""
    found = glob.glob(pattern, recursive=True)
    if found:
        return found
    folder, rest = "/" if os.path.isabs(pattern) else "", pattern.split(os.sep)
    while len(rest) > 1 and os.path.isdir(os.path.join(folder, rest[0])):
        folder = os.path.join(folder, rest.pop(0))
    return glob.glob(os.path.join(glob.escape(folder), *rest), recursive=True)


def _find_files(path: str, kind: str) -> list[str]:
    if os.path.isdir(path):
        names = os.listdir(path)
        found = [os.path.join(path, name) for name in names if _is_tiff_name(name)]
        if not found:
            raise UserError(
                f"{path}: no TIFF file in this folder ({len(names)} other files)",
                f"Name the folder that holds the {kind} slices as .tif or .tiff files.",
            )
    elif os.path.isfile(path) and path.lower().endswith(LIST_SUFFIX):
        found = _listed_files(path)
    elif os.path.exists(path):
        found = [path]
    elif glob.has_magic(path):
        found = [name for name in matching(path) if _is_tiff_name(os.path.basename(name))]
        if not found:
            raise UserError(
                f"{path}: no .tif or .tiff file matches this pattern",
                "Check the folder and the pattern; '*' stands for any text within one folder.",
            )
    else:
        raise UserError(
            f"{path}: no such file or folder",
            f"Correct the path of the {kind}; relative paths start at the folder where the workflow runs.",
        )
    return sorted(found)


def _listed_files(path: str) -> list[str]:
    """The files that a text file names, one per line, relative to it; empty lines and lines with # are left out."""
    try:
        with open(path, encoding="utf-8-sig") as text:
            lines = [(number, line.strip()) for number, line in enumerate(text, 1)]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: cannot be read as a list of files ({error})", "Give a plain text file."
        ) from error
    named = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not named:
        raise UserError(f"{path}: lists no file", "Write one path per line, relative to the list.")
    folder = os.path.dirname(path)
    found = [
        (number, os.path.normpath(os.path.join(folder, os.path.expanduser(line)))) for number, line in named
    ]
    lost = [f"line {number}: {file}" for number, file in found if not os.path.isfile(file)]
    if lost:
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        raise UserError(
            f"{path}: {len(lost)} of {len(found)} listed files do not exist: {'; '.join(lost[:5])}{more}",
            "Correct these lines; paths are relative to the folder of the list.",
        )
    return [file for _, file in found]


def _is_tiff_name(name: str) -> bool:
    # macOS writes a hidden "._name.tif" beside each file on foreign disks: not a TIFF
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def _count_pages(file: str, kind: str) -> int:
    # NumPy and tifffile are imported only where a file must be opened.
    from ultraseg.formats.tiff_read import count_slices

    return count_slices(file, kind)


def _count_planes(file: str) -> int:
    from ultraseg.formats.tiff_read import count_planes

    return count_planes(file)


def _from_pages(
    file: str, pages: int, first_slice_number: int, slices: list[int] | None, kind: str, pattern: str | None
) -> SliceSource:
    number = slice_number(file, pattern)
    if kind == "image":
        if slices is not None:
            raise UserError(
                f"{file}: 'slices' is given for an image stack",
                "Remove 'slices': every page of the image is a slice.",
            )
        first = 0 if pages > 1 or number is None else number
        return SliceSource(tuple(SliceRef(page, file, page) for page in range(pages)), first)
    if slices is None:
        return SliceSource(tuple(SliceRef(page, file, page) for page in range(pages)), first_slice_number)
    planes = _count_planes(file) if pages == 1 < len(slices) else 1
    if len(slices) not in (pages, planes):
        held = "1 page" if pages == 1 else f"{pages} pages"
        if planes > 1:
            held = f"1 page of {planes} planes (colours)"
        raise UserError(
            f"{file}: has {held}, but 'slices' lists {len(slices)} numbers",
            "Give one slice number for each page, in the order of the pages.",
        )
    check_label_numbers(file, [(number, file) for number in slices], first_slice_number)
    first = PLANE if len(slices) > pages else 0
    refs = [SliceRef(number - first_slice_number, file, first + page) for page, number in enumerate(slices)]
    return SliceSource(tuple(sorted(refs)), first_slice_number)


def _from_names(
    path: str,
    files: list[str],
    first_slice_number: int,
    kind: str,
    missing_slices: str,
    pattern: str | None,
) -> SliceSource:
    unnumbered = [os.path.basename(file) for file in files if slice_number(file, pattern) is None]
    if unnumbered and pattern is not None:
        raise UserError(
            f"{path}: in {len(unnumbered)} file name(s) slice_number_pattern '{pattern}' finds no number: "
            f"{', '.join(unnumbered[:5])}",
            "Correct the pattern: its one group in parentheses must match the digits of the slice number, as in "
            r"'slice_(\d+)'; or move other TIFFs away.",
        )
    if unnumbered:
        raise UserError(
            f"{path}: {len(unnumbered)} file(s) without a number in the name: {', '.join(unnumbered[:5])}",
            "Put the slice number last in each file name, as in slice_0123.tif, or move other TIFFs away.",
        )
    numbered = sorted((number, file) for file in files if (number := slice_number(file, pattern)) is not None)
    if kind == "labels":
        if pattern is None and changing_numbers(files) > 1:
            log.warning(
                "%s: more than one number changes from file name to file name, and the last one is taken (%s is slice "
                "number %d); if another one is that of the slice, set slice_number_pattern%s",
                path, os.path.basename(numbered[0][1]), numbered[0][0], pattern_example(files, consecutive=False),
            )  # fmt: skip
        else:
            point_out_odd_names(path, files, pattern)
        check_label_numbers(path, numbered, first_slice_number)
        refs = tuple(SliceRef(number - first_slice_number, file, None) for number, file in numbered)
        return SliceSource(refs, first_slice_number)
    check_duplicates(path, numbered)
    check_gaps(path, numbered, missing_slices)
    point_out_odd_names(path, files, pattern)
    first = numbered[0][0]
    return SliceSource(tuple(SliceRef(number - first, file, None) for number, file in numbered), first)
