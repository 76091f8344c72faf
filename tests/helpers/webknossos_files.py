"""Volume annotations as webKnossos downloads them, made by their format; and the Python that has its library."""

import io
import os
import tempfile
import zipfile
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, TransposeCodec

INSTALLED = Path(__file__).parents[2] / ".venv-webknossos/bin/python"
REQUIRED = os.environ.get("ULTRASEG_WEBKNOSSOS") == "required"

needs_webknossos = pytest.mark.skipif(
    not INSTALLED.exists() and not REQUIRED,
    reason="the library webknossos is not installed: make .venv-webknossos/installed",
)

NML = """<?xml version="1.0" encoding="utf-8"?>
<things>
  <parameters>
    <experiment name="{dataset}" />
    <scale unit="nanometer" x="{x}" y="{y}" z="{z}" />
  </parameters>
  {volumes}
</things>
"""


TYPES = {1: "<u1", 2: "<u2", 3: "<u4", 4: "<u8"}


def write_wkw(folder, ids, *, packed=True, blocks=2):
    """Write ids (Z, Y, X) as WKW with cubes of ``blocks`` blocks of 32 voxels along each side."""
    code = next(code for code, dtype in TYPES.items() if np.dtype(dtype) == ids.dtype)
    head = b"WKW\x01" + bytes(
        [(blocks.bit_length() - 1) << 4 | 5, 3 if packed else 1, code, ids.dtype.itemsize]
    )
    start = 16 + (8 * blocks**3 if packed else 0)
    cube = 32 * blocks
    folder.mkdir(parents=True)
    (folder / "header.wkw").write_bytes(head + bytes(8))
    for z, y, x in np.ndindex(*(-(-n // cube) for n in ids.shape)):
        part = np.zeros((cube,) * 3, ids.dtype)
        found = ids[z * cube : (z + 1) * cube, y * cube : (y + 1) * cube, x * cube : (x + 1) * cube]
        part[: found.shape[0], : found.shape[1], : found.shape[2]] = found
        # Morton order: the bits of z, y and x in turn, those of x lowest.
        places = sorted(
            np.ndindex(blocks, blocks, blocks),
            key=lambda place: "".join(
                "".join(f"{number:08b}"[bit] for number in place) for bit in range(8)
            ),
        )  # fmt: skip
        chunks = [
            part[32 * a : 32 * a + 32, 32 * b : 32 * b + 32, 32 * c : 32 * c + 32].tobytes()
            for a, b, c in places
        ]
        if packed:
            chunks = [imagecodecs.lz4_encode(chunk, header=False) for chunk in chunks]
        ends = start + np.cumsum([len(chunk) for chunk in chunks])
        table = ends.astype("<u8").tobytes() if packed else b""
        file = folder / f"z{z}/y{y}/x{x}.wkw"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(head + start.to_bytes(8, "little") + table + b"".join(chunks))


def write_annotation(
    path, ids, voxel_nm, *, stored=None, fallback=None, name="Volume", volumes=None, form="zarr3"
):
    """Write an annotation whose layer holds ids (Z, Y, X) in blocks of 32 voxels; the array is padded to whole blocks.

    stored: bool (Z, Y, X), blocks without any are left out (default: those that show something); volumes: other lines
    of the .nml; form: zarr3 or wkw.
    """
    with tempfile.TemporaryDirectory() as folder:
        if form == "wkw":
            write_wkw(Path(folder, "data/1"), ids)
        else:
            _write_zarr(folder, ids, stored)
        data = io.BytesIO()
        root = Path(folder, "data") if form == "wkw" else Path(folder)
        with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as inner:
            for file in sorted(root.rglob("*")):
                if file.is_file() and file.parent != root:
                    inner.write(file, file.relative_to(root))
    begun = f' fallbackLayer="{fallback}"' if fallback else ""
    line = f'<volume id="0" name="{name}" location="data_0_{name}.zip" format="{form}"{begun} />'
    z, y, x = voxel_nm
    with zipfile.ZipFile(path, "w") as outer:
        outer.writestr("my annotation.nml", NML.format(dataset="d", x=x, y=y, z=z, volumes=volumes or line))
        outer.writestr(f"data_0_{name}.zip", data.getvalue())
    return path


def _write_zarr(folder, ids, stored):
    size = [32 * -(-n // 32) for n in ids.shape]
    array = zarr.create_array(
        f"{folder}/volumeAnnotationData/1", shape=(1, *size[::-1]), chunks=(1, 32, 32, 32), dtype=ids.dtype,
        filters=[TransposeCodec(order=(3, 2, 1, 0))], compressors=BloscCodec(cname="lz4"), fill_value=0,
        dimension_names=["c", "x", "y", "z"], chunk_key_encoding={"name": "default", "separator": "."},
        config={"write_empty_chunks": True},
    )  # fmt: skip
    padded = np.zeros(size, ids.dtype)
    padded[: ids.shape[0], : ids.shape[1], : ids.shape[2]] = ids
    shown = np.zeros(size, bool)
    shown[: ids.shape[0], : ids.shape[1], : ids.shape[2]] = ids > 0 if stored is None else stored
    for place in np.ndindex(*(n // 32 for n in size)):
        z, y, x = (slice(32 * i, 32 * i + 32) for i in place)
        if shown[z, y, x].any():
            array[0, x, y, z] = padded[z, y, x].transpose()
