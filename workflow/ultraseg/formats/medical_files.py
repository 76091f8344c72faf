"""NRRD and NIfTI files: what their headers say, and their numbers as an array. Light to import.

Axes are taken in the order in which the file stores them, the fastest first: x, y, z. Directions in space (the affine
of NIfTI, the space directions of NRRD) turn and mirror nothing.
"""

from __future__ import annotations

import bz2
import gzip
import math
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ultraseg.base.errors import UserError

NIFTI, NRRD = (".nii", ".nii.gz"), (".nrrd", ".nhdr")
MOST_UNPACKED = 2**28  # bytes of the numbers of a packed file, which are held in memory as a whole
NAMES = {  # of types of numbers in NRRD headers
    "int8": "signed char, int8, int8_t",
    "uint8": "uchar, unsigned char, uint8, uint8_t",
    "int16": "short, short int, signed short, signed short int, int16, int16_t",
    "uint16": "ushort, unsigned short, unsigned short int, uint16, uint16_t",
    "int32": "int, signed int, int32, int32_t",
    "uint32": "uint, unsigned int, uint32, uint32_t",
    "int64": "longlong, long long, long long int, signed long long, signed long long int, int64, int64_t",
    "uint64": "ulonglong, unsigned long long, unsigned long long int, uint64, uint64_t",
    "float32": "float",
    "float64": "double",
}
TYPES = {name: dtype for dtype, names in NAMES.items() for name in names.split(", ")}
SPATIAL = ("domain", "space", "none", "???")  # kinds of axes of NRRD that are no channels and no times
PACKED: dict[str, Callable[..., Any]] = {
    "gzip": gzip.open,
    "gz": gzip.open,
    "bzip2": bz2.open,
    "bz2": bz2.open,
}


class MedicalFile(NamedTuple):
    """A file as its header describes it.

    files: the file, and that of its numbers where this is another; axes: a letter for each axis, '' where it is not
    known which they are; size: of each axis, in the order of the file; dtype: of the numbers as they are read; packed:
    whether they are compressed; start: the byte at which the numbers begin.
    """

    files: tuple[str, ...]
    axes: str
    size: tuple[int, ...]
    dtype: str
    packed: bool = False
    start: int = 0
    encoding: str = "raw"

    @property
    def bytes(self) -> int:
        """Of the numbers in memory."""
        import numpy as np

        return math.prod(self.size) * int(np.dtype(self.dtype).itemsize)


def is_medical(path: str) -> bool:
    """Whether a path names an NRRD or a NIfTI file."""
    return path.lower().endswith(NIFTI + NRRD)


def medical_header(path: str) -> MedicalFile:
    """What the header of a file says. Raises UserError where it is none, or for a packed file that is too large."""
    if not os.path.exists(path):
        raise UserError(f"{path}: no such file", "Correct the path.")
    nifti = path.lower().endswith(NIFTI)
    try:
        found = _nifti(path) if nifti else _nrrd(path)
    except (UserError, MemoryError):
        raise  # is told as such
    except Exception as error:  # damaged headers make both libraries raise errors of many kinds
        kind = "NIfTI" if nifti else "NRRD"
        raise UserError(
            f"{path}: cannot be read as {kind} ({type(error).__name__}: {error})",
            "Copy the file again from the source.",
        ) from error
    if not found.size or min(found.size) < 1:
        raise UserError(
            f"{path}: its header tells of sizes {found.size}", "Copy the file again from the source."
        )
    _check_memory(path, found)
    return found


def open_medical(path: str) -> Any:
    """The numbers of a file, an array with the axes of the file. Raises UserError for a file that is cut off.

    The slices of a file that is not packed are read one by one; a packed file is unpacked once and kept in memory.
    """
    about = medical_header(path)
    status = [os.stat(file) for file in about.files]
    try:
        if about.packed:
            return _unpacked(path, about, tuple(one.st_mtime_ns for one in status))
        return _nifti_array(path) if path.lower().endswith(NIFTI) else _mapped(about)
    except (EOFError, OSError, ValueError) as error:
        raise _cut_off(path, str(error)) from error


def _cut_off(path: str, said: str) -> UserError:
    return UserError(
        f"{path}: its numbers cannot be read ({said})",
        "The file is damaged or cut off: copy it again from the source.",
    )


def _check_memory(path: str, found: MedicalFile) -> None:
    """Refuse a packed file that is too large to be unpacked whole for each job that reads a slice of it."""
    held = found.bytes
    if not found.packed or held <= MOST_UNPACKED:
        return
    cure = (
        f"Unpack it (gunzip {path}), and name {path.removesuffix('.gz')}: slices of it are read one by one."
    )
    if not path.lower().endswith(NIFTI):
        cure = (
            "Write it without compression (3D Slicer: Save, switch off Compress), or in a Python that has pynrrd: "
            f"data, header = nrrd.read('{path}'); nrrd.write('raw.nrrd', data, header | {{'encoding': 'raw'}}). "
            "Slices of such a file are read one by one."
        )
    raise UserError(
        f"{path}: is compressed, and its numbers take {held / 2**20:.0f} MB, which each job would unpack for a slice "
        f"(at most {MOST_UNPACKED / 2**20:.0f} MB)",
        cure,
    )


@lru_cache(1)
def _unpacked(path: str, about: MedicalFile, dates: Sequence[int]) -> Any:
    """The numbers of a packed file; dates: of its files, so that a file that changed is read again."""
    if path.lower().endswith(NIFTI):
        import numpy as np

        return np.asarray(_nifti_array(path)[...])
    return _unpacked_nrrd(about)


# ---------------------------------------------------------------- NIfTI
def _nifti_array(path: str) -> Any:
    import nibabel

    return nibabel.load(path).dataobj  # type: ignore[attr-defined]  # an image of NIfTI has numbers


def _nifti(path: str) -> MedicalFile:
    import numpy as np

    stored = _nifti_array(path)
    size = tuple(int(n) for n in stored.shape)
    scaled = (stored.slope, stored.inter) != (1.0, 0.0)
    dtype = "float64" if scaled else np.dtype(stored.dtype).newbyteorder("=").name
    return MedicalFile((path,), "xyztc"[: len(size)], size, dtype, path.lower().endswith(".gz"))


# ---------------------------------------------------------------- NRRD
def _nrrd(path: str) -> MedicalFile:
    import nrrd
    import numpy as np

    with open(path, "rb") as opened:
        header = nrrd.read_header(opened)
        start = opened.tell()
    size = tuple(int(n) for n in header["sizes"])
    dtype = np.dtype(TYPES[header["type"]])
    if header.get("endian") == "big":
        dtype = dtype.newbyteorder(">")
    data = header.get("data file", header.get("datafile"))
    file = path
    if data is not None:
        file, start = _beside(path, str(data)), 0
    encoding = str(header["encoding"]).lower()
    if encoding != "raw" and encoding not in PACKED:
        raise UserError(
            f"{path}: has the encoding {encoding}, which is not read",
            "Write it with the encoding raw or gzip.",
        )
    with open(file, "rb") as opened:
        opened.seek(start)
        for _ in range(int(header.get("line skip", header.get("lineskip", 0)))):
            opened.readline()
        start = opened.tell()
    skip = int(header.get("byte skip", header.get("byteskip", 0)))
    if skip == -1 and encoding == "raw":
        start = os.path.getsize(file) - math.prod(size) * dtype.itemsize
    elif skip > 0 and encoding == "raw":
        start += skip
    elif skip:
        raise UserError(
            f"{path}: skips {skip} bytes of its compressed numbers",
            "Write it with the encoding raw, or without byte skip.",
        )
    files = (path,) if file == path else (path, file)
    return MedicalFile(
        files, _nrrd_axes(header, len(size)), size, dtype.str, encoding in PACKED, start, encoding
    )


def _beside(path: str, data: str) -> str:
    """The file of the numbers of a header of its own. Raises UserError unless it is one file beside the header."""
    file = os.path.join(os.path.dirname(path), data)
    if os.path.basename(data) != data or data.startswith("LIST") or "%" in data or " " in data.strip():
        raise UserError(
            f"{path}: its numbers are in '{data}', and not in one file beside it",
            "Write it as one .nrrd file.",
        )
    if not os.path.exists(file):
        raise UserError(
            f"{path}: its numbers are in {file}, and there is no such file", "Copy this file as well."
        )
    return file


def _nrrd_axes(header: Any, count: int) -> str:
    """A letter for each axis, by their kinds where the header tells them; '' where it is not known."""
    kinds = [str(kind or "none").lower() for kind in header.get("kinds", ["none"] * count)]
    rest = iter("xyz")
    letters = []
    for kind in kinds:
        letters.append(next(rest, "?") if kind in SPATIAL else "t" if kind == "time" else "c")
    found = "".join(letters)
    return found if "?" not in found else ""


def _mapped(about: MedicalFile) -> Any:
    import numpy as np

    return np.memmap(about.files[-1], about.dtype, "r", about.start, about.size, "F")


def _unpacked_nrrd(about: MedicalFile) -> Any:
    import numpy as np

    wanted = about.bytes
    with open(about.files[-1], "rb") as opened:
        opened.seek(about.start)
        with PACKED[about.encoding](opened) as stream:
            held = stream.read(wanted)  # no more, whatever a damaged file would grow to
    if len(held) != wanted:
        raise EOFError(f"{len(held)} of {wanted} bytes are there")
    return np.frombuffer(held, about.dtype).reshape(about.size, order="F")
