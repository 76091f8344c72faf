"""Image and labels are OME-Zarr 0.5 that the validator of the format accepts, at their true place and size."""

import numpy as np
import pytest
import zarr
from asked import spec
from ome_zarr_models import open_ome_zarr
from ome_zarr_models.common.omero import Omero
from ome_zarr_models.v05 import Image, ImageLabel, Labels
from tiny_plan import make_plan
from ultraseg.grid.pyramid_levels import pyramid_levels
from ultraseg.jobs.layout import arrays_of
from ultraseg.storage.create import create
from ultraseg.storage.ome_write import image_attributes, label_attributes, labels_attributes, multiscales


@pytest.fixture
def store(tmp_path):
    """All arrays and groups of a small volume, as the rules of the layout write them."""
    plan = make_plan(tmp_path)
    for path, about in arrays_of(plan, "a").items():
        create(str(tmp_path / path), about)
    return plan, str(tmp_path / "results/a/image.zarr")


def transforms(dataset):
    scale, translation = dataset.coordinateTransformations
    return tuple(scale.scale), tuple(translation.translation)


def test_the_image_is_valid(store):
    plan, path = store
    image = open_ome_zarr(path, version="0.5")
    assert isinstance(image, Image)
    (scales,) = image.ome_attributes.multiscales
    assert [(a.name, a.type, a.unit) for a in scales.axes] == [(n, "space", "nanometer") for n in "zyx"]
    assert [d.path for d in scales.datasets] == ["0", "1", "2"]
    assert [transforms(d) for d in scales.datasets] == [
        ((4, 4, 4), (0, 0, 0)),
        ((8, 8, 8), (2, 2, 2)),
        ((16, 16, 16), (6, 6, 6)),
    ]
    shapes = [zarr.open_array(f"{path}/{level}", mode="r").shape for level in range(3)]
    assert shapes == [level.shape for level in plan.volumes["a"].levels]


def test_the_labels_are_valid_and_listed(store):
    _, path = store
    listed = Labels.from_zarr(zarr.open_group(f"{path}/labels", mode="r"))
    assert listed.ome_attributes.labels == ["cells", "nuclei", "membrane"]
    for name in listed.ome_attributes.labels:
        label = open_ome_zarr(f"{path}/labels/{name}", version="0.5")
        assert isinstance(label, ImageLabel)
        assert label.attributes.ome.image_label.source.image == "../../"
        assert zarr.open_array(f"{path}/labels/{name}/0", mode="r").dtype == np.uint32


def test_arrays_name_the_axes_of_the_metadata(store):
    _, path = store
    for array in ("0", "2", "labels/cells/1"):
        assert zarr.open_array(f"{path}/{array}", mode="r").metadata.dimension_names == ("z", "y", "x")


def test_labels_lie_on_the_image(store):
    _, path = store
    image = open_ome_zarr(path, version="0.5").ome_attributes.multiscales[0]
    label = open_ome_zarr(f"{path}/labels/cells", version="0.5").ome_attributes.multiscales[0]
    assert [transforms(d) for d in label.datasets] == [transforms(d) for d in image.datasets]


@pytest.mark.parametrize("voxel, depth", [((4, 4, 4), 16), ((20, 4, 5), 16), ((50, 4.6, 4.6), 7)])
def test_every_level_covers_the_same_space(voxel, depth):
    levels = pyramid_levels((64, 256, 256), voxel, depth, 5)
    for level, dataset in zip(levels, multiscales("a", levels, voxel, "mean")["datasets"], strict=True):
        scale, translation = (t[t["type"]] for t in dataset["coordinateTransformations"])
        for axis in range(3):
            # The outer faces of the first voxel of all levels coincide, and so do those of the last one.
            assert translation[axis] - scale[axis] / 2 == pytest.approx(-voxel[axis] / 2)
            if (64, 256, 256)[axis] % level.factor[axis] == 0:
                end = translation[axis] + (level.shape[axis] - 0.5) * scale[axis]
                assert end == pytest.approx(((64, 256, 256)[axis] - 0.5) * voxel[axis])


def test_attributes_in_words():
    levels = pyramid_levels((4, 8, 8), (1, 1, 1), 4, 2)
    image, label = (make("n", levels, (1, 1, 1))["ome"] for make in (image_attributes, label_attributes))
    assert image["version"] == label["version"] == "0.5"
    assert (image["multiscales"][0]["type"], label["multiscales"][0]["type"]) == ("mean", "mode")
    assert "image-label" in label and "image-label" not in image
    assert labels_attributes(("a", "b")) == {"ome": {"version": "0.5", "labels": ["a", "b"]}}


def test_the_window_of_grey_values_is_told_to_viewers(tmp_path):
    from ultraseg.arrays.grey_values import stored_as
    from ultraseg.storage.ome_write import with_window

    plan = make_plan(tmp_path)
    layout = {
        path: about
        for rule in ("image_group", "image_layout")
        for path, about in spec(plan, rule).layout.items()
    }
    for path, about in with_window(layout, stored_as("int16", (-100, 400), 16)).items():
        create(str(tmp_path / path), about)
    path = str(tmp_path / "results/a/image.zarr")
    (channel,) = Omero.model_validate(open_ome_zarr(path, version="0.5").ome_attributes.omero).channels
    window = channel.window
    assert (window.min, window.max, window.start, window.end) == (0, 65535, 32668, 33168)
    told = zarr.open_array(f"{path}/1", mode="r").attrs["ultraseg"]
    assert told == {"window": [-100, 400], "scale": 1, "offset": -32768}


def test_interpolated_slices_are_marked_in_image_and_labels():
    levels = pyramid_levels((9, 8, 8), (1, 1, 1), 4, 2)
    image = image_attributes("n", levels, (1, 1, 1), missing=(3, 4), declared_bad=(1,))
    assert image["ultraseg"] == {
        "interpolated_slices": [1, 3, 4],
        "missing_slices": [3, 4],
        "bad_slices": [1],
    }
    assert label_attributes("n", levels, (1, 1, 1), interpolated=(1, 3, 4))["ultraseg"] == {
        "interpolated_slices": [1, 3, 4]
    }
