"""Checking label slices and tabulating them."""

import numpy as np
import pytest
import tifffile
from label_slices import SHAPE, cells, write
from ultraseg.base.errors import UserError
from ultraseg.labels.coverage import COVERAGE_COLUMNS, coverage_table, iterate_labels, stored
from ultraseg.labels.source import resolve_labels


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
    assert list(table.columns) == COVERAGE_COLUMNS
    assert table["structure"].tolist() == ["cells", "cells", "mito"]
    assert table["z"].tolist() == [0, 5, 5]
    assert table["n_instances"].tolist() == [2, 3, 2]
    assert table["labelled_pixels"].tolist() == [48, 72, 18]
    assert table["known_fraction"].tolist() == [1, 1, 1]
    assert table["foreground_fraction"].tolist() == pytest.approx([0.08, 0.12, 0.03])
    assert table["split"].tolist() == ["train", "test", "train"]


def test_coverage_of_partly_labelled_slices_counts_what_is_known(tmp_path):
    labels = cells(1, 2)
    labels[:, 15:] = 9
    source = write(tmp_path / "cells", {"ignore_value": 9}, z0=labels, z1=cells(1))
    table = coverage_table({"cells": source}, {"cells": "cells"}, SHAPE, 2)
    assert table["known_fraction"].tolist() == [0.5, 1]
    assert table["foreground_fraction"].tolist() == [48 / 300, 24 / 600]
    slices = [stored(one, partial=True) for one in iterate_labels(source, SHAPE, 2)]
    assert [z for z, _ in slices] == [0, 1]
    assert (slices[0][1]["known"][:, 15:] == 0).all() and (slices[0][1]["known"][:, :15] == 1).all()
    assert (
        slices[1][1]["known"].all()
        and "known" not in stored(next(iterate_labels(source, SHAPE, 2)), False)[1]
    )


def test_only_the_wanted_part_of_the_slices_is_given(tmp_path):
    source = write(tmp_path / "cells", z0=cells(1, 2, 3))
    (slice_,) = iterate_labels(source, SHAPE, 1, crop=((2, 8), (5, 12)))
    assert np.array_equal(slice_.labels, cells(1, 2, 3)[2:8, 5:12])


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
        for slice_ in iterate_labels(source, SHAPE, 5):
            seen.append(slice_.z)
    assert seen == [0]


# ---------------------------------------------------------------- exports of whole stacks
def export(folder, settings=None):
    """A page for each of six slices, labels on two of them."""
    folder.mkdir(exist_ok=True)
    pages = np.stack([cells(1, 2) if z in (1, 4) else cells() for z in range(6)])
    tifffile.imwrite(folder / "annotation.tif", pages, photometric="minisblack")
    return resolve_labels({"path": str(folder / "annotation.tif"), **(settings or {})}, str)


def test_empty_pages_of_an_export_must_be_explained(tmp_path):
    with pytest.raises(UserError, match="4 of its 6 pages hold no label: 0, 2-3, 5") as error:
        coverage_table({"cells": export(tmp_path)}, {"cells": "cells"}, SHAPE, 6)
    assert "empty_slices: unlabelled" in error.value.cure


@pytest.mark.parametrize(("said", "zs"), [("unlabelled", [1, 4]), ("labelled", list(range(6)))])
def test_empty_pages_count_as_said(tmp_path, monkeypatch, said, zs):
    monkeypatch.chdir(tmp_path)
    source = export(tmp_path, {"empty_slices": said})
    assert coverage_table({"cells": source}, {"cells": "cells"}, SHAPE, 6)["z"].tolist() == zs
