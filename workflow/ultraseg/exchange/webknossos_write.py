"""Results as a dataset of webKnossos: Zarr 3 arrays as its own library writes them, and datasource-properties.json."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ultraseg.base.errors import UserError
from ultraseg.base.files import whole_folder, write_text
from ultraseg.formats.array_files import WEBKNOSSOS
from ultraseg.grid.paths import VolumeFiles
from ultraseg.storage.arrays import describe, read_slices
from ultraseg.storage.ome_read import read_ome, read_scaling

CHUNK, SHARD = 32, 1024  # voxels along each side; shards are one chunk deep, so that little is in memory
GROUP = json.dumps({"zarr_format": 3, "node_type": "group"}, indent=1)
AXES = {"c": 0, "x": 1, "y": 2, "z": 3}


def write_dataset(folder: Path, structures: Sequence[str], target: Path) -> str:
    """Write the image and some structures of the volume in ``folder`` as a dataset of webKnossos; returns its path.

    The layers have the names image and those of the structures, with all levels of the pyramid. Its first voxel is the
    first of the volume. Raises UserError where ``target`` is there, or where a slab is missing.
    """
    if target.exists():
        raise UserError(f"{target}: is there already", "Remove it, or give another folder with --to.")
    target.parent.mkdir(parents=True, exist_ok=True)
    files = VolumeFiles(str(folder))
    nm = read_scaling(files.image)[0].size_nm
    with whole_folder(target) as made:
        part = Path(made)
        write_text(part / "zarr.json", GROUP)
        groups = {"image": files.image} | {name: files.labels(name) for name in structures}
        layers = [_layer(part / name, group, name != "image") for name, group in groups.items()]
        about = {
            "id": {"name": folder.name, "team": ""},
            "scale": {"factor": list(nm[::-1]), "unit": "nanometer"},
            "dataLayers": layers,
            "version": 1,
        }
        write_text(part / WEBKNOSSOS, json.dumps(about, indent=1))
    return str(target)


def _layer(folder: Path, group: str, is_labels: bool) -> dict[str, Any]:
    """Write the levels of an image or of labels; returns what datasource-properties.json says of them."""
    folder.mkdir()
    write_text(folder / "zarr.json", GROUP)
    scales = [scaling.size_nm for scaling in read_scaling(group)]
    (depth, height, width), dtype, _ = describe(f"{group}/0")
    highest, mags = 0, []
    for level, scale in zip(read_ome(group)["multiscales"][0]["datasets"], scales, strict=True):
        mag = [round(size / first) for size, first in zip(scale, scales[0], strict=True)][::-1]
        name = "1" if set(mag) == {1} else "-".join(map(str, mag))
        found = _array(folder / name, f"{group}/{level['path']}")
        highest = max(highest, found)
        mags.append({"mag": mag, "path": f"./{folder.name}/{name}", "axisOrder": AXES})
    about = {
        "name": folder.name,
        "category": "segmentation" if is_labels else "color",
        "boundingBox": {"topLeft": [0, 0, 0], "width": width, "height": height, "depth": depth},
        "dataFormat": "zarr3",
        "mags": mags,
        "numChannels": 1,
        "elementClass": dtype,
    }
    return about | ({"largestSegmentId": highest} if is_labels else {})


def _array(path: Path, source: str) -> int:
    """Write an array of the run (z, y, x) as (c, x, y, z), padded to whole shards; returns its highest number."""
    import zarr
    from zarr.codecs import TransposeCodec, ZstdCodec

    shape, dtype, _ = describe(source)
    size = shape[::-1]
    shard = [min(SHARD, CHUNK * math.ceil(n / CHUNK)) for n in size[:2]] + [CHUNK]
    array = zarr.create_array(
        str(path),
        shape=(1, *(s * math.ceil(n / s) for n, s in zip(size, shard, strict=True))),
        chunks=(1, CHUNK, CHUNK, CHUNK),
        shards=(1, *shard),
        dtype=dtype,
        filters=[TransposeCodec(order=(3, 2, 1, 0))],
        compressors=ZstdCodec(level=5),
        fill_value=0,
        dimension_names=[*AXES],
    )
    highest = 0
    for z, y, x in _blocks(shape, shard[::-1]):
        part = read_slices(source, z.start, z.stop, (y, x))
        highest = max(highest, int(part.max()))
        array[0, x, y, z] = np.ascontiguousarray(part.transpose())
    return highest


def _blocks(shape: Sequence[int], block: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """The parts (z, y, x) of an array that are one shard each."""
    counts = [math.ceil(n / b) for n, b in zip(shape, block, strict=True)]
    for place in np.ndindex(*counts):
        yield tuple(slice(i * b, min((i + 1) * b, n)) for i, b, n in zip(place, block, shape, strict=True))
