"""Checking label slices and tabulating them."""

import numpy as np
import pytest
import tifffile
from ultraseg.errors import UserError
from ultraseg.labels import check_labels, coverage_table, iterate_labels, read_label_slice
from ultraseg.tiff import resolve_slices

SHAPE = (20, 30)


def cells(*ids):
    labels = np.zeros(SHAPE, np.uint16)
    for index, cell in enumerate(ids):
        labels[2:8, 5 * index : 5 * index + 4] = cell
    return labels


def write(folder, **slices):
    folder.mkdir(exist_ok=True)
    for name, labels in slices.items():
        tifffile.imwrite(folder / f"{name}.tif", labels)
    return resolve_slices(str(folder), kind="labels")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32, np.int64])
def test_cell_ids_of_every_integer_type_are_kept(tmp_path, dtype):
    file = str(tmp_path / "z1.tif")
    tifffile.imwrite(file, cells(3, 90).astype(dtype))
    labels = read_label_slice(file, None, SHAPE, "cells")
    assert labels.dtype == np.uint32
    assert np.array_equal(labels, cells(3, 90))


@pytest.mark.parametrize("kind", ["organelle", "mask"])
@pytest.mark.parametrize("ids", [(1, 1), (255, 255), (7, 300)])
def test_organelles_become_masks(kind, ids):
    mask = check_labels(cells(*ids), "z1.tif", kind)
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, cells(1, 1))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (cells(1, 2).astype(np.float32), "float32, not whole numbers"),
        (cells(1, 2).astype(np.int16) - 1, "negative label -1"),
        (np.full(SHAPE, 4, np.uint8), "all pixels have cell id 4"),
        (cells(255, 255), "it is a mask"),
        (cells(1, 2).astype(np.uint64) * 2**32, "too large"),
    ],
)
def test_wrong_cell_labels_are_refused(values, text):
    with pytest.raises(UserError, match=text):
        check_labels(values, "z1.tif", "cells")


def test_empty_slice_and_single_cell_are_allowed():
    assert not check_labels(cells(), "z1.tif", "cells").any()
    assert check_labels(cells(9), "z1.tif", "cells").max() == 9


def test_coverage_counts(tmp_path):
    mask = np.zeros(SHAPE, np.uint8)
    mask[1:3, 1:3] = mask[3:5, 3:5] = mask[10:12, 10:15] = 255  # two squares touch at a corner: one piece
    table = coverage_table(
        {
            "cells": write(tmp_path / "cells", z000=cells(1, 2), z005=cells(2, 3, 4)),
            "mito": write(tmp_path / "mito", z005=mask),
        },
        {"cells": "cells", "mito": "organelle"},
        SHAPE,
        n_slices=6,
        splits={"cells": {5: "test"}},
    )
    assert list(table.columns) == [
        "structure",
        "z",
        "file",
        "labelled_pixels",
        "foreground_fraction",
        "n_instances",
        "split",
    ]
    assert table["structure"].tolist() == ["cells", "cells", "mito"]
    assert table["z"].tolist() == [0, 5, 5]
    assert table["n_instances"].tolist() == [2, 3, 2]
    assert table["labelled_pixels"].tolist() == [48, 72, 18]
    assert table["foreground_fraction"].tolist() == pytest.approx([0.08, 0.12, 0.03])
    assert table["split"].tolist() == ["train", "test", "train"]


def test_splits_by_slice_hold_for_all_structures(tmp_path):
    source = write(tmp_path / "cells", z0=cells(1, 2), z1=cells(1, 2))
    table = coverage_table(
        {"a": source, "b": source}, {"a": "cells", "b": "mask"}, SHAPE, 2, {1: "validation"}
    )
    assert table["split"].tolist() == ["train", "validation", "train", "validation"]


def test_no_labels_give_an_empty_table():
    table = coverage_table({}, {}, SHAPE, 5)
    assert len(table) == 0
    assert "n_instances" in table.columns


def test_all_problems_are_reported_together(tmp_path):
    source = write(
        tmp_path / "cells",
        z0=cells(1, 2),
        z1=cells(1, 2).astype(np.float32),
        z2=cells(1, 2)[:-1],
        z9=cells(1, 2),
    )
    empty = write(tmp_path / "mito", z0=cells(), z1=cells())
    with pytest.raises(UserError, match="4 problems") as error:
        coverage_table({"cells": source, "mito": empty}, {"cells": "cells", "mito": "organelle"}, SHAPE, 9)
    text = str(error.value)
    for part in (
        "z1.tif: label type is float32",
        "z2.tif: slice is 19 x 30",
        "z9.tif: labels slice 9",
        "mito: all 2",
    ):
        assert part in text
    assert "first_slice_number" in error.value.cure


def test_first_problem_is_raised_when_none_are_collected(tmp_path):
    source = write(tmp_path / "cells", z0=cells(1, 2), z7=cells(1, 2))
    seen = []
    with pytest.raises(UserError, match="labels slice 7"):
        for z, _, _ in iterate_labels(source, SHAPE, 5):
            seen.append(z)
    assert seen == [0]
