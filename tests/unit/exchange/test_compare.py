"""Two runs, or label volumes, are compared: tables, pictures and words; what cannot be compared is named."""

import cv2
import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile
from ultraseg.base.errors import UserError
from ultraseg.cli.main import main
from ultraseg.exchange.compare import compare
from written_volume import write_volume

SHAPE = (6, 40, 60)


def labels():
    cells = np.zeros(SHAPE, np.uint32)
    cells[:, 4:20, 4:30], cells[:, 22:36, 4:30], cells[:, 4:36, 32:56] = 1, 2, 3
    return cells


def edited():
    """Cell 2 merged into cell 1 on all slices, cell 3 smaller on one slice."""
    cells = labels()
    cells[cells == 2] = 1
    cells[4][cells[4] == 3] = 0
    return cells


def write_run(folder, cells, **more):
    grey = np.full(cells.shape, 120, np.uint8)
    stacks = {"image": grey, "cells": cells, **more}
    write_volume(folder / "results/v/image.zarr", stacks, voxel_nm=(20, 10, 10), depth=3)
    return str(folder)


def test_two_runs(tmp_path, capsys):
    spots = (labels() == 3).astype(np.uint32)
    a = write_run(tmp_path / "a", labels(), spots=spots)
    b = write_run(tmp_path / "b", edited(), spots=spots)
    main(["compare", a, b, "--to", str(tmp_path / "out")])
    printed = capsys.readouterr().out
    assert "cells: 3 objects in A, 2 in B: 1 same" not in printed
    assert "cells: 3 objects in A, 2 in B: 2 changed, 1 merged" in printed
    assert "spots: 1 objects in A, 1 in B: 1 same" in printed
    scores = pd.read_csv(tmp_path / "out/scores.csv").set_index("structure")
    assert scores.loc["spots", "changed_voxels"] == 0 and scores.loc["spots", "dice"] == 1
    assert scores.loc["cells", "changed_voxels"] == (labels() == 2).sum() + 32 * 24
    objects = pd.read_csv(tmp_path / "out/objects.csv")
    merged = objects[objects["what"] == "merged"].iloc[0]
    assert (merged.a, merged.b) == (2, 1)
    slices = pd.read_csv(tmp_path / "out/slices.csv")
    assert slices[slices["structure"] == "cells"]["changed"].argmax() == 4
    picture = cv2.imread(str(tmp_path / "out/cells.png"))
    assert picture.shape[1] == 1600 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 10
    assert (tmp_path / "out/spots.png").exists()


def test_label_volumes_of_other_programs(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", labels().astype(np.float32), imagej=True, metadata={"axes": "ZYX"}
    )  # as ImageJ saves large ids
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["exported_data"] = labels() * 10
    lines = compare(str(tmp_path / "a.tif"), str(tmp_path / "b.h5"), to=tmp_path / "out")
    assert "labels: 3 objects in A, 3 in B: 3 same; 3 have another number" in lines
    assert (tmp_path / "out/labels.png").exists()


def test_a_run_with_a_label_volume(tmp_path):
    run = write_run(tmp_path / "a", labels(), spots=labels())
    tifffile.imwrite(tmp_path / "b.tif", edited().astype(np.uint16), photometric="minisblack")
    with pytest.raises(UserError, match="a run with 2 structures"):
        compare(run, str(tmp_path / "b.tif"), to=tmp_path / "out")
    lines = compare(run, str(tmp_path / "b.tif"), structures=["cells"], to=tmp_path / "out")
    assert any(line.startswith("cells: 3 objects in A, 2 in B") for line in lines)


@pytest.mark.parametrize(
    "other, words",
    [
        (np.zeros((6, 40, 59), np.uint8), "A has 6 x 40 x 60 voxels, B 6 x 40 x 59"),
        (np.full(SHAPE, 0.5, np.float32), "numbers with fractions"),
    ],
)
def test_what_cannot_be_compared_is_named(tmp_path, other, words):
    tifffile.imwrite(tmp_path / "a.tif", labels().astype(np.uint16), photometric="minisblack")
    tifffile.imwrite(tmp_path / "b.tif", other, photometric="minisblack")
    with pytest.raises(UserError, match=words):
        compare(str(tmp_path / "a.tif"), str(tmp_path / "b.tif"), to=tmp_path / "out")


def test_unknown_structures_are_named(tmp_path):
    a, b = (write_run(tmp_path / name, labels()) for name in "ab")
    with pytest.raises(UserError, match="--structures: nuclei is not in both"):
        compare(a, b, structures=["nuclei"], to=tmp_path / "out")
    c = tmp_path / "c"
    stacks = {"image": np.zeros(SHAPE, np.uint8), "nuclei": labels()}
    write_volume(c / "results/v/image.zarr", stacks, voxel_nm=(20, 10, 10), depth=3)
    with pytest.raises(UserError, match="no structure in common"):
        compare(a, str(c), to=tmp_path / "out")
