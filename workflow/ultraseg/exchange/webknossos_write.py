"""Results for webKnossos: a dataset, as its own library writes it, or a volume annotation, as the server does."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

import numpy as np

from ultraseg.base.errors import UserError
from ultraseg.base.files import PART, whole_file, whole_folder, write_text
from ultraseg.exchange.webknossos_read import run_layer
from ultraseg.formats.array_files import WEBKNOSSOS
from ultraseg.grid.paths import VolumeFiles
from ultraseg.storage.arrays import describe, read_slices
from ultraseg.storage.ome_read import read_ome, read_scaling

CHUNK, SHARD = 32, 1024  # voxels along each side; shards are one chunk deep, so that little is in memory
GROUP = json.dumps({"zarr_format": 3, "node_type": "group"}, indent=1)
AXES = {"c": 0, "x": 1, "y": 2, "z": 3}
ANNOTATED = "volumeAnnotationData"  # as servers call the only layer in the ZIP of voxels


def write_dataset(folder: Path, structures: Sequence[str], target: Path) -> str:
    """Write the image and some structures of the volume in ``folder`` as a dataset of webKnossos; returns its path.

    The layers have the names image and those of the structures, with all levels of the pyramid. Its first voxel is the
    first of the volume. Raises UserError where ``target`` is there, or where a slab is missing.
    """
    _make_room(target)
    files = VolumeFiles(str(folder))
    nm = read_scaling(files.image)[0].size_nm
    with whole_folder(target) as made:
        part = Path(made)
        write_text(part / "zarr.json", GROUP)
        groups = {"image": files.image} | {name: files.labels(name) for name in structures}
        layers = [_layer(part / name, group, name != "image") for name, group in groups.items()]
        write_text(part / WEBKNOSSOS, _source(folder.name, nm, layers))
    return str(target)


def write_annotation(folder: Path, structure: str, target: Path, dataset: str) -> str:
    """Write the labels of a structure of the volume in ``folder`` as the ZIP of a volume annotation; returns its path.

    dataset: its name in webKnossos. The annotation holds all labels at full resolution, in a layer whose name tells
    that it began from a run, and does without a fallback layer. Raises UserError where ``target`` is there, or where
    a slab is missing.
    """
    _make_room(target)
    group = VolumeFiles(str(folder)).labels(structure)
    nm, shape = read_scaling(group)[0].size_nm, describe(f"{group}/0")[0]
    name = run_layer(structure)
    data = f"data_0_{name}.zip"
    with TemporaryDirectory(prefix=PART, dir=target.parent) as made, whole_file(target) as part:
        highest = _annotated(f"{made}/{data}", f"{group}/0", nm)
        volume = {
            "id": "0",
            "name": name,
            "location": data,
            "format": "zarr3",
            "largestSegmentId": f"{highest}",
        }
        with zipfile.ZipFile(part, "w") as outer:
            outer.writestr(f"{target.stem}.nml", _nml(dataset, nm, shape, volume))
            outer.write(f"{made}/{data}", data)
    return str(target)


def _make_room(target: Path) -> None:
    if target.exists():
        raise UserError(f"{target}: is there already", "Remove it, or give another folder with --to.")
    target.parent.mkdir(parents=True, exist_ok=True)


def _source(name: str, nm: Sequence[float], layers: Sequence[dict[str, Any]]) -> str:
    """The text of datasource-properties.json. nm: the size of a voxel (z, y, x)."""
    about = {
        "id": {"name": name, "team": ""},
        "scale": {"factor": list(nm[::-1]), "unit": "nanometer"},
        "dataLayers": layers,
        "version": 1,
    }
    return json.dumps(about, indent=1)


def _nml(dataset: str, nm: Sequence[float], shape: Sequence[int], volume: dict[str, str]) -> bytes:
    """The text of the .nml, with a box around the volume."""
    things = ElementTree.Element("things")
    about = ElementTree.SubElement(things, "parameters")
    ElementTree.SubElement(about, "experiment", name=dataset)
    scale = {axis: str(float(size)) for axis, size in zip("zyx", nm, strict=True)}
    ElementTree.SubElement(about, "scale", {"unit": "nanometer"} | scale)
    box = {"id": "1", "name": "volume", "isVisible": "true"}
    corner = {f"topLeft{axis}": "0" for axis in "XYZ"}
    size = dict(zip(("depth", "height", "width"), map(str, shape), strict=True))
    ElementTree.SubElement(about, "userBoundingBox", box | corner | size)
    ElementTree.SubElement(things, "volume", volume)
    return bytes(ElementTree.tostring(things, encoding="utf-8", xml_declaration=True))


def _layer(folder: Path, group: str, is_labels: bool) -> dict[str, Any]:
    """Write the levels of an image or of labels; returns what datasource-properties.json says of them."""
    folder.mkdir()
    write_text(folder / "zarr.json", GROUP)
    scales = [scaling.size_nm for scaling in read_scaling(group)]
    shape, dtype, _ = describe(f"{group}/0")
    highest, mags = 0, []
    for level, scale in zip(read_ome(group)["multiscales"][0]["datasets"], scales, strict=True):
        mag = [round(size / first) for size, first in zip(scale, scales[0], strict=True)][::-1]
        name = "1" if set(mag) == {1} else "-".join(map(str, mag))
        found = _array(folder / name, f"{group}/{level['path']}")
        highest = max(highest, found)
        mags.append({"mag": mag, "path": f"./{folder.name}/{name}", "axisOrder": AXES})
    return _about(folder.name, shape, dtype, mags, highest if is_labels else None)


def _about(
    name: str, shape: Sequence[int], dtype: str, mags: Sequence[dict[str, Any]], highest: int | None
) -> dict[str, Any]:
    """What datasource-properties.json says of a layer. highest: the highest id, None for an image."""
    depth, height, width = shape
    about = {
        "name": name,
        "category": "color" if highest is None else "segmentation",
        "boundingBox": {"topLeft": [0, 0, 0], "width": width, "height": height, "depth": depth},
        "dataFormat": "zarr3",
        "mags": mags,
        "numChannels": 1,
        "elementClass": dtype,
    }
    return about | ({} if highest is None else {"largestSegmentId": highest})


def _annotated(path: str, source: str, nm: Sequence[float]) -> int:
    """Write labels of the run (z, y, x) as the ZIP of voxels of an annotation; returns the highest id.

    Servers unpack blocks of 32 x 32 x 32 voxels, x fastest, by Blosc with LZ4 whatever zarr.json says, and take the
    first zarr.json in the ZIP as that of an array. So there is no group. Blocks of zeros alone are left out.
    """
    import zarr
    from zarr.codecs import BloscCodec, TransposeCodec

    shape = describe(source)[0]
    folder = Path(path).with_suffix("")
    array = zarr.create_array(
        str(folder),
        shape=(1, *(CHUNK * math.ceil(n / CHUNK) for n in shape[::-1])),
        chunks=(1, CHUNK, CHUNK, CHUNK),
        dtype="uint32",
        filters=[TransposeCodec(order=(3, 2, 1, 0))],
        compressors=BloscCodec(cname="lz4"),
        fill_value=0,
        dimension_names=[*AXES],
        chunk_key_encoding={"name": "default", "separator": "."},
    )
    highest = 0
    with zipfile.ZipFile(path, "w") as packed:
        packed.write(folder / "zarr.json", f"{ANNOTATED}/1/zarr.json")
        for z, y, x in _blocks(shape, (CHUNK, SHARD, SHARD)):
            part = read_slices(source, z.start, z.stop, (y, x))
            highest = max(highest, int(part.max()))
            array[0, x, y, z] = np.ascontiguousarray(part.transpose())
            _move(folder, packed)
        mags = [{"mag": [1, 1, 1], "axisOrder": AXES}]  # no path, as the library moves the files
        layer = _about(ANNOTATED, shape, "uint32", mags, highest)
        packed.writestr(WEBKNOSSOS, _source("", nm, [layer]))
    return highest


def _move(folder: Path, packed: zipfile.ZipFile) -> None:
    """Move the blocks that were written to the ZIP: a volume has too many of them to be files all at once."""
    for file in sorted(folder.glob("c.*")):
        packed.write(file, f"{ANNOTATED}/1/{file.name}")
        file.unlink()


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
