"""Where drawn labels are saved, under which name, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from labelled_stack import desk_of, write_stack_to_label
from ultraseg.base.errors import UserError
from ultraseg.exchange.label_target import BEFORE, find_target
from ultraseg.plan.config import load_config


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def target(folder, place=None, **changes):
    return find_target(load_config(write_stack_to_label(folder, **changes)), "v", "cells", place)[0]


def test_new_files_are_named_like_those_that_are_there(folder):
    found = target(folder)
    assert found.place == "labels" and found.file(0) == Path("labels/cells/z000.tif")
    assert found.file(7) == Path("labels/cells/z007.tif")


@pytest.mark.parametrize(
    "old, entry, new",
    [
        ("Slice 01_cells 1.tif", {"first_slice_number": 1}, "Slice 01_cells 8.tif"),
        ("s_0001_v3.tif", {"first_slice_number": 1, "slice_number_pattern": r"^s_(\d+)"}, "s_0008_v3.tif"),
    ],
)
def test_names_follow_the_numbering_of_the_labels(folder, old, entry, new):
    write_stack_to_label(folder)
    Path("labels/cells/z000.tif").rename(f"labels/cells/{old}")
    config = load_config(write_config(folder, entry))
    found, known = find_target(config, "v", "cells")
    assert found.file(7).name == new and found.file(0).name == old and known.zs == [0]


def write_config(folder, entry):
    config = yaml.safe_load((folder / "my.yaml").read_text())
    config["volumes"]["v"]["labels"] = {"cells": {"path": "labels/cells", **entry}}
    return config


def test_corrections_are_where_the_configuration_says(folder):
    found = target(folder, corrections="fixed/v")
    assert (found.place, found.file(3)) == ("corrections", Path("fixed/v/cells/z00003.tif"))
    config = load_config(write_config(folder, {}))
    assert find_target(config, "v", "cells", "labels")[0].place == "labels"


def test_the_first_version_of_a_replaced_file_is_kept(folder):
    write_stack_to_label(folder)
    desk, first = desk_of(folder), tifffile.imread("labels/cells/z000.tif")
    for number in (21, 22):
        labels = np.zeros(first.shape, np.uint32)
        labels[:5], labels[8:] = number, 4
        desk.save("cells", 0, labels)
    assert 22 in tifffile.imread("labels/cells/z000.tif")
    assert (tifffile.imread(f"labels/cells/{BEFORE}/z000.tif") == first).all()
    # The workflow does not take the kept file for a label.
    assert desk_of(folder).labelled("cells") == [0]


@pytest.mark.parametrize("highest, kind", [(254, "uint8"), (255, "uint16"), (65536, "uint32")])
def test_ids_are_stored_whole(folder, highest, kind):
    write_stack_to_label(folder)
    desk = desk_of(folder)
    labels = np.zeros(desk.volume.shape[1:], np.uint32)
    labels[:5], labels[8:] = highest, 4
    stored = tifffile.imread(desk.save("cells", 3, labels))
    assert stored.dtype == kind and (stored == labels).all()


def test_nothing_is_written_where_labels_are_refused(folder):
    write_stack_to_label(folder)
    desk = desk_of(folder)
    with pytest.raises(UserError, match="slice 3: all pixels have cell id 7"):
        desk.save("cells", 3, np.full(desk.volume.shape[1:], 7, np.uint32))
    assert sorted(p.name for p in Path("labels/cells").iterdir()) == ["z000.tif"]


@pytest.mark.parametrize(
    "key, value", [("values", [4]), ("ignore_value", 9), ("background", 4), ("region", {"x": [0, 9]})]
)
def test_labels_that_are_read_in_another_way_take_no_drawn_files(folder, key, value):
    with pytest.raises(UserError, match=f"'{key}' says how its files are read") as raised:
        target(folder, labels={"cells": {"path": "labels/cells", key: value}})
    assert "corrections" in raised.value.cure


def test_a_file_of_all_slices_takes_no_drawn_files(folder):
    config = write_stack_to_label(folder, labels={"cells": "stack.tif"})
    stack = np.zeros((12, 16, 20), np.uint8)
    stack[:, 3:5, 3:5] = 2
    tifffile.imwrite("stack.tif", stack, photometric="minisblack")
    with pytest.raises(UserError, match="stack.tif is no folder with one TIFF for each slice"):
        find_target(load_config(config), "v", "cells")


@pytest.mark.parametrize("path", ["labels.zarr/cells", "labels.h5:cells", "labels/z*.tif"])
def test_what_is_no_folder_is_not_made(folder, path):
    with pytest.raises(UserError):
        target(folder, labels={"cells": path})
    assert not Path("labels.zarr").exists()
