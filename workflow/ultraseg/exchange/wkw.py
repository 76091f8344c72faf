"""Arrays in the format WKW (webKnossos-wrap), as volume annotations of webKnossos hold them.

A folder with header.wkw, and files zZ/yY/xX.wkw of cubes. A cube has blocks in Morton order (x varies fastest), each
raw or packed as LZ4; the numbers of a block are stored x fastest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ultraseg.base.errors import UserError

HEADER = 16  # bytes
RAW, PACKED = 1, (2, 3)
TYPES = {1: "<u1", 2: "<u2", 3: "<u4", 4: "<u8"}
CUBE = re.compile(r"z(\d+)/y(\d+)/x(\d+)\.wkw$")
DAMAGED = "Download the annotation again."
Place = tuple[int, int, int]  # x, y, z


@dataclass(frozen=True)
class WkwHeader:
    """side: voxels along a side of a block; blocks: along a side of a cube; packed: whether blocks are LZ4."""

    side: int
    blocks: int
    packed: bool
    dtype: np.dtype[np.unsignedinteger]
    start: int

    @classmethod
    def of(cls, file: Path, name: str) -> WkwHeader:
        """The header of a file. Raises UserError where it is none, or of numbers that are no ids."""
        with open(file, "rb") as opened:
            data = opened.read(HEADER)
        if len(data) < HEADER or data[:4] != b"WKW\x01" or data[5] not in (RAW, *PACKED):
            raise UserError(f"{name}: {file.name} is no file of the format WKW, version 1", DAMAGED)
        dtype = np.dtype(TYPES.get(data[6], "<f4"))
        if dtype.kind != "u" or data[7] != dtype.itemsize:
            raise UserError(
                f"{name}: {file.name} holds no ids (type {data[6]}, {data[7]} bytes)", "Give a segmentation."
            )
        return cls(
            1 << (data[4] & 15),
            1 << (data[4] >> 4),
            data[5] in PACKED,
            dtype,
            int.from_bytes(data[8:16], "little"),
        )


class WkwArray:
    """An array in a folder. Blocks of zeros alone count as not stored. name: as messages call it."""

    def __init__(self, name: str, folder: str):
        self._name, self.header = name, WkwHeader.of(Path(folder, "header.wkw"), name)
        self._cubes: dict[Place, Path] = {}
        for file in sorted(Path(folder).rglob("*.wkw")):
            if found := CUBE.search(file.as_posix()):
                z, y, x = map(int, found.groups())
                self._cubes[x, y, z] = file
        self._held: tuple[int, dict[tuple[int, int], NDArray[np.unsignedinteger]]] = (-1, {})

    @property
    def slices(self) -> list[int]:
        """Slices of all cubes."""
        deep = self.header.side * self.header.blocks
        return sorted({z * deep + i for _, _, z in self._cubes for i in range(deep)})

    def plane(self, z: int) -> tuple[NDArray[np.unsignedinteger], NDArray[np.bool_]]:
        """Ids of slice z (Y, X) as far as cubes reach, and where blocks are stored. Raises UserError for damage."""
        side, blocks = self.header.side, self.header.blocks
        if self._held[0] != z // side:
            self._held = z // side, dict(self._layer(z // side))
        across = [side * blocks * (1 + max(place[axis] for place in self._cubes)) for axis in (1, 0)]
        values, known = np.zeros(across, self.header.dtype), np.zeros(across, bool)
        for (x, y), block in self._held[1].items():
            here = slice(y * side, (y + 1) * side), slice(x * side, (x + 1) * side)
            values[here], known[here] = block[z % side], True
        return values, known

    def _layer(self, z: int) -> Iterator[tuple[tuple[int, int], NDArray[np.unsignedinteger]]]:
        """The stored blocks (z, y, x) at one place along z, by their places along x and y."""
        blocks = self.header.blocks
        for (cube_x, cube_y, cube_z), file in self._cubes.items():
            if cube_z != z // blocks:
                continue
            header = WkwHeader.of(file, self._name)
            data = np.memmap(file, np.uint8, "r")
            for y, x in np.ndindex(blocks, blocks):
                block = _block(f"{self._name}: {file.name}", data, header, morton(x, y, z % blocks))
                if block.any():
                    yield (cube_x * blocks + x, cube_y * blocks + y), block


def morton(x: int, y: int, z: int) -> int:
    """The number of a block: the bits of x, y and z in turn, those of x lowest."""
    number = 0
    for bit in range(16):
        for axis, place in enumerate((x, y, z)):
            number |= (place >> bit & 1) << (3 * bit + axis)
    return number


def _block(name: str, data: NDArray[np.uint8], header: WkwHeader, number: int) -> NDArray[np.unsignedinteger]:
    """One block (z, y, x)."""
    size = header.side**3 * header.dtype.itemsize
    if header.packed:  # behind the header stands where each block ends
        if len(data) < HEADER + 8 * header.blocks**3:
            raise UserError(f"{name}: a block is missing, as the file ends after {len(data)} bytes", DAMAGED)
        ends = np.frombuffer(data, "<u8", header.blocks**3, HEADER)
        begin, end = int(ends[number - 1]) if number else header.start, int(ends[number])
    else:
        begin = header.start + number * size
        end = begin + size
    stored = data[begin:end].tobytes()
    if header.packed:
        import imagecodecs

        try:
            stored = bytes(imagecodecs.lz4_decode(stored, header=False, out=size))
        except (imagecodecs.Lz4Error, ValueError) as error:
            raise UserError(f"{name}: a block does not decode ({error})", DAMAGED) from error
    if len(stored) != size:
        raise UserError(f"{name}: a block has {len(stored)} bytes, not {size}", DAMAGED)
    return np.frombuffer(stored, header.dtype).reshape((header.side,) * 3)
