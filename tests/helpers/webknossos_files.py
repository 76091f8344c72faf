"""Volume annotations as webKnossos downloads them, made by their format; and the Python that has its library."""

import io
import os
import tempfile
import zipfile
from pathlib import Path

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


def write_annotation(path, ids, voxel_nm, *, stored=None, fallback=None, name="Volume", volumes=None):
    """Write an annotation whose layer holds ids (Z, Y, X) in blocks of 32 voxels; the array is padded to whole blocks.

    stored: bool (Z, Y, X), blocks without any are left out (default: those that show something); volumes: other lines
    of the .nml.
    """
    with tempfile.TemporaryDirectory() as folder:
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
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as inner:
            for file in sorted(Path(folder).rglob("*")):
                if file.is_file() and file.parent != Path(folder):
                    inner.write(file, file.relative_to(folder))
    begun = f' fallbackLayer="{fallback}"' if fallback else ""
    line = f'<volume id="0" name="{name}" location="data_0_{name}.zip" format="zarr3"{begun} />'
    z, y, x = voxel_nm
    with zipfile.ZipFile(path, "w") as outer:
        outer.writestr("my annotation.nml", NML.format(dataset="d", x=x, y=y, z=z, volumes=volumes or line))
        outer.writestr(f"data_0_{name}.zip", data.getvalue())
    return path
