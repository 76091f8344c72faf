"""Finding the slices of a stack: a folder, a file pattern or one multi-page TIFF, as the user names it.

Imports neither NumPy nor tifffile, because the Snakefile calls it each time it is parsed.
"""

import glob
import os
import re
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from ultraseg.errors import UserError

SUFFIXES = (".tif", ".tiff")


class SliceRef(NamedTuple):
    """Where slice ``z`` of the stack lies; ``page`` is None where the file must hold one slice only."""

    z: int
    file: str
    page: int | None


@dataclass(frozen=True)
class SliceSource:
    """The slices found, ordered by z; ``first_number`` is the user's number of z = 0."""

    slices: tuple[SliceRef, ...]
    first_number: int = 0

    def __len__(self) -> int:
        return len(self.slices)

    @property
    def files(self) -> list[str]:
        """The files, each once, in the order of z."""
        return list(dict.fromkeys(ref.file for ref in self.slices))

    @property
    def zs(self) -> list[int]:
        return [ref.z for ref in self.slices]

    def range(self, start: int, stop: int) -> list[SliceRef]:
        """The slices with start <= z < stop."""
        return [ref for ref in self.slices if start <= ref.z < stop]


def resolve_slices(
    path: str, first_slice_number: int = 0, slices: list[int] | None = None, kind: str = "image"
) -> SliceSource:
    """Find the slices that ``path`` names: a folder of one-slice TIFFs, a pattern, or a multi-page TIFF.

    ``kind="image"``: files are ordered by the last number in their names, which must run without gaps or
    duplicates from any start. ``kind="labels"``: z = last number in the name - ``first_slice_number``; for a
    multi-page file ``slices`` gives the slice number of each page in the same numbering (default: page = z).
    Raises UserError for missing files, names without a number, gaps, duplicates and negative z.
    """
    if kind not in ("image", "labels"):
        raise ValueError(f"kind is {kind!r}, not 'image' or 'labels'")
    files = _find_files(os.path.expanduser(str(path)), kind)
    if len(files) == 1:
        pages = _count_pages(files[0])
        if pages > 1 or slices is not None or (kind == "image"):
            return _from_pages(files[0], pages, first_slice_number, slices, kind)
    if slices is not None:
        raise UserError(
            f"{path}: a list of slices is given, but {len(files)} files were found",
            "Remove 'slices' (the file names say which slices they are) or name one TIFF file.",
        )
    return _from_names(path, files, first_slice_number, kind)


def slice_number(file: str) -> int | None:
    """Last number in the name of a file, without its folder and suffix; None where there is none."""
    numbers = re.findall(r"\d+", os.path.splitext(os.path.basename(file))[0])
    return int(numbers[-1]) if numbers else None


def format_numbers(numbers: list[int], limit: int = 12) -> str:
    """Write numbers as ranges: ``3, 7-9, 12``; after ``limit`` ranges the rest is only counted."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs[:limit])
    rest = sum(b - a + 1 for a, b in runs[limit:])
    return f"{shown} and {rest} more" if rest else shown


def _find_files(path: str, kind: str) -> list[str]:
    if os.path.isdir(path):
        names = os.listdir(path)
        found = [os.path.join(path, name) for name in names if _is_tiff_name(name)]
        if not found:
            raise UserError(
                f"{path}: no TIFF file in this folder ({len(names)} other files)",
                f"Name the folder that holds the {kind} slices as .tif or .tiff files.",
            )
    elif os.path.exists(path):
        found = [path]
    elif glob.has_magic(path):
        found = [name for name in glob.glob(path, recursive=True) if _is_tiff_name(os.path.basename(name))]
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


def _is_tiff_name(name: str) -> bool:
    # macOS writes a hidden "._name.tif" beside each file on foreign disks: not a TIFF
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def _count_pages(file: str) -> int:
    from ultraseg.tiff import read_header  # imports NumPy and tifffile: only where a file must be opened

    return read_header(file).pages


def _from_pages(
    file: str, pages: int, first_slice_number: int, slices: list[int] | None, kind: str
) -> SliceSource:
    number = slice_number(file)
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
    if len(slices) != pages:
        raise UserError(
            f"{file}: has {pages} pages, but 'slices' lists {len(slices)} numbers",
            "Give one slice number for each page, in the order of the pages.",
        )
    _check_labels(file, list(slices), first_slice_number)
    refs = [SliceRef(number - first_slice_number, file, page) for page, number in enumerate(slices)]
    return SliceSource(tuple(sorted(refs)), first_slice_number)


def _from_names(path: str, files: list[str], first_slice_number: int, kind: str) -> SliceSource:
    unnumbered = [os.path.basename(file) for file in files if slice_number(file) is None]
    if unnumbered:
        raise UserError(
            f"{path}: {len(unnumbered)} file(s) without a number in the name: {', '.join(unnumbered[:5])}",
            "Put the slice number last in each file name, as in slice_0123.tif, or move other TIFFs away.",
        )
    numbered = sorted((slice_number(file), file) for file in files)
    numbers = [number for number, _ in numbered]
    if kind == "labels":
        _check_labels(path, numbers, first_slice_number)
        refs = tuple(SliceRef(number - first_slice_number, file, None) for number, file in numbered)
        return SliceSource(refs, first_slice_number)
    _check_duplicates(path, numbers)
    missing = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
    if missing:
        raise UserError(
            f"{path}: {len(missing)} slice(s) missing between {numbers[0]} and {numbers[-1]}: "
            f"{format_numbers(missing)}",
            "Add the missing files. Where a slice was never taken, copy its neighbour under that number.",
        )
    return SliceSource(tuple(SliceRef(z, file, None) for z, (_, file) in enumerate(numbered)), numbers[0])


def _check_duplicates(path: str, numbers: list[int]) -> None:
    duplicates = [number for number, count in Counter(numbers).items() if count > 1]
    if duplicates:
        raise UserError(
            f"{path}: more than one file or page for slice number(s) {format_numbers(duplicates)}",
            "Each slice may occur once, and its number must be the last one in the file name: "
            "rename files like slice_0123_8bit.tif, move copies away, or use a pattern that matches one set.",
        )


def _check_labels(path: str, numbers: list[int], first_slice_number: int) -> None:
    _check_duplicates(path, numbers)
    early = [number for number in numbers if number < first_slice_number]
    if early:
        raise UserError(
            f"{path}: slice number(s) {format_numbers(early)} lie before the first one, {first_slice_number}",
            "Set 'first_slice_number' to the number of the first image slice, or rename the label files.",
        )
