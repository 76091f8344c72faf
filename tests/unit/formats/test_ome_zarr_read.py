"""Foreign OME-Zarr images of both versions: the finest level, its chunk files, and what is refused."""

import json
import logging
import os

import numpy as np
import pytest
import zarr
from ultraseg.arrays.grey_values import stored_as
from ultraseg.base.errors import UserError
from ultraseg.formats import ome_zarr_layout
from ultraseg.ingest.image_source import image_files, image_header, resolve_image
from ultraseg.ingest.read_slices import read_source_slices, read_stored

SHAPE = (10, 20, 30)
STACK = np.random.default_rng(0).integers(1, 4000, SHAPE).astype(np.uint16)


def write_image(path, stack=STACK, version="0.5", axes="zyx", finest="0", unit="micrometer", **options):
    """An OME-Zarr of two levels as other software writes it; options of ``zarr.create_array``."""
    data = stack.reshape((1,) * (len(axes) - stack.ndim) + stack.shape)
    zarr_format = 3 if version == "0.5" else 2
    coarsest = "1" if finest == "0" else "0"
    group = zarr.open_group(str(path), mode="w", zarr_format=zarr_format)
    lead = (1,) * (data.ndim - 3)
    options = {"chunks": (*lead, 4, 16, 16)} | options
    for name, values in ((finest, data), (coarsest, data[..., ::2, ::2])):
        array = group.create_array(name, shape=values.shape, dtype=values.dtype, **options)
        array[...] = values
    scale = [1] * (len(axes) - 3) + [0.02, 0.004, 0.004]
    datasets = [
        {"path": name, "coordinateTransformations": [{"type": "scale", "scale": [s * f for s in scale]}]}
        for name, f in ((coarsest, 2), (finest, 1))
    ]
    kinds = {"t": "time", "c": "channel"}
    named = [
        {"name": a, "type": kinds[a]} if a in kinds else {"name": a, "type": "space", "unit": unit}
        for a in axes
    ]
    scales = {"multiscales": [{"axes": named, "datasets": datasets[:: -1 if finest == "0" else 1]}]}
    if version == "0.5":
        group.attrs["ome"] = scales | {"version": "0.5"}
    else:
        scales["multiscales"][0]["version"] = "0.4"
        group.attrs.update(scales)
    return str(path)


V2 = {"version": "0.4"}
NESTED = {"chunk_key_encoding": {"name": "v2", "separator": "/"}}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"axes": "tczyx"},
        {"finest": "1"},
        {"shards": (8, 32, 32)},
        {"chunks": (3, 20, 7)},
        V2,
        V2 | NESTED,
        V2 | NESTED | {"axes": "czyx"},
        V2 | {"axes": "tczyx"},
    ],
)
def test_the_finest_level_is_read_and_its_files_are_named(tmp_path, options):
    path = write_image(tmp_path / "a.zarr", **options)
    source = resolve_image(path)
    header = image_header(source)
    assert (header.shape, header.dtype, len(source)) == ((20, 30), "uint16", 10)
    assert header.pixel_size.nm == pytest.approx((20, 4, 4)) and header.pixel_size.told_by == "OME-Zarr"
    assert np.array_equal(list(read_source_slices(source.slices, (20, 30), "uint16")), STACK)
    part = list(read_source_slices(source.slices[3:9], (20, 30), "uint16", [(5, 18), (17, 30)]))
    assert np.array_equal(part, STACK[3:9, 5:18, 17:])
    # Without any file that is not named, those slices still decode; without one that is named, they do not.
    files = image_files(source.slices[3:9], [(5, 18), (17, 30)])
    assert all(os.path.isfile(file) for file in files)
    kept = {os.path.realpath(file) for file in files}
    for folder, _, names in os.walk(path):
        for name in names:
            if os.path.realpath(os.path.join(folder, name)) not in kept:
                os.remove(os.path.join(folder, name))
    part = list(read_source_slices(source.slices[3:9], (20, 30), "uint16", [(5, 18), (17, 30)]))
    assert np.array_equal(part, STACK[3:9, 5:18, 17:])


@pytest.mark.parametrize("dtype", ["|u1", "<i2", ">u2", ">f4"])
def test_types_and_byte_orders_of_zarr_2(tmp_path, dtype):
    stack = (STACK % 200).astype(dtype)
    source = resolve_image(write_image(tmp_path / "a.zarr", stack, **V2))
    name = np.dtype(dtype).name
    assert image_header(source).dtype == name
    found = list(read_source_slices(source.slices, SHAPE[1:], name))
    assert np.array_equal(found, stack) and found[0].dtype == np.dtype(name)


@pytest.mark.parametrize("options", [{}, V2])
def test_an_axis_of_channels_or_times_is_refused(tmp_path, options):
    stack = np.zeros((1, 2, *SHAPE), np.uint8)
    path = write_image(tmp_path / "a.zarr", stack, axes="tczyx", **options)
    with pytest.raises(
        UserError, match=r"a\.zarr: has more than one entry along c \(axes t 1, c 2, z 10"
    ) as error:
        resolve_image(path)
    assert "one channel" in error.value.cure


def test_axes_in_another_order_are_refused(tmp_path):
    path = write_image(tmp_path / "a.zarr", axes="xyz")
    with pytest.raises(UserError, match=r"axes are x 10, y 20, z 30 .*not z, y, x"):
        resolve_image(path)


@pytest.mark.parametrize("options", [{}, V2])
def test_missing_chunks_are_counted_and_pointed_out(tmp_path, caplog, options):
    path = write_image(tmp_path / "a.zarr", **options)
    source = resolve_image(path)
    names = ome_zarr_layout.present(f"{path}/0", range(10))
    assert len(names) == 3 * 2 * 2
    for name in names[4:6]:
        os.remove(f"{path}/0/{name}")
    with caplog.at_level(logging.WARNING):
        list(read_source_slices(source.slices[:4], (20, 30), "uint16"))
        assert not caplog.records
        found = np.stack(list(read_source_slices(source.slices[4:8], (20, 30), "uint16")))
    (record,) = caplog.records
    assert "2 of 4 chunk files of slices 4 to 7 do not exist" in record.getMessage()
    assert names[4] in record.getMessage() and not found[:, :16].any()
    assert ome_zarr_layout.missing_chunks(f"{path}/0", range(10)) == (names[4:6], 12)
    assert not {*image_files(source.slices)} & {f"{path}/0/{name}" for name in names[4:6]}


def test_metadata_without_any_chunk_is_refused(tmp_path):
    path = write_image(tmp_path / "a.zarr", **V2)
    for name in ome_zarr_layout.present(f"{path}/0", range(10)):
        os.remove(f"{path}/0/{name}")
    with pytest.raises(UserError, match="not one chunk"):
        resolve_image(path)


def test_each_chunk_is_decoded_once(tmp_path, monkeypatch):
    path = write_image(tmp_path / "a.zarr")
    read = []
    get = zarr.storage.LocalStore.get

    async def counted(self, key, *arguments, **options):
        read.append(key)
        return await get(self, key, *arguments, **options)

    monkeypatch.setattr(zarr.storage.LocalStore, "get", counted)
    source = resolve_image(path)
    stored = stored_as("uint16", (0, 4000), 16)
    found = np.stack(list(read_stored(source.slices[1:10], (20, 30), "uint16", stored, threads=2)))
    assert np.array_equal(found, STACK[1:10])
    chunks = [key for key in read if key.startswith("c/")]
    assert len(chunks) == len(set(chunks)) == 12


def test_many_chunk_files_are_named_by_their_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(ome_zarr_layout, "FILES_AT_MOST", 3)
    path = write_image(tmp_path / "a.zarr")
    files = image_files(resolve_image(path).slices[:4])
    assert [os.path.relpath(f, path) for f in files] == ["zarr.json", "0/zarr.json", "0/c/0/0", "0/c/0/1"]


def test_a_damaged_chunk_is_an_error(tmp_path):
    path = write_image(tmp_path / "a.zarr")
    with open(f"{path}/0/c/1/0/0", "wb") as chunk:
        chunk.write(b"no chunk")
    refs = resolve_image(path).slices
    with pytest.raises(UserError, match=r"a\.zarr/0: slices 4 to 7 do not decode"):
        list(read_source_slices(refs, (20, 30), "uint16"))


def test_an_image_inside_a_converted_file_is_found_when_it_is_the_only_one(tmp_path):
    outer = tmp_path / "a.zarr"
    write_image(outer / "0", **V2)
    (outer / ".zattrs").write_text(json.dumps({"bioformats2raw.layout": 3}))
    assert len(resolve_image(str(outer))) == 10
    write_image(outer / "1", **V2)
    with pytest.raises(UserError, match=r"no 'multiscales' in its metadata\); it holds 2 series: 0, 1"):
        resolve_image(str(outer))


def test_one_array_can_be_named_itself(tmp_path):
    path = write_image(tmp_path / "a.zarr")
    source = resolve_image(f"{path}/1")
    assert image_header(source).shape == (10, 15) and len(source) == 10


def test_broken_metadata_are_named(tmp_path):
    path = write_image(tmp_path / "a.zarr")
    os.remove(f"{path}/1/zarr.json")
    with pytest.raises(UserError, match=r"a\.zarr/1: no Zarr array here"):
        resolve_image(path)
    (tmp_path / "a.zarr/zarr.json").write_text("{")
    with pytest.raises(UserError, match=r"zarr\.json: cannot be read"):
        resolve_image(path)
    (tmp_path / "b.zarr").mkdir()
    with pytest.raises(UserError, match="no OME-Zarr image"):
        resolve_image(str(tmp_path / "b.zarr"))


def test_a_unit_that_is_not_given_is_not_guessed(tmp_path):
    source = resolve_image(write_image(tmp_path / "a.zarr", unit="pixel"))
    assert image_header(source).pixel_size.nm == (None, None, None)


# ---- damaged in every place
BAD = (None, True, -1, 10**9, 1.5, "x", "../..", [], {}, [[]])


def places(value, path=()):
    """The paths to all parts of a JSON value."""
    yield path
    for key, item in (
        value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    ):
        yield from places(item, (*path, key))


def damaged(value, path, new):
    """The value with another part at one place; without the part where ``new`` is the word 'drop'."""
    whole = [json.loads(json.dumps(value))]
    inside = whole
    for key in (steps := (0, *path))[:-1]:
        inside = inside[key]
    if new == "drop":
        del inside[steps[-1]]
    else:
        inside[steps[-1]] = new
    return whole[0] if whole else None


@pytest.mark.parametrize("options", [{}, {"shards": (8, 32, 32)}, V2], ids=["0.5", "sharded", "0.4"])
def test_metadata_that_are_damaged_anywhere_are_a_message_or_the_same_image(tmp_path, options):
    path = write_image(tmp_path / "a.zarr", **options)
    files = [tmp_path / f"a.zarr/{name}" for name in ("zarr.json", "0/zarr.json", ".zattrs", "0/.zarray")]
    told = 0
    for file in filter(os.path.exists, files):
        content = json.loads(file.read_text())
        for number, place in enumerate(places(content)):
            if "index_codecs" in place:  # sizes of the index are not known before it is read
                continue
            for new in {repr(bad): bad for bad in (*BAD[number % 3 :: 3], "drop")}.values():
                file.write_text(json.dumps(damaged(content, place, new)))
                ome_zarr_layout._arrays.clear()
                try:
                    source = resolve_image(path)
                    header = image_header(source)
                    found = np.stack(list(read_source_slices(source.slices, header.shape, header.dtype)))
                except UserError:
                    told += 1
                    continue
                finest = found.shape == SHAPE
                assert np.array_equal(found, STACK if finest else STACK[:, ::2, ::2]), (file.name, place, new)
                assert finest or place[-2:] == ("datasets", 0) or place[-2:] == ("datasets", 1)
        file.write_text(json.dumps(content))
    assert told > 100


def test_metadata_that_tell_of_absurd_sizes_are_messages(tmp_path):
    path = write_image(tmp_path / "a.zarr", **V2)
    about = json.loads((tmp_path / "a.zarr/0/.zarray").read_text())
    for change, words in (
        ({"shape": [10**9, 20, 30]}, "1000000000 slices"),
        ({"shape": [10, 10**9, 3000]}, "slices of 1000000000 x 3000 pixels"),
        ({"shape": [10, 10**5, 10**5], "chunks": [4, 1, 1]}, "10000000000 chunk files per slice"),
    ):
        (tmp_path / "a.zarr/0/.zarray").write_text(json.dumps(about | change))
        ome_zarr_layout._arrays.clear()
        with pytest.raises(UserError, match=words):
            resolve_image(path)
