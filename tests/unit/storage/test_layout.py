"""The zarr.json of an array, as it is read without Zarr, says what Zarr reads in it."""

import json
import subprocess
import sys

import numpy as np
import pytest
import zarr
from ultraseg.grid.pyramid_levels import chunk_and_shard
from ultraseg.storage.arrays import describe, look_at, read_slices
from ultraseg.storage.create import create_array
from ultraseg.storage.layout import read_layout


def written(path, dtype="uint8", plane=(600, 700)):
    axes = "zcyx" if len(plane) == 3 else "zyx"
    create_array(str(path), (20, *plane), *chunk_and_shard(plane, 8), dtype, axes, {"about": [1, "x"]})
    return str(path)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float16"])
@pytest.mark.parametrize("plane", [(600, 700), (3, 20, 30)])
def test_our_arrays_are_read_as_zarr_reads_them(tmp_path, dtype, plane):
    found, array = read_layout(written(tmp_path / "a", dtype, plane)), zarr.open_array(tmp_path / "a")
    assert (found.shape, found.dtype) == (array.shape, array.dtype)
    assert (found.chunk, found.shard, found.slab) == (array.chunks, array.shards, array.shards)
    assert found.attributes == dict(array.attrs) == {"about": [1, "x"]}
    assert found.blosc is not None and found.blosc["cname"] == "zstd"


def test_our_arrays_need_no_zarr(tmp_path):
    """To import Zarr takes longer than the work of many jobs."""
    path = written(tmp_path / "a")
    code = (
        "import sys, numpy as np; from ultraseg.storage.arrays import read_slices, write_slab\n"
        f"write_slab({path!r}, 0, np.ones((8, 600, 700), np.uint8))\n"
        f"assert read_slices({path!r}, 2, 4, np.s_[3:5, :]).sum() == 2 * 2 * 700\n"
        "assert 'zarr' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def other_arrays(path):
    """Arrays with the same voxels that ``storage.create`` does not make."""
    about = {"shape": (4, 8, 8), "chunks": (1, 8, 8), "dtype": "int16"}
    blosc = zarr.codecs.BloscCodec(cname="zstd", shuffle="shuffle")
    yield zarr.create_array(path / "compression", shards=(2, 8, 8), **about)
    yield zarr.create_array(path / "no checksum", shards=(2, 8, 8), compressors=[blosc], **about)
    yield zarr.create_array(path / "no shards", **about)


def test_arrays_that_are_laid_out_in_another_way_are_read_by_zarr(tmp_path):
    values = np.random.default_rng(1).integers(-99, 99, (4, 8, 8)).astype(np.int16)
    for array in other_arrays(tmp_path):
        array[:] = values
        path = str(array.store.root)
        assert read_layout(path).blosc is None
        assert describe(path) == ((4, 8, 8), "int16", array.shards or ())
        assert np.array_equal(look_at(path, np.s_[1:3, 2:]), values[1:3, 2:])
        if array.shards:
            assert np.array_equal(read_slices(path, 1, 4), values[1:4])
        else:
            with pytest.raises(ValueError, match="no slabs"):
                read_slices(path, 1, 4)


def change(said, *way, value):
    *way, last = way
    for key in way:
        said = said[key]
    said[last] = value


@pytest.mark.parametrize(
    ("way", "value"),
    [
        (("fill_value",), 7),
        (("chunk_key_encoding",), {"name": "v2", "configuration": {"separator": "/"}}),
        (("codecs", 0, "configuration", "index_location"), "start"),
        (("codecs", 0, "configuration", "codecs", 0), {"name": "bytes", "configuration": {"endian": "big"}}),
        (("codecs", 0, "configuration", "codecs", 2), {"name": "gzip", "configuration": {"level": 1}}),
        (("data_type",), "float32"),
    ],
)
def test_every_difference_in_layout_is_left_to_zarr(tmp_path, way, value):
    path = written(tmp_path / "a", "uint16")
    file = tmp_path / "a/zarr.json"
    said = json.loads(file.read_text())
    assert read_layout(path).blosc is not None
    change(said, *way, value=value)
    file.write_text(json.dumps(said))
    assert read_layout(path).blosc is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"zarr_format": 3, "node_type": "array"}', "\xff"])
def test_a_damaged_description_is_an_error(tmp_path, text):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/zarr.json").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError):
        read_layout(str(tmp_path / "a"))
