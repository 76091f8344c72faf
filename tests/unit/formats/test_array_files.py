"""Arrays of other programs: axes, data sets and channels are found, or the message says what is not known."""

import json

import h5py
import numpy as np
import pytest
import zarr
from ultraseg.base.errors import UserError
from ultraseg.formats.array_files import is_array_file, neighbourhood, open_header, read_planes

STACK = np.arange(5 * 7 * 9, dtype=np.uint16).reshape(5, 7, 9)


def written_hdf5(folder, sets, **attributes):
    file = folder / "made.h5"
    with h5py.File(file, "w") as opened:
        for name, values in sets.items():
            opened.create_dataset(name, data=values, chunks=True)
            opened[name].attrs.update(attributes)
    return str(file)


def test_the_only_data_set_is_found(tmp_path):
    file = written_hdf5(tmp_path, {"group/ids": STACK, "scale": np.zeros(3)})
    found = open_header(file)
    assert (found.name, found.shape, found.channels, found.dtype) == (
        f"{file}:group/ids",
        (5, 7, 9),
        1,
        "uint16",
    )
    assert np.array_equal(np.stack([*read_planes(found, [4, 0, 1])]), STACK[[4, 0, 1]])
    assert found.files([3]) == [file]


def test_several_data_sets_are_listed(tmp_path):
    file = written_hdf5(tmp_path, {"raw": STACK, "ids": STACK})
    with pytest.raises(UserError, match="2 data sets with three or more axes: ids, raw") as told:
        open_header(file)
    assert f"{file}:ids" in str(told.value)
    assert open_header(f"{file}:raw").dataset == "raw"
    with pytest.raises(UserError, match="has no data set 'cells'"):
        open_header(f"{file}:cells")


def test_links_to_other_files_are_refused(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    written_hdf5(other, {"ids": STACK})
    with h5py.File(tmp_path / "link.h5", "w") as opened:
        opened["ids"] = h5py.ExternalLink(str(other / "made.h5"), "ids")
    with pytest.raises(UserError, match="link to the file"):
        open_header(f"{tmp_path}/link.h5:ids")


def test_ilastiks_axes_are_read(tmp_path):
    values = np.random.default_rng(0).random((5, 7, 9, 2)).astype(np.float32)
    tags = json.dumps({"axes": [{"key": key, "typeFlags": 2} for key in "zyxc"]})
    found = open_header(written_hdf5(tmp_path, {"exported_data": values}, axistags=tags))
    assert (found.shape, found.channels) == ((5, 7, 9), 2)
    assert np.array_equal(np.stack([*read_planes(found, range(5), 1)]), values[..., 1])


def test_four_axes_need_names(tmp_path):
    values = np.stack([STACK, STACK + 1])
    file = written_hdf5(tmp_path, {"maps": values})
    with pytest.raises(UserError, match=r"4 axes \(2 x 5 x 7 x 9\).*not known") as told:
        open_header(file)
    assert "axes: czyx" in str(told.value)
    found = open_header(file, "czyx")
    assert np.array_equal(next(read_planes(found, [2], 1)), values[1, 2])
    with pytest.raises(UserError, match="but axes names 3"):
        open_header(file, "zyx")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_plain_zarr_in_another_order(tmp_path, zarr_format):
    folder = str(tmp_path / "plain.zarr")
    zarr.create_array(folder, data=STACK.T.copy(), chunks=(4, 4, 2), zarr_format=zarr_format)
    found = open_header(folder, "xyz")
    assert found.shape == (5, 7, 9)
    assert np.array_equal(np.stack([*read_planes(found, range(5))]), STACK)
    files = found.files([4])
    assert len(files) == 1 + 3 * 2  # metadata, and the chunks of one step along z
    assert is_array_file(folder)


def test_ome_zarr_with_channels(tmp_path):
    folder = tmp_path / "maps.zarr"
    values = np.stack([STACK, STACK[::-1]])
    group = zarr.open_group(folder, mode="w", zarr_format=3)
    group.create_array("s0", data=values, chunks=(1, 2, 7, 9))
    axes = [
        {"name": "c", "type": "channel"},
        *({"name": a, "type": "space", "unit": "nanometer"} for a in "zyx"),
    ]
    scale = [{"type": "scale", "scale": [1, 8, 8, 8]}]
    scales = [{"axes": axes, "datasets": [{"path": "s0", "coordinateTransformations": scale}]}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": scales}
    found = open_header(str(folder))
    assert (found.shape, found.channels) == ((5, 7, 9), 2)
    assert np.array_equal(np.stack([*read_planes(found, range(5), 1)]), STACK[::-1])


def test_several_times_are_refused(tmp_path):
    file = written_hdf5(tmp_path, {"a": np.zeros((2, 3, 4, 5), np.uint8)})
    with pytest.raises(UserError, match="2 times"):
        open_header(file, "tzyx")


def test_damage_is_told(tmp_path):
    folder = tmp_path / "plain.zarr"
    zarr.create_array(str(folder), data=STACK, chunks=(2, 7, 9))
    (folder / "c/0/0/0").write_bytes(b"no chunk")
    with pytest.raises(UserError, match="1 to 1 do not decode"):
        next(read_planes(open_header(str(folder)), [1]))
    (tmp_path / "broken.h5").write_bytes(b"no HDF5")
    with pytest.raises(UserError, match="cannot be read as HDF5"):
        open_header(str(tmp_path / "broken.h5"))


def write_webknossos(folder, stack, corner=(0, 0, 0)):
    """A layer as webknossos 4.3 writes it: axes c, x, y, z, padded to a whole shard, its box in a JSON file."""
    depth, height, width = stack.shape
    group = zarr.open_group(str(folder / "cells"), mode="w")
    array = group.create_array(
        "1", shape=(1, 64, 64, 64), chunks=(1, 32, 32, 32), shards=(1, 64, 64, 64), dtype=stack.dtype,
        dimension_names=("c", "x", "y", "z"),
    )  # fmt: skip
    array[0, :width, :height, :depth] = stack.transpose(2, 1, 0)
    box = {"topLeft": list(corner), "width": width, "height": height, "depth": depth}
    layers = [{"name": "cells", "category": "segmentation", "boundingBox": box, "dataFormat": "zarr3"}]
    (folder / "datasource-properties.json").write_text(json.dumps({"dataLayers": layers}))
    return str(folder / "cells/1")


def test_a_layer_of_webknossos_has_the_size_of_its_box(tmp_path):
    stack = np.random.default_rng(0).integers(0, 9, (12, 40, 30)).astype(np.uint32)
    found = open_header(write_webknossos(tmp_path, stack))
    assert found.shape == stack.shape and found.axes == "cxyz" and found.channels == 1
    assert (np.stack(list(read_planes(found, range(12)))) == stack).all()


def test_a_layer_of_webknossos_that_begins_elsewhere_is_refused(tmp_path):
    folder = write_webknossos(tmp_path, np.ones((12, 40, 30), np.uint32), corner=(0, 0, 4))
    with pytest.raises(UserError, match=r"layer 'cells' .* begins at x, y, z \[0, 0, 4\], not at 0"):
        open_header(folder)
    (tmp_path / "datasource-properties.json").write_text("{}")
    with pytest.raises(UserError, match="no description of a webKnossos dataset"):
        open_header(folder)


# ---- affinities
OFFSETS = [[-1, 0, 0], [0, -1, 0], [0, 0, -1]]


def test_offsets_in_the_metadata_are_found(tmp_path):
    values = np.zeros((3, 4, 5, 6), np.uint8)
    for form in (2, 3):
        array = zarr.create_array(str(tmp_path / f"{form}.zarr"), data=values, zarr_format=form)
        assert neighbourhood(open_header(str(tmp_path / f"{form}.zarr"))) is None
        array.attrs["neighborhood"] = OFFSETS
        assert neighbourhood(open_header(str(tmp_path / f"{form}.zarr"))) == OFFSETS
    file = written_hdf5(tmp_path, {"main": values})
    with h5py.File(file, "r+") as opened:
        opened["main"].attrs["offsets"] = np.array(OFFSETS)
    assert neighbourhood(open_header(file, "czyx")) == OFFSETS
    assert neighbourhood(None) is None


@pytest.mark.parametrize("told", ["text", [[1, 2]], [[0.5, 0, 0]], [[float("nan"), 0, 0]], {"a": 1}, 3])
def test_other_metadata_are_no_offsets(tmp_path, told):
    array = zarr.create_array(str(tmp_path / "a.zarr"), data=np.zeros((3, 4, 5, 6), np.uint8))
    array.attrs["offsets"] = told
    assert neighbourhood(open_header(str(tmp_path / "a.zarr"))) is None


def test_likely_axes_hold_where_nothing_says_them(tmp_path):
    file = written_hdf5(tmp_path, {"a": np.zeros((3, 4, 5, 6), np.uint8)})
    assert open_header(file, None, "czyx").axes == "czyx"
    assert open_header(file, "zyxc", "czyx").axes == "zyxc"
    flat = written_hdf5(tmp_path, {"a": np.zeros((4, 5, 6), np.uint8)})
    assert open_header(flat, None, "czyx").axes == "zyx"
