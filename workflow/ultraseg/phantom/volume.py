"""A seeded phantom of FIB-SEM tumour tissue with exact truth: for the demo, for tests and for benchmarks.

Only tables of positions are stored. Every slice is worked out from the tables, so a volume of any depth can be made
slab by slab. ``phantom_files`` imports neither NumPy nor SciPy, because the Snakefile calls it while it is parsed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from ultraseg.base.errors import UserError
from ultraseg.base.files import whole_file

if TYPE_CHECKING:
    import numpy as np

    from ultraseg.phantom.geometry import Plane

STRUCTURES = ("cells", "nuclei", "nucleoli", "mitochondria", "endosomes", "lysosomes")
TRUTH = (*STRUCTURES, "protrusions")
LEVELS = ("demo", "tissue")
BAND_VOXELS = 4_000_000  # a slice is worked out in bands of rows of this size, to bound memory
HALO = 4  # rows on both sides of a band: reach of the blur and of the gradient


class Phantom:
    """Packed cells with organelles and filopodia in a volume of ``shape`` (z, y, x); see ``render``.

    ``difficulty`` 0..1: fainter membranes and stronger noise. ``scale`` multiplies the size of all structures
    (at 1, cells are 100-200 wide). ``filopodia_per_cell``: tried, about half find room. ``orphans``:
    tubes whose cell lies nowhere in the volume. ``filopodia_radius``: factor on the radius of all tubes;
    ``clearance``: voxels between any two, below 0 they may run into each other. ``level``: ``demo``, or ``tissue``
    with protrusions as hard as those of real tissue (`bundles`): most are orphans, the cells are larger by a factor,
    and ``difficulty`` alone says how hard; the other settings of filopodia do not apply. Raises UserError for values
    out of bounds.
    """

    def __init__(
        self,
        shape: Sequence[int] = (64, 512, 512),
        seed: int = 1,
        voxel_size_nm: Sequence[float] = (16.0, 16.0, 16.0),
        difficulty: float = 0.5,
        scale: float = 1.0,
        filopodia_per_cell: float = 10.0,
        orphans: int = 0,
        filopodia_radius: float = 1.0,
        clearance: float = 4.0,
        level: str = "demo",
    ):
        from ultraseg.phantom.bundles import BODIES, grow_bundles
        from ultraseg.phantom.filopodia import grow_filopodia
        from ultraseg.phantom.geometry import Geometry
        from ultraseg.phantom.noise import LatticeNoise
        from ultraseg.phantom.render import Painter
        from ultraseg.phantom.tissue import Tissue

        _check(shape, seed, difficulty, scale, level)
        z, y, x = (int(n) for n in shape)
        self.shape = (z, y, x)
        self.voxel_size_nm = tuple(float(n) for n in voxel_size_nm)
        if level == "demo":
            tissue = Tissue(self.shape, seed, scale)
            courses = grow_filopodia(tissue, filopodia_per_cell, orphans, filopodia_radius, clearance)
        else:
            tissue = Tissue(self.shape, seed, scale * BODIES)
            courses = grow_bundles(tissue, scale, difficulty)
        self._geometry = Geometry(tissue, courses)
        self._painter = Painter(self.shape, seed, tissue.scale, difficulty, tissue.cells.tone)
        self._drift = [LatticeNoise(self.shape, (14.0, 1e6, 1e6), [seed, 60 + a]) for a in range(2)]

    @property
    def cell_count(self) -> int:
        """The cells, whether they show or not, are 1 to this; higher ids are orphans."""
        return len(self._geometry.tissue)

    def render(self, z0: int, z1: int) -> dict[str, np.ndarray]:
        """Slices z0..z1-1: 'image' uint8, 'cells' and 'protrusions' uint32, organelles uint16, all (z, y, x).

        'cells' holds each cell with its filopodia, 'protrusions' the cell's id where a voxel belongs to a
        filopodium outside its body; organelles have instance ids (uint32 where 16 bits are too few).
        The result for a slice does not depend on the other slices asked for.
        """
        import numpy as np

        if not 0 <= z0 < z1 <= self.shape[0]:
            raise ValueError(f"slices {z0}..{z1} are not within 0..{self.shape[0]}")
        out = {name: np.empty((z1 - z0, *self.shape[1:]), dtype) for name, dtype in self.dtypes().items()}
        height, width = self.shape[1:]
        rows = max(64, BAND_VOXELS // width)
        for z in range(z0, z1):
            for block, y0 in enumerate(range(0, height, rows)):
                band = self._band(z, y0, min(y0 + rows, height), block)
                for name, values in band.items():
                    out[name][z - z0, y0 : y0 + rows] = values
        return out

    def render_cells(self, z: int, step: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Slice z of 'cells' and, in place of 'protrusions', the number from 1 of the single one; int32 (y, x).

        ``step``: only every so many rows and columns. Several times as fast as ``render``.
        """
        import numpy as np

        cell, _, _, course = self._geometry.cells(self._plane(z, 0, *self.shape[1:], step))
        return (cell + 1).astype(np.int32), (course + 1).astype(np.int32)

    def _plane(self, z: int, y0: int, y1: int, width: int, step: int = 1) -> Plane:
        """Coordinates of rows y0 to y1 - 1 of slice z; the drift moves them, so that image and labels move together."""
        import numpy as np

        origin = np.zeros(1)
        dy, dx = (1.6 * float(noise.on_slice(z, origin, origin)[0, 0]) for noise in self._drift)
        return self._geometry.plane(z, np.arange(y0, y1, step) + dy, np.arange(0, width, step) + dx)

    def dtypes(self) -> dict[str, np.dtype]:
        """Type of every array that ``render`` gives."""
        import numpy as np

        from ultraseg.phantom.organelles import MAX_PER_CELL

        few = len(self._geometry.tissue) * MAX_PER_CELL < 2**16
        organelle = np.dtype("uint16" if few else "uint32")
        wide = {name: np.dtype("uint32") for name in ("cells", "protrusions")}
        return {"image": np.dtype("uint8")} | {name: wide.get(name, organelle) for name in TRUTH}

    def _band(self, z: int, y0: int, y1: int, block: int) -> dict[str, np.ndarray]:
        import numpy as np

        from ultraseg.phantom.organelles import ENDOSOME, LYSOSOME, MITOCHONDRION

        height, width = self.shape[1:]
        above, below = max(y0 - HALO, 0), min(y1 + HALO, height)
        plane = self._plane(z, above, below, width)
        section = self._geometry.section(plane)
        image = self._painter.expose(self._painter.tissue(plane, section), z, slice(above, below), block)
        cells = section.cell + 1
        labels = {
            "cells": cells,
            "protrusions": np.where(section.protrusion, cells, 0),
            "nuclei": np.where(section.nucleus_depth > 0, section.nucleus_cell + 1, 0),
            "nucleoli": np.where(section.nucleolus_depth > 0, section.nucleolus_id, 0),
            "mitochondria": np.where(section.kind == MITOCHONDRION, section.kind_id, 0),
            "endosomes": np.where(section.kind == ENDOSOME, section.kind_id, 0),
            "lysosomes": np.where(section.kind == LYSOSOME, section.kind_id, 0),
        }
        return {
            name: a[y0 - above : a.shape[0] - (below - y1)] for name, a in (labels | {"image": image}).items()
        }


def phantom_files(folder: str, shape: Sequence[int], label_slices: Sequence[int]) -> dict[str, list[str]]:
    """Files that ``write_phantom`` writes: 'image', 'truth' and 'labels/<structure>' for every structure."""
    digits = max(4, len(str(shape[0] - 1)))

    def slices(kind: str, numbers: Sequence[int]) -> list[str]:
        return [os.path.join(folder, kind, f"z{z:0{digits}d}.tif") for z in numbers]

    labels = {f"labels/{name}": slices(f"labels/{name}", sorted(set(label_slices))) for name in STRUCTURES}
    truth = [os.path.join(folder, "truth", f"{name}.tif") for name in TRUTH]
    return {"image": slices("image", range(shape[0]))} | labels | {"truth": truth}


def write_phantom(
    folder: str,
    shape: Sequence[int] = (64, 512, 512),
    seed: int = 1,
    difficulty: float = 0.5,
    label_slices: Sequence[int] = (),
    **settings: Any,
) -> dict[str, list[str]]:
    """Write a phantom in the form of a user's data, slice by slice; returns ``phantom_files``.

    ``image/``: uint8 slices. ``labels/<structure>/``: the slices ``label_slices`` only; cells with their ids,
    organelles as 0/255. ``truth/<structure>.tif``: all slices as pages. ``settings`` go to ``Phantom``.
    """
    import numpy as np
    from tifffile import TiffWriter

    phantom = Phantom(shape, seed, difficulty=difficulty, **settings)
    wanted = sorted(set(label_slices))
    if wanted and not 0 <= wanted[0] <= wanted[-1] < shape[0]:
        raise UserError(
            f"label slices {wanted[0]}..{wanted[-1]} do not lie in a volume of {shape[0]} slices",
            f"Choose slices from 0 to {shape[0] - 1}.",
        )
    files = phantom_files(folder, shape, wanted)
    how: dict[str, Any] = {"compression": "deflate", "metadata": None}
    big = int(np.prod([int(n) for n in shape])) * 4 > 2**31
    with ExitStack() as stack:
        pages = {
            n: stack.enter_context(TiffWriter(stack.enter_context(whole_file(f)), bigtiff=big))
            for n, f in zip(TRUTH, files["truth"], strict=True)
        }
        for z in range(shape[0]):
            slab = {name: array[0] for name, array in phantom.render(z, z + 1).items()}
            _write(files["image"][z], slab["image"], how)
            for name, writer in pages.items():
                writer.write(slab[name], contiguous=False, **how)
            if z in wanted:
                if (
                    settings.get("level") == "tissue"
                ):  # people leave to nobody what belongs to no cell that they see
                    slab["cells"] = np.where(slab["cells"] > phantom.cell_count, 0, slab["cells"])
                for name in STRUCTURES:
                    _write(files[f"labels/{name}"][wanted.index(z)], _as_label(name, slab[name]), how)
    return files


def _write(file: str, values: np.ndarray, how: dict[str, Any]) -> None:
    from tifffile import imwrite

    with whole_file(file) as part:
        imwrite(part, values, **how)


def _as_label(name: str, labels: np.ndarray) -> np.ndarray:
    if name != "cells":
        return (labels > 0).astype("uint8") * 255
    return labels.astype("uint16") if labels.max() < 2**16 else labels


def _check(shape: Sequence[int], seed: int, difficulty: float, scale: float, level: str) -> None:
    if level not in LEVELS:
        raise UserError(f"level {level} of the phantom", f"Choose one of {', '.join(LEVELS)}.")
    if len(shape) != 3 or min(shape) < 1:
        raise UserError(f"shape {tuple(shape)} of the phantom", "Give three positive numbers: z, y, x.")
    if seed < 0:
        raise UserError(f"seed {seed} of the phantom is negative", "Give 0 or more.")
    if not 0 <= difficulty <= 1:
        raise UserError(f"difficulty {difficulty} of the phantom", "Give a number from 0 to 1.")
    if not 0.2 <= scale <= 20:
        raise UserError(f"scale {scale} of the phantom", "Give a number from 0.2 to 20.")
