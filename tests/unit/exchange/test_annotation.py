"""Volume annotations become labels or corrections: which slices are taken, with which voxels, and where they go."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from labelled_stack import SHAPE, VOXEL_NM, write_stack_to_label
from ultraseg.base.errors import UserError
from ultraseg.cli.main import call as command
from ultraseg.cli.parser import parser
from ultraseg.exchange.webknossos_write import write_annotation as export_annotation
from ultraseg.plan.config import load_config
from ultraseg.plan.config_file import read_config_file
from ultraseg.plan.plan import Plan
from webknossos_files import write_annotation
from written_volume import write_volume


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_stack_to_label(tmp_path)
    return tmp_path


def configure(**volume) -> None:
    config = yaml.safe_load(Path("my.yaml").read_text())
    (settings,) = config["volumes"].values()
    settings |= volume
    Path("my.yaml").write_text(yaml.safe_dump(config))


def finished_run(folder, shape=SHAPE) -> np.ndarray:
    """Cell 4 on all slices."""
    cells = np.zeros(shape, np.uint32)
    cells[:, 2:8, 2:8] = 4
    stacks = {"image": np.full(shape, 50, np.uint8), "cells": cells}
    write_volume(folder / "results/v/image.zarr", stacks, voxel_nm=VOXEL_NM, depth=4, levels=1)
    return cells


def take(capsys, *words) -> str:
    command(parser().parse_args(["annotation", "a.zip", "--configfile", "my.yaml", *words]))
    return capsys.readouterr().out


def annotated(ids=None, **how) -> np.ndarray:
    ids = np.zeros(SHAPE, np.uint32) if ids is None else ids
    ids[3, 2:9, 3:9], ids[7, 1:4] = 9, 10
    write_annotation("a.zip", ids, VOXEL_NM, **how)
    return ids


def test_annotated_slices_become_labels_from_which_a_run_can_start(folder, capsys):
    ids = annotated()
    said = take(capsys, "--to", "labels")
    assert "cells: slice(s) 3, 7 -> labels/cells" in said
    assert "Then: snakemake --configfile my.yaml --directory ." in said
    for z in (3, 7):
        assert np.array_equal(tifffile.imread(f"labels/cells/z{z:03d}.tif"), ids[z])
    config = read_config_file("my.yaml")
    config["structures"].pop("mito"), config["volumes"]["v"]["labels"].pop("mito")
    config["networks"]["a"]["structures"] = ["cells"]
    assert Plan(load_config(config)).volumes["v"].labels["cells"].zs == [0, 3, 7]


def test_where_there_are_corrections_the_slices_go_there(folder, capsys):
    configure(corrections="corrections")
    ids = annotated()
    assert "corrections/cells" in take(capsys, "--structure", "cells")
    assert np.array_equal(tifffile.imread("corrections/cells/z00003.tif"), ids[3])


def test_what_was_changed_in_a_segmentation_of_the_run_is_taken(folder, capsys):
    """Blocks that webKnossos did not store are as the run left them; slices that are alike are not taken."""
    configure(corrections="corrections")
    cells = finished_run(folder)
    ids = cells.copy()
    ids[5, 2:8, 5:8] = 12
    write_annotation("a.zip", ids, VOXEL_NM, fallback="cells", stored=np.ones(SHAPE, bool))
    assert "slice(s) 5 -> corrections/cells" in take(capsys)
    assert np.array_equal(tifffile.imread("corrections/cells/z00005.tif"), ids[5])
    # Without any block nothing was changed, although all numbers are 0.
    write_annotation("a.zip", np.zeros(SHAPE, np.uint32), VOXEL_NM, fallback="cells")
    assert "No slice was annotated" in take(capsys)
    # A cell that was erased is a change.
    ids[8] = 0
    write_annotation("a.zip", ids, VOXEL_NM, fallback="cells", stored=np.ones(SHAPE, bool))
    assert "slice(s) 5, 8 -> " in take(capsys)
    assert not tifffile.imread("corrections/cells/z00008.tif").any()


def test_unchanged_parts_come_from_the_run(folder, capsys):
    shape = (12, 40, 70)
    write_stack_to_label(folder / "wide", shape=shape)
    (folder / "my.yaml").write_text((folder / "wide/my.yaml").read_text())
    configure(corrections="corrections", image="wide/image", labels={})
    cells = np.zeros(shape, np.uint32)
    cells[:, :, 30:60] = 4
    stacks = {"image": np.full(shape, 50, np.uint8), "cells": cells}
    write_volume(folder / "results/v/image.zarr", stacks, voxel_nm=VOXEL_NM, depth=4, levels=1)
    stored = np.zeros(shape, bool)
    stored[:, :32, :32] = True  # one block
    ids = np.where(stored, cells, 0)
    ids[4, 3:6, 3:6] = 20
    write_annotation("a.zip", ids, VOXEL_NM, fallback="cells", stored=stored)
    assert "slice(s) 4 -> " in take(capsys)
    expected = cells[4].copy()
    expected[3:6, 3:6] = 20
    assert np.array_equal(tifffile.imread("corrections/cells/z00004.tif"), expected)


def test_of_an_exported_annotation_slices_that_were_changed_are_taken(folder, capsys):
    """The server hands it on without a fallback layer, so that an empty block, or no block, is an erased one."""
    configure(corrections="corrections")
    shape = (40, *SHAPE[1:])
    write_stack_to_label(folder / "deep", shape=shape)
    (folder / "my.yaml").write_text((folder / "deep/my.yaml").read_text())
    configure(corrections="corrections", image="deep/image", labels={})
    cells = finished_run(folder, shape)
    export_annotation(folder / "results/v", "cells", folder / "a.zip", "v")
    assert "No slice was annotated" in take(capsys)
    with pytest.raises(
        UserError, match=r"(?s)'cells_of_run' holds cells of the run, not mito.*--structure cells"
    ):
        take(capsys, "--structure", "mito")
    ids = cells.copy()
    ids[5, 2:8, 5:8], ids[32:] = 12, 0
    write_annotation("a.zip", ids, VOXEL_NM, name="cells_of_run")
    assert "slice(s) 5, 32-39 -> corrections/cells" in take(capsys)
    assert np.array_equal(tifffile.imread("corrections/cells/z00005.tif"), ids[5])
    assert not tifffile.imread("corrections/cells/z00033.tif").any()


@pytest.mark.parametrize("whole", [False, True])
def test_a_part_of_the_stack(folder, capsys, whole):
    configure(corrections="corrections", roi={"z": [2, 12], "y": [1, 16], "x": [3, 20]})
    ids = np.zeros(SHAPE, np.uint32)
    ids[4, 5:9, 6:10] = 9
    write_annotation("a.zip", ids if whole else ids[2:, 1:, 3:], VOXEL_NM)
    assert "slice(s) 4 -> " in take(capsys, *(["--whole-stack"] if whole else []))
    assert np.array_equal(tifffile.imread("corrections/cells/z00004.tif"), ids[4])


def refused(capsys, words, *options):
    with pytest.raises(UserError, match=f"(?s){words}"):
        take(capsys, *options)


def test_what_does_not_fit_is_refused(folder, capsys):
    configure(corrections="corrections")
    refused(capsys, "no structure of the configuration.*Choose among", "--structure", "nothing")
    ids = annotated()
    write_annotation("a.zip", ids, (20, 4, 4))
    refused(capsys, "voxels are 20 x 4 x 4 nm .*those of volume v 20 x 10 x 10")
    large = np.pad(ids, ((0, 0), (0, 9), (0, 0)), constant_values=5)
    write_annotation("a.zip", large, VOXEL_NM)
    refused(capsys, "segments beyond the volume, which has 12 x 16 x 20.*--whole-stack")
    write_annotation("a.zip", np.pad(ids, ((0, 9), (0, 0), (0, 0)), constant_values=5), VOXEL_NM)
    refused(capsys, "segments beyond the volume")
    write_annotation("a.zip", ids, VOXEL_NM, fallback="cells")
    refused(capsys, "no labels of cells are there, from which the annotation began")
    write_annotation("a.zip", ids.astype(np.uint64) * 2**33, VOXEL_NM)
    refused(capsys, "slice 3: a segment")
    refused(capsys, "no volume layer 'other'", "--layer", "other")
    assert not Path("corrections").exists() or not [*Path("corrections").rglob("*.tif")]
