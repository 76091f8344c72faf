"""What a user wrote about cells that were joined wrongly: the text file of a volume, read and checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ultraseg.base.errors import Problems, UserError
from ultraseg.base.ids import LARGEST_ID
from ultraseg.base.yaml_file import read_yaml

ID = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}
VOXEL = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 3, "maxItems": 3}


def _fields(required: Sequence[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


KINDS = {
    "merge": {"type": "array", "items": ID, "minItems": 2, "uniqueItems": True},
    "split": _fields(["cell", "slice"], cell=ID, slice={"type": "integer", "minimum": 1}, new=ID),
    "assign": _fields(["fragment", "cell"], fragment=VOXEL, cell=ID),
    "forbid": _fields(["fragment", "cell"], fragment=VOXEL, cell=ID),
}
EXAMPLES = """one edit per line, such as
    - merge: [5, 12]
    - split: {cell: 7, slice: 40}
    - assign: {fragment: [33, 210, 405], cell: 5}
    - forbid: {fragment: [33, 210, 405], cell: 12}"""


@dataclass(frozen=True)
class CellEdit:
    """One edit: ``kind`` of KINDS; cells: the ids it names, for merge the one that stays first.

    z: first slice of the new cell of a split; new: its id, if the user chose one; voxel: z, y, x in the fragment that
    is assigned or forbidden. Slices and voxels count from the volume's first. text: the edit as messages name it.
    """

    kind: str
    cells: tuple[int, ...]
    z: int = 0
    new: int | None = None
    voxel: tuple[int, int, int] | None = None
    text: str = ""


def read_cell_edits(
    file: str, shape: Sequence[int], origin: Sequence[int] = (0, 0, 0)
) -> tuple[CellEdit, ...]:
    """The edits in a file, in its order; shape and origin of the volume within the stack that the file counts in.

    Raises UserError for a file that cannot be read, for entries that are no edits, and for places outside the volume.
    """
    if not Path(file).exists():
        raise UserError(f"{file}: no such file", "Correct the path, or remove cell_edits.")
    found = read_yaml(file, EXAMPLES, as_written=True)
    if not isinstance(found, list | None):
        raise UserError(f"{file}: holds {type(found).__name__}, no list of edits", f"Write {EXAMPLES}")
    problems, edits = Problems(), []
    for number, entry in enumerate(found or [], 1):
        with problems.caught():
            edits.append(_edit(f"{file}, edit {number}", entry, shape, origin))
    with problems.caught():
        _check_merges(file, edits)
    problems.raise_all()
    return tuple(edits)


def _edit(where: str, entry: Any, shape: Sequence[int], origin: Sequence[int]) -> CellEdit:
    import jsonschema  # jobs that read no edits do not wait for it

    kind = next(iter(entry)) if isinstance(entry, dict) and len(entry) == 1 else None
    if kind not in KINDS:
        raise UserError(f"{where}: {entry!r} is no edit", f"Write {EXAMPLES}")
    value, text = _whole(entry[kind]), f"{where} ({kind}: {entry[kind]})"
    problem = next(jsonschema.Draft202012Validator(KINDS[kind]).iter_errors(value), None)
    if problem:
        raise UserError(f"{text}: not understood, {problem.message}", f"Write {EXAMPLES}")
    if kind == "merge":
        return CellEdit(kind, tuple(value), text=text)
    if kind == "split":
        z = value["slice"] - origin[0]
        if not 0 < z < shape[0]:
            span = f"{origin[0] + 1} to {origin[0] + shape[0] - 1}"
            raise UserError(f"{text}: a cell can be split at the slices {span}", "Choose one of these.")
        return CellEdit(kind, (value["cell"],), z=z, new=value.get("new"), text=text)
    voxel = tuple(v - o for v, o in zip(value["fragment"], origin, strict=True))
    if not all(0 <= v < n for v, n in zip(voxel, shape, strict=True)):
        raise UserError(
            f"{text}: the voxel lies outside the volume, z, y, x from {list(origin)}, {list(shape)} large",
            "Give z, y, x in voxels as the viewer shows them (its own order is x, y, z).",
        )
    return CellEdit(kind, (value["cell"],), voxel=voxel, text=text)


def _whole(value: Any) -> Any:
    """The value with whole numbers that have a point, such as 5.0, as integers."""
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _check_merges(file: str, edits: Sequence[CellEdit]) -> None:
    into: dict[int, int] = {}
    for edit in (edit for edit in edits if edit.kind == "merge"):
        keep, *others = edit.cells
        for other in others:
            if into.get(other, keep) != keep:
                raise UserError(
                    f"{file}: cell {other} is merged into {into[other]} and into {keep}",
                    "Leave one of the two, or list all ids that are one cell in a single merge.",
                )
            into[other] = keep
    for start in into:
        cell, seen = start, set()
        while cell in into:
            if cell in seen:
                raise UserError(
                    f"{file}: merges lead from cell {cell} back to itself",
                    "List all ids that are one cell in a single merge, the one that stays first.",
                )
            seen.add(cell)
            cell = into[cell]


def voxels_of(edits: Iterable[CellEdit]) -> list[tuple[int, int, int]]:
    """The voxels that edits name, each once."""
    return sorted({edit.voxel for edit in edits if edit.voxel})
