"""Labelled planes across the slices: finding and checking them, and comparing them with the labelled slices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ultraseg.base.errors import UserError
from ultraseg.formats.array_files import is_array_file
from ultraseg.grid.planes import PLACES, turned
from ultraseg.ingest.crop import Roi
from ultraseg.labels.source import LabelSource, find_rois, resolve_labels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ultraseg.labels.coverage import LabelSlice
    from ultraseg.storage.label_slices import LabelSlices

INHERITED = ("values", "ignore_value", "background")
LEAST_COMPARED = 20  # pixels of a plane on labelled slices from which they may contradict it
CONTRADICTED = 0.5  # share of these pixels from which the plane cannot be where it is said to be
SAME_CELL = 0.5  # share of a cell's line on a slice from which another id there is named in a warning
LISTED = 8  # pairs of ids in a message

Planes = dict[str, LabelSource]  # by plane, xz and yz


def resolve_planes(
    settings: Mapping[str, Any], locate: Callable[[str], str], shape: Sequence[int], where: str
) -> Planes:
    """The planes of one entry under ``labels:``, counted along the axis that they lie across.

    settings: the entry, whose key ``planes`` names them; shape: z, y, x of the whole stack; where: the entry's place in
    the configuration. Planes are TIFFs as ``find_slices.resolve_slices`` finds them; planes of zeros are left out.
    Raises UserError.
    """
    found = Planes()
    for plane, given in settings.get("planes", {}).items():
        entry = {"path": given} if isinstance(given, str) else dict(given)
        here = f"{where}.planes.{plane}"
        inherited = {key: settings[key] for key in INHERITED if key in settings}
        path = locate(entry["path"])
        if is_array_file(path) or find_rois(path):
            raise UserError(
                f"{here}: {path} holds no TIFFs, as labelled planes must",
                f"Save each {plane} plane as a TIFF of its own, the number of its {PLACES[plane][0]} last in the name.",
            )
        try:
            source = resolve_labels(inherited | entry | {"empty_slices": "unlabelled"}, locate)
        except UserError as error:
            raise UserError(f"{here}: {error.problem}", error.cure) from None
        _check_places(here, plane, source, entry, turned(shape, plane)[0])
        found[plane] = source
    return found


def _check_places(where: str, plane: str, source: LabelSource, entry: Mapping[str, Any], size: int) -> None:
    row, axis = PLACES[plane]
    pages = [ref for ref in source.slices if ref.page is not None]
    if pages and "slices" not in entry:
        raise UserError(
            f"{where}: {pages[0].file} has several pages, and nothing says which {row} each page is",
            f"List the {row} of each page, counted from 0: slices: [100, 200].",
        )
    beyond = [ref for ref in source.slices if not 0 <= ref.z < size]
    if beyond:
        raise UserError(
            f"{where}: {beyond[0].file} is {row} {beyond[0].z} (counted from 0), the image has {row}s 0 to {size - 1} "
            f"along {axis}",
            f"Number {plane} planes by their place along {axis}; first_slice_number is the number that stands for the "
            f"first {row}.",
        )


def cropped(planes: Planes, roi: Roi) -> Planes:
    """The planes that lie in the roi, counted from its first row or column; those without any are left out."""
    found = {plane: source.cropped(turned(roi, plane)) for plane, source in planes.items()}
    return {plane: source for plane, source in found.items() if source.slices}


def iterate_planes(
    source: LabelSource,
    plane: str,
    full_shape: Sequence[int],
    roi: Roi,
    kind: str,
    problems: list[UserError] | None = None,
) -> Iterator[LabelSlice]:
    """The labels of each plane, rows along z, one in memory at a time; as ``coverage.iterate_labels`` gives slices.

    full_shape: z, y, x of the whole stack; roi: the part of it that is wanted. With a list ``problems``, errors are
    appended to it; without it, the first one is raised.
    """
    from ultraseg.labels.coverage import iterate_labels  # NumPy

    _, rows, columns = turned(full_shape, plane)
    across, *crop = turned(roi, plane)
    for file in source.stack.files:
        try:
            _check_size(file, plane, rows, columns)
        except UserError as error:
            if problems is None:
                raise
            problems.append(error)
            return
    count = across[1] - across[0]
    yield from iterate_labels(source, (rows, columns), count, kind, problems, crop)


def _check_size(file: str, plane: str, rows: int, columns: int) -> None:
    from ultraseg.formats.tiff_read import read_header

    found = read_header(file).shape
    if found == (rows, columns):
        return
    along = "x" if plane == "xz" else "y"
    is_turned = found == (columns, rows)
    raise UserError(
        f"{file}: is {found[0]} x {found[1]} pixels (height x width), but an {plane} plane of this image has "
        f"{rows} rows along z and {columns} columns along {along}",
        "Turn it by 90 degrees, so that its rows run along z."
        if is_turned
        else "Export the whole plane, with a row for every slice of the stack and a pixel for every voxel.",
    )


# ---- planes and slices
class Line(NamedTuple):
    """What a plane shows on one labelled slice: ids or 0/1 (W,), and where they are known (None: everywhere)."""

    at: int
    z: int
    ids: NDArray[Any]
    known: NDArray[np.bool_] | None


class Meeting(NamedTuple):
    """How plane ``at`` and slice ``z`` agree: pixels that both show, how many differ, and ids that are others.

    pairs: id on the plane, id on the slice, where at least half of a cell's line has one other id.
    """

    at: int
    z: int
    pixels: int
    differ: int
    pairs: list[tuple[int, int]]


def lines_of(one: LabelSlice, zs: Iterable[int]) -> list[Line]:
    """The lines of a plane on the slices ``zs``."""
    return [
        Line(one.z, z, one.labels[z].copy(), None if one.known is None else one.known[z].copy()) for z in zs
    ]


def meetings(lines: Sequence[Line], given: LabelSlices, plane: str, kind: str) -> list[Meeting]:
    """How planes agree with the labelled slices of a file, of which one is in memory at a time."""
    found = []
    for z in sorted({line.z for line in lines}):
        labels, known = given.read(z), given.known(z)
        for line in (line for line in lines if line.z == z):
            here = line.at if plane == "xz" else (slice(None), line.at)
            found.append(_meeting(line, labels[here], None if known is None else known[here], kind))
    return found


def _meeting(line: Line, other: NDArray[Any], known: NDArray[np.bool_] | None, kind: str) -> Meeting:
    import numpy as np

    # Borders between cells are drawn a pixel further here or there: of cells, only ids are compared.
    both = (line.ids > 0) & (other > 0) if kind == "cells" else (line.ids > 0) | (other > 0)
    for part in (line.known, known):
        both &= True if part is None else part
    mine, theirs = line.ids[both], other[both]
    pairs = []
    for cell in np.unique(mine).tolist() if kind == "cells" else ():
        ids, counts = np.unique(theirs[mine == cell], return_counts=True)
        most = int(ids[counts.argmax()])
        if most != cell and counts.max() >= max(SAME_CELL * counts.sum(), 3):
            pairs.append((cell, most))
    return Meeting(line.at, line.z, int(both.sum()), int((mine != theirs).sum()), pairs)


def contradictions(
    found: Sequence[Meeting], structure: str, plane: str, first: int, kind: str
) -> tuple[list[UserError], list[str]]:
    """Errors for planes of cells that labelled slices contradict, and warnings for single ids and other structures.

    first: the user's number of place 0.
    """
    problems, warnings = [], []
    for at in sorted({one.at for one in found}):
        own = [one for one in found if one.at == at]
        pixels, differ = sum(one.pixels for one in own), sum(one.differ for one in own)
        name = f"{structure}: {plane} plane {at + first}"
        listed = _listed(own)
        if pixels >= LEAST_COMPARED and differ > CONTRADICTED * pixels:
            said = (
                f"{name} contradicts the labelled slices that it crosses on {100 * differ / pixels:.0f} % of the "
                f"{pixels} pixels that both label{listed}"
            )
            if kind == "cells":
                problems.append(UserError(said, _cure(plane)))
            else:
                warnings.append(f"{said}. {_cure(plane)}")
        elif listed:
            warnings.append(
                f"{name} and the labelled slices that it crosses give other ids to a cell{listed}"
            )
    return problems, warnings


def _listed(found: Sequence[Meeting]) -> str:
    pairs = [(one.z, a, b) for one in found for a, b in one.pairs]
    if not pairs:
        return ""
    some = ", ".join(f"its cell {a} is cell {b} of slice {z}" for z, a, b in pairs[:LISTED])
    rest = f" and {len(pairs) - LISTED} more" if len(pairs) > LISTED else ""
    return f": {some}{rest}"


def _cure(plane: str) -> str:
    row, axis = PLACES[plane]
    along = "x" if plane == "xz" else "y"
    return (
        f"Check the number in its name, its {row} along {axis} (first_slice_number stands for the first {row}), that "
        f"rows run along z and columns along {along}, neither turned nor mirrored, and that a cell has one number on "
        "planes and slices."
    )
