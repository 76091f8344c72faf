"""Axes and voxel sizes of OME-Zarr 0.4 to 0.6, and metadata that are not understood."""

import copy
import json

import numpy as np
import pytest
import zarr
from ultraseg.base.errors import UserError
from ultraseg.ingest.image_source import image_header, resolve_image
from ultraseg.ingest.read_slices import read_source_slices

STACK = np.random.default_rng(0).integers(1, 4000, (5, 20, 30)).astype(np.uint16)
UNITS = {"t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"}


def axes_of(names):
    kinds = {"t": "time", "c": "channel"}
    return [
        {"name": n, "type": kinds.get(n, "space")} | ({"unit": UNITS[n]} if n in UNITS else {}) for n in names
    ]


def metadata(axes="zyx", form="plain", **changes):
    """The ome attributes of a 0.6 image; ``form``: how its transforms are written."""
    scale = [1] * (len(axes) - 3) + [0.02, 0.004, 0.005]
    step = {"type": "scale", "scale": scale}
    if form == "sequence":
        step = {
            "type": "sequence",
            "transformations": [step, {"type": "translation", "translation": [5] * len(axes)}],
        }
    ends = {"input": "0", "output": "intrinsic"}
    if form == "objects":
        ends = {"input": {"path": "0"}, "output": {"name": "intrinsic"}}
    system = {"name": "intrinsic", "axes": axes_of(axes)}
    other = {"name": "world", "axes": [{"name": n, "type": "space", "unit": "meter"} for n in "abc"]}
    about = {
        "coordinateSystems": [other, system],
        "datasets": [{"path": "0", "coordinateTransformations": [step | ends]}],
    }
    about["coordinateTransformations"] = [
        {"type": "affine", "affine": [[1, 2, 3, 4]] * 3, "input": "intrinsic", "output": "world"}
    ]
    return {"version": "0.6", "multiscales": [about | changes]}


def write(path, ome, axes="zyx", levels=("0",), zarr_format=3):
    group = zarr.open_group(str(path), mode="w", zarr_format=zarr_format)
    for level in levels:
        data = STACK.reshape((1,) * (len(axes) - 3) + STACK.shape)
        group.create_array(level, shape=data.shape, dtype=data.dtype, chunks=data.shape)[...] = data
    group.attrs.update({"ome": ome} if zarr_format == 3 else ome)
    return str(path)


@pytest.mark.parametrize("axes", ["zyx", "czyx", "tczyx"])
@pytest.mark.parametrize("form", ["plain", "sequence", "objects"])
@pytest.mark.parametrize("version", ["0.6", "0.6.dev2"])
def test_axes_and_transforms_of_0_6_in_their_new_place(tmp_path, axes, form, version):
    source = resolve_image(write(tmp_path / "a.zarr", metadata(axes, form) | {"version": version}, axes))
    header = image_header(source)
    assert header.pixel_size.nm == pytest.approx((20, 4, 5)) and header.shape == (20, 30)
    assert np.array_equal(list(read_source_slices(source.slices, (20, 30), "uint16")), STACK)


def test_one_system_needs_no_name(tmp_path):
    ome = metadata()
    about = ome["multiscales"][0]
    about["coordinateSystems"] = about["coordinateSystems"][1:]
    del about["datasets"][0]["coordinateTransformations"][0]["output"]
    assert image_header(resolve_image(write(tmp_path / "a.zarr", ome))).pixel_size.nm == pytest.approx(
        (20, 4, 5)
    )


@pytest.mark.parametrize("kind", ["affine", "mapAxis", "rotation", "byDimension", "displacements"])
@pytest.mark.parametrize("nested", [False, True])
def test_other_transforms_of_a_level_are_named(tmp_path, kind, nested):
    ome = metadata()
    step = {"type": kind, "input": "0", "output": "intrinsic"}
    step = step | {"type": "sequence", "transformations": [{"type": kind}]} if nested else step
    ome["multiscales"][0]["datasets"][0]["coordinateTransformations"] = [step]
    path = write(tmp_path / "a.zarr", ome)
    with pytest.raises(UserError, match=f"a.zarr: .*transform of type '{kind}', which is not read") as caught:
        resolve_image(path)
    assert "array itself" in caught.value.cure and len(resolve_image(f"{path}/0")) == 5


def test_a_later_version_with_axes_elsewhere_is_named(tmp_path):
    ome = {"version": "0.9", "multiscales": [{"spaces": [], "datasets": [{"path": "0"}]}]}
    with pytest.raises(UserError, match="is an OME-Zarr 0.9 image whose axes are not understood") as caught:
        resolve_image(write(tmp_path / "a.zarr", ome))
    assert "0.4, 0.5 and 0.6" in caught.value.cure


def test_old_images_without_axes_have_five(tmp_path):
    ome = {"multiscales": [{"version": "0.1", "datasets": [{"path": "0"}]}]}
    assert len(resolve_image(write(tmp_path / "a.zarr", ome, "tczyx", zarr_format=2))) == 5


def test_of_two_images_in_one_group_one_must_be_named(tmp_path):
    ome = metadata()
    second = copy.deepcopy(ome["multiscales"][0]) | {"name": "second"}
    ome["multiscales"].append(second)
    path = write(tmp_path / "a.zarr", ome, levels=("0", "raw/1"))
    assert len(resolve_image(path)) == 5, "two ways to reduce one image"
    second["datasets"][0]["path"] = "raw/1"
    path = write(tmp_path / "a.zarr", ome, levels=("0", "raw/1"))
    with pytest.raises(
        UserError, match=r"a.zarr: holds 2 multiscale images: .*a.zarr/0 \(no name\), .*raw/1 \(second\)"
    ):
        resolve_image(path)
    assert len(resolve_image(f"{path}/raw/1")) == 5


@pytest.mark.parametrize("numbers", [[0.02, 0.004], [1, 0.02, 0.004, 0.004]])
@pytest.mark.parametrize("place", ["level", "image"])
def test_a_scale_of_the_wrong_length_is_named(tmp_path, numbers, place):
    step = [{"type": "scale", "scale": numbers}]
    right = [{"type": "scale", "scale": [1, 1, 1]}]
    about = {"axes": axes_of("zyx"), "datasets": [{"path": "0", "coordinateTransformations": right}]}
    holder = about["datasets"][0] if place == "level" else about
    holder["coordinateTransformations"] = step
    path = write(tmp_path / "a.zarr", {"version": "0.5", "multiscales": [about]})
    with pytest.raises(UserError, match=f"has {len(numbers)} numbers for 3 axes"):
        resolve_image(path)


@pytest.mark.parametrize("level", ["../other.zarr/0", "/tmp", "0/../../other.zarr/0"])
def test_levels_outside_the_folder_are_refused(tmp_path, level):
    write(tmp_path / "other.zarr", metadata())
    ome = metadata()
    ome["multiscales"][0]["datasets"][0]["path"] = level
    with pytest.raises(UserError, match="as a level, which lies outside"):
        resolve_image(write(tmp_path / "a.zarr", ome))


DAMAGED = {
    "no levels": lambda about: about.update(datasets=[]),
    "levels are text": lambda about: about.update(datasets="0"),
    "level without path": lambda about: about.update(datasets=[{}]),
    "path is a number": lambda about: about["datasets"][0].update(path=0),
    "level is missing": lambda about: about["datasets"][0].update(path="7"),
    "axes are text": lambda about: about.update(axes="z"),
    "axes are numbers": lambda about: about.update(axes=[1, 2, 3]),
    "axes without names": lambda about: about.update(axes=[{}, {}, {}]),
    "axes are null": lambda about: about.update(axes=None),
    "transforms are text": lambda about: about["datasets"][0].update(coordinateTransformations="scale"),
    "transform without type": lambda about: about["datasets"][0].update(coordinateTransformations=[{}]),
    "scale is text": lambda about: about["datasets"][0].update(
        coordinateTransformations=[{"type": "scale", "scale": ["a", "b", "c"]}]
    ),
    "scale is a number": lambda about: about["datasets"][0].update(
        coordinateTransformations=[{"type": "scale", "scale": 4}]
    ),
    "systems are text": lambda about: about.update(coordinateSystems="a", axes=None),
}


@pytest.mark.parametrize("change", DAMAGED.values(), ids=list(DAMAGED))
@pytest.mark.parametrize("version", ["0.5", "0.6"])
def test_damaged_metadata_of_images_are_messages(tmp_path, change, version):
    about = metadata()["multiscales"][0]
    if version == "0.5":
        about = {"axes": axes_of("zyx"), "datasets": [{"path": "0", "coordinateTransformations": []}]}
    change(about)
    path = write(tmp_path / "a.zarr", {"version": version, "multiscales": [about]})
    with pytest.raises(UserError, match="a.zarr") as caught:
        image_header(resolve_image(path))
    assert caught.value.cure


@pytest.mark.parametrize("multiscales", [None, [], {}, "x", [None], ["x"], [[]]])
def test_damaged_lists_of_images_are_messages(tmp_path, multiscales):
    with pytest.raises(UserError, match="a.zarr"):
        resolve_image(write(tmp_path / "a.zarr", {"version": "0.5", "multiscales": multiscales}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("shape", [10**9, 20, 30]), ("shape", [5, 20]), ("shape", None), ("shape", ["5", 20, 30]),
        ("shape", [-5, 20, 30]),
        ("data_type", 7), ("chunk_grid", {}), ("chunk_grid", None), ("codecs", None), ("codecs", [{}]),
        ("chunk_key_encoding", None), ("chunk_key_encoding", {}), (None, "[]"), (None, "{"), (None, "[" * 100_000),
    ],
)  # fmt: skip
def test_damaged_metadata_of_arrays_are_messages(tmp_path, key, value):
    path = write(tmp_path / "a.zarr", metadata())
    file = tmp_path / "a.zarr/0/zarr.json"
    file.write_text(value if key is None else json.dumps(json.loads(file.read_text()) | {key: value}))
    with pytest.raises(UserError, match="a.zarr"):
        image_header(resolve_image(path))
