"""The desk: what a slice shows at the start, what is advised, what is saved where, what is typed then."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from labelled_stack import SHAPE, desk_of, write_stack_to_label
from ultraseg.base.errors import UserError
from ultraseg.base.files import write_table
from ultraseg.plan.config import load_config
from ultraseg.plan.config_file import read_config_file
from ultraseg.plan.plan import Plan
from written_volume import write_volume


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_stack_to_label(tmp_path)
    return tmp_path


def drawn(desk, *ids) -> np.ndarray:
    labels = np.zeros(desk.volume.shape[1:], np.uint32)
    for i, number in enumerate(ids):
        labels[2:6, 4 * i : 4 * i + 3] = number
    return labels


def finished_run(folder, roi=((0, 12), (0, 16), (0, 20))) -> np.ndarray:
    """What a run has made of the volume: cell 4 everywhere, and 31 on slice 5; slices 5 and 9 are advised."""
    shape = tuple(stop - start for start, stop in roi)
    cells = np.zeros(shape, np.uint32)
    cells[:, 2:8, 2:8] = 4
    cells[5, 9:11] = 31
    stacks = {"image": np.full(shape, 50, np.uint8), "cells": cells, "mito": (cells > 0).astype(np.uint32)}
    write_volume(folder / "results/v/image.zarr", stacks, voxel_nm=(20, 10, 10), depth=4, levels=1)
    table = {"z": [9, 5, 7], "rank": [1, 2, None], "relief_um3": [0.5, 0.25, 0.125]}
    write_table(folder / "results/v/tables/label_next.parquet", pd.DataFrame(table))
    write_table(folder / "results/v/tables/cells.parquet", pd.DataFrame({"cell": [4, 40]}))
    return cells


def test_before_a_run_slices_are_empty_but_for_the_labels_that_are_there(folder):
    desk = desk_of(folder)
    labels, origin = desk.start("cells", 0)
    assert origin == "yours" and (labels == tifffile.imread("labels/cells/z000.tif")).all()
    assert desk.start("cells", 3).origin == desk.start("mito", 0).origin == "empty"
    assert [z for z, _ in desk.advised()] == [0, 2, 3, 5, 6, 8, 9, 11]
    assert (desk.image(7) == 17).all()
    assert desk.new_id("cells") == 13 and desk.new_id("mito") == 1


def test_after_a_run_slices_show_what_it_made_and_its_advice_leads(folder):
    cells = finished_run(folder)
    desk = desk_of(folder)
    assert [z for z, _ in desk.advised()] == [9, 5] and "0.5 µm³" in desk.advised()[0][1]
    labels, origin = desk.start("cells", 5)
    assert origin == "run" and (labels == cells[5]).all()
    assert desk.start("cells", 0).origin == "yours"
    assert desk.new_id("cells") == 41 and desk.new_id("cells", at_least=60) == 61


def test_slices_that_the_run_has_not_made_yet_are_empty(folder):
    finished_run(folder)
    (folder / "results/v/image.zarr/labels/cells/0/c/1/0/0").unlink()
    assert desk_of(folder).start("cells", 5).origin == "empty"
    assert desk_of(folder).start("cells", 9).origin == "run"


def test_a_saved_slice_is_a_label_of_the_next_run(folder):
    desk = desk_of(folder)
    path = desk.save("cells", 5, drawn(desk, 4, 300))
    assert path == folder.joinpath("labels/cells/z005.tif").relative_to(folder) and desk.labelled(
        "cells"
    ) == [0, 5]
    assert desk.start("cells", 5).origin == "yours" and 300 in desk.start("cells", 5).labels
    for z in (0, 5, 11):
        desk.save("mito", z, drawn(desk, 1, 2))
    volume = Plan(load_config(read_config_file(folder / "my.yaml"))).volumes["v"]
    assert volume.labelled("cells") == [0, 5] and volume.labelled("mito") == [0, 5, 11]
    said = desk.farewell()
    assert said[0] == "cells: slice(s) 5 -> labels/cells (labels)"
    assert said[-1].startswith("and:  snakemake --configfile")


def test_an_unfinished_slice_is_kept_until_it_is_saved(folder):
    desk = desk_of(folder)
    desk.keep("cells", 3, drawn(desk, 99))
    again = desk_of(folder)
    assert again.drafts("cells") == [3] and again.start("cells", 3).origin == "draft"
    assert again.labelled("cells") == [0] and again.new_id("cells") == 100
    assert "slice(s) 3 begun, not finished" in "\n".join(again.farewell())
    again.save("cells", 3, drawn(desk, 99, 4))
    assert again.drafts("cells") == [] and desk_of(folder).start("cells", 3).origin == "yours"


def test_a_part_of_a_stack_is_labelled_at_its_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_stack_to_label(tmp_path, roi={"z": [2, 10], "y": [3, 15], "x": [0, 18]})
    finished_run(tmp_path, roi=((2, 10), (3, 15), (0, 18)))
    desk = desk_of(tmp_path)
    assert desk.volume.shape == (8, 12, 18) and desk.start("cells", 1).labels.shape == (12, 18)
    desk.save("cells", 1, drawn(desk, 4, 5))
    whole = tifffile.imread("labels/cells/z003.tif")
    assert whole.shape == SHAPE[1:] and (whole[3:15, :18] == drawn(desk, 4, 5)).all() and not whole[:3].any()
    assert desk.farewell()[0].startswith("cells: slice(s) 3 ->")
    desk.keep("cells", 4, drawn(desk, 4))
    assert (tmp_path / "labelling/v/cells/z00006.tif").exists()


def test_a_draft_of_another_part_is_refused(folder):
    desk_of(folder).keep("cells", 3, np.zeros((5, 5), np.uint32))
    with pytest.raises(UserError, match=r"z00003.tif: has \(5, 5\) pixels"):
        desk_of(folder).start("cells", 3)


def test_labels_on_bad_slices_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_stack_to_label(tmp_path, bad_slices=[3])
    desk = desk_of(tmp_path)
    assert 3 not in [z for z, _ in desk.advised()]
    with pytest.raises(UserError, match="slice 3 is bad"):
        desk.save("cells", 3, drawn(desk, 4, 5))


def test_partial_labels_are_filled_with_what_the_run_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    region = {"path": "labels/cells", "region": {"x": [0, 9]}}
    write_stack_to_label(tmp_path, labels={"cells": region}, corrections="fixed")
    cells = finished_run(tmp_path)
    labels, origin = desk_of(tmp_path).start("cells", 0)
    given = tifffile.imread("labels/cells/z000.tif")
    assert (
        origin == "yours"
        and (labels[:, :9] == given[:, :9]).all()
        and (labels[:, 9:] == cells[0][:, 9:]).all()
    )


def test_what_cannot_be_typed_is_told(folder):
    with pytest.raises(UserError, match="nuclei is no structure"):
        desk_of(folder, structures=["nuclei"])
    with pytest.raises(UserError, match="no volume w"):
        desk_of(folder, volume="w")
    with pytest.raises(UserError, match="names no folder for corrections"):
        desk_of(folder, structures=["cells"], place="corrections")


def test_a_structure_without_a_folder_is_left_out_and_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_stack_to_label(tmp_path, labels={"cells": "labels/cells"})
    desk = desk_of(tmp_path)
    assert [*desk.targets] == ["cells"] and "mito: labels/v/mito" in desk.left_out["mito"]
    with pytest.raises(UserError, match="no labels of mito"):
        desk_of(tmp_path, structures=["mito"])


def test_an_id_on_a_plane_across_the_slices_is_in_use(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    labels = {"cells": {"path": "labels/cells", "planes": {"xz": "xz"}}, "mito": "labels/mito"}
    write_stack_to_label(tmp_path, labels=labels)
    (tmp_path / "xz").mkdir()
    plane = np.zeros((SHAPE[0], SHAPE[2]), np.uint8)
    plane[3:8, 2:9], plane[3:8, 10:18] = 4, 70  # cell 70 is on no labelled slice
    tifffile.imwrite(tmp_path / "xz/y005.tif", plane)
    desk = desk_of(tmp_path)
    assert desk.new_id("cells") == 71 and desk.new_id("mito") == 1
