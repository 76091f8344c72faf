"""The metadata that a run writes are read back, and missing ones are named."""

import pytest
from ultraseg.arrays.grey_values import stored_as
from ultraseg.base.errors import UserError
from ultraseg.grid.pyramid_levels import pyramid_levels
from ultraseg.storage.create import create_array, create_group
from ultraseg.storage.ome_read import Scaling, read_ome, read_scaling, read_window, structures_of
from ultraseg.storage.ome_write import image_attributes, label_attributes, labels_attributes, with_window

LEVELS = pyramid_levels((32, 48, 64), (20, 10, 10), 8, 3)


def test_levels_and_their_place_are_read(tmp_path):
    create_group(str(tmp_path / "a"), label_attributes("cells", LEVELS, (20, 10, 10), (200, 0, 50)))
    levels = read_scaling(tmp_path / "a")
    assert len(levels) == 3
    assert levels[0] == Scaling((20.0, 10.0, 10.0), (200.0, 0.0, 50.0))
    assert levels[1] == Scaling((20.0, 20.0, 20.0), (200.0, 5.0, 55.0))


@pytest.mark.parametrize("text", ["{}", "", '{"attributes": {}}', '{"attributes": {"ome": '])
def test_missing_and_damaged_metadata_are_named(tmp_path, text):
    with pytest.raises(UserError, match="zarr.json: not there"):
        read_ome(tmp_path)
    (tmp_path / "zarr.json").write_text(text)
    with pytest.raises(UserError, match="zarr.json: no OME-Zarr metadata"):
        read_scaling(tmp_path)


def test_the_window_is_that_of_the_stored_values(tmp_path):
    attributes = image_attributes("a", LEVELS, (20, 10, 10))
    create_group(str(tmp_path / "plain"), attributes)
    assert read_window(tmp_path / "plain") == (0, 255)
    specs = with_window({"a": {"attributes": attributes}}, stored_as("int16", (-100, 400), 16))
    create_group(str(tmp_path / "told"), specs["a"]["attributes"])
    assert read_window(tmp_path / "told") == (32668, 33168)


def test_structures_are_listed_once_their_labels_are_made(tmp_path):
    labels = tmp_path / "image.zarr/labels"
    assert structures_of(tmp_path) == []
    create_group(str(labels), labels_attributes(["nuclei", "cells", "membrane"]))
    assert structures_of(str(tmp_path)) == []
    for name in ("cells", "nuclei"):
        create_array(str(labels / name / "0"), (4, 8, 8), (1, 8, 8), (4, 8, 8), "uint32", "zyx")
    assert structures_of(tmp_path) == ["nuclei", "cells"]
