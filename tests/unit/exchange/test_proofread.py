"""The proofreading round trip: what goes out, what comes back, what becomes of it in the plan."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import yaml
from asked import files
from roifile import ImagejRoi
from ultraseg.base.colours import id_colours
from ultraseg.base.errors import UserError
from ultraseg.cli.main import call as command
from ultraseg.cli.parser import parser
from ultraseg.formats.slice_source import SliceRef
from ultraseg.grid.pyramid_levels import pyramid_levels
from ultraseg.labels.coverage import iterate_labels
from ultraseg.labels.source import LabelSource, with_corrections
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan
from ultraseg.storage.create import create_array
from ultraseg.storage.pyramid import write_pyramid

SHAPE, CROP = (12, 16, 20), {"z": [2, 10], "y": [3, 15], "x": [0, 18]}
ROI_SHAPE = (8, 12, 18)
GIVEN = (2, 5, 7, 9)  # slices with labels, counted in the stack


def small(seed: int, shape=ROI_SHAPE) -> np.ndarray:
    return np.kron(
        np.random.default_rng(seed).integers(0, 5, (shape[0], *(n // 2 for n in shape[1:]))),
        np.ones((1, 2, 2)),
    )


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A folder with a configuration, its data and the final arrays of a run over a part of the stack."""
    monkeypatch.chdir(tmp_path)
    for z in range(SHAPE[0]):
        (tmp_path / "image").mkdir(exist_ok=True)
        tifffile.imwrite(f"image/z{z:03d}.tif", np.full(SHAPE[1:], z, np.uint8))
    for name in ("cells", "mito"):
        (tmp_path / name).mkdir()
        for z in GIVEN:
            labels = np.full(SHAPE[1:], 7, np.uint16)
            labels[:, ::2] = 1  # of the mitochondria only this number counts
            tifffile.imwrite(f"{name}/z{z:03d}.tif", labels)
    config = {
        "volumes": {
            "v": {
                "image": "image", "voxel_size_nm": [20, 10, 10], "roi": CROP,
                "labels": {"cells": "cells", "mito": {"path": "mito", "values": [1]}}, "corrections": "corrections/v",
            }
        },
        "structures": {"cells": {"kind": "cells"}, "mito": {"kind": "organelle"}},
        "networks": {"a": {"structures": ["cells"]}, "b": {"structures": ["mito"]}},
        "slab_depth": 4, "pyramid_levels": 1,
    }  # fmt: skip
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(config))
    arrays = {"image.zarr/0": small(0).astype(np.uint8)}
    arrays |= {
        f"image.zarr/labels/{s}/0": small(i).astype(np.uint32) for i, s in enumerate(("cells", "mito"), 1)
    }
    for path, stack in arrays.items():
        levels = pyramid_levels(ROI_SHAPE, (20, 10, 10), 4, 1)
        file = tmp_path / "results/v" / path
        create_array(str(file), levels[0].shape, levels[0].chunk, levels[0].shard, stack.dtype.name, "zyx")
        for start in (0, 4):
            write_pyramid(str(file.parent), start, stack[start : start + 4], levels, None)
    return SimpleNamespace(folder=tmp_path, config=config, arrays=arrays)


def plan_of(run, **changes) -> Plan:
    run.config["volumes"]["v"] |= changes
    return Plan(load_config(run.config))


def call(*words: str) -> None:
    command(parser().parse_args(["proofread", words[0], "--configfile", "my.yaml", *words[1:]]))


def edit(run, name: str, page: int, dtype=None) -> np.ndarray:
    """Draw cell 900 on a page of an exported stack, as a program would save it; returns the page."""
    file = run.folder / f"proofread/v/{name}.tif"
    stack = tifffile.imread(file).reshape(-1, *ROI_SHAPE[1:]).astype(dtype or np.uint16)
    stack[page, 2:5, 3:6] = 900
    tifffile.imwrite(file, stack, photometric="minisblack")
    return stack[page]


def test_export_has_a_page_per_slice_with_scale_and_names(run):
    call("export", "--slices", "4", "6-7")
    with tifffile.TiffFile("proofread/v/image.tif") as tif:
        about, pages = tif.imagej_metadata, tif.asarray()
        assert tif.pages[0].tags["XResolution"].value[0] / tif.pages[0].tags["XResolution"].value[1] == 100
    assert about["Labels"] == ["slice 4", "slice 6", "slice 7"]
    assert (about["spacing"], about["unit"]) == (0.02, "um")
    assert (pages == run.arrays["image.zarr/0"][[2, 4, 5]]).all()
    assert (
        tifffile.imread("proofread/v/cells.tif") == run.arrays["image.zarr/labels/cells/0"][[2, 4, 5]]
    ).all()
    with tifffile.TiffFile("proofread/v/cells.outlines.tif") as tif:
        rois = [ImagejRoi.frombytes(one) for one in tif.imagej_metadata["Overlays"]]
    assert {roi.position for roi in rois} == {1, 2, 3}
    assert {int(roi.name) for roi in rois} == {1, 2, 3, 4}


def test_outlines_of_cells_have_the_colours_of_the_report_whatever_the_structure_is_called(run):
    config, volume = run.config, run.config["volumes"]["v"]
    for table in (config["structures"], volume["labels"]):
        table["neurons"] = table.pop("cells")
    config["networks"]["a"]["structures"] = ["neurons"]
    (run.folder / "my.yaml").write_text(yaml.safe_dump(config))
    (run.folder / "results/v/image.zarr/labels/cells").rename(
        run.folder / "results/v/image.zarr/labels/neurons"
    )
    call("export", "--slices", "4", "--structures", "neurons", "mito")
    for name, own in (("neurons", True), ("mito", False)):
        with tifffile.TiffFile(f"proofread/v/{name}.outlines.tif") as tif:
            rois = [ImagejRoi.frombytes(one) for one in tif.imagej_metadata["Overlays"]]
        colours = {int(roi.name): roi.stroke_color[1:] for roi in rois}
        if own:
            assert colours == {i: id_colours(np.array(i)).tobytes() for i in colours} and len(colours) > 2
        else:
            assert len(set(colours.values())) == 1 < len(colours)


def test_only_edited_slices_come_back_in_their_place_in_the_stack(run, capsys):
    call("export", "--slices", "4", "6-7", "--structures", "cells", "mito")
    call("import")
    assert "No slice was edited" in capsys.readouterr().out
    page = edit(run, "cells", 1)
    call("import")
    assert "cells: slice(s) 6 -> corrections/v/cells" in capsys.readouterr().out
    files = [str(file.relative_to(run.folder)) for file in (run.folder / "corrections").rglob("*.tif")]
    assert files == ["corrections/v/cells/z00006.tif"]
    whole = tifffile.imread(files[0])
    assert whole.shape == SHAPE[1:] and (whole[3:15, :18] == page).all()
    assert not whole[:3].any() and not whole[:, 18:].any()
    call("import")
    assert "No slice was edited" in capsys.readouterr().out
    call("import", "--all")
    assert "cells: slice(s) 4, 6-7" in capsys.readouterr().out


def test_floats_of_imagej_are_taken_as_numbers(run):
    call("export", "--slices", "4", "6")
    page = edit(run, "cells", 0, np.float32)
    call("import")
    assert (tifffile.imread("corrections/v/cells/z00004.tif")[3:15, :18] == page).all()


def test_edits_are_not_overwritten_by_another_export(run):
    call("export", "--slices", "4")
    edit(run, "cells", 0)
    with pytest.raises(UserError, match="cells edited, but not imported"):
        call("export", "--slices", "6")
    call("import")
    call("export", "--slices", "6")
    assert json.loads((run.folder / "proofread/v/slices.json").read_text())["slices"] == [6]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--slices", "1"], "has slices 2 to 9"),
        (["--slices", "9-10"], "10, but volume v has slices 2 to 9"),
        (["--slices", "x"], "'x' is no slice"),
        (["--slices", "4", "--structures", "nuclei"], "nuclei is not in volume v"),
        (["--slices", "4", "--volume", "w"], "no volume w"),
    ],
)
def test_wrong_words_say_what_is_wrong(run, words, problem):
    with pytest.raises(UserError, match=problem):
        call("export", *words)


def test_a_stack_of_another_size_is_refused(run):
    call("export", "--slices", "4", "6")
    tifffile.imwrite("proofread/v/cells.tif", np.zeros(ROI_SHAPE[1:], np.uint16))
    with pytest.raises(UserError, match="1 slices, but 2 were exported"):
        call("import")
    tifffile.imwrite("proofread/v/cells.tif", np.zeros((2, 5, 5), np.uint16), photometric="minisblack")
    with pytest.raises(UserError, match="5 x 5|5, 5|size"):
        call("import")


def test_import_asks_for_the_folder_of_corrections(run):
    call("export", "--slices", "4")
    del run.config["volumes"]["v"]["corrections"]
    (run.folder / "my.yaml").write_text(yaml.safe_dump(run.config))
    with pytest.raises(UserError, match="names no folder for corrections") as raised:
        call("import")
    assert "corrections: corrections/v" in raised.value.cure


# ---------------------------------------------------------------- in the plan
@pytest.fixture
def corrected(run):
    """Corrections of slice 5, which was labelled, and of slice 6, which was not."""
    for name in ("cells", "mito"):
        (run.folder / f"corrections/v/{name}").mkdir(parents=True)
        for z in (5, 6):
            tifffile.imwrite(f"corrections/v/{name}/z{z:05d}.tif", np.full(SHAPE[1:], 3, np.uint16))
    return run


def read(plan, rule, name, **wildcards):
    """Files of one name that a job of volume v reads."""
    return files(plan, rule, volume="v", **wildcards)[name]


def test_corrections_take_the_place_of_labels_and_add_to_them(corrected):
    v = plan_of(corrected).volumes["v"]
    assert v.labelled("cells") == v.labelled("mito") == [0, 3, 4, 5, 7]  # counted from the roi
    files = [ref.file for ref in v.labels["cells"].slices]
    assert files[1:3] == ["corrections/v/cells/z00005.tif", "corrections/v/cells/z00006.tif"]
    found = {
        s.z: s.labels for s in iterate_labels(v.labels["mito"], SHAPE[1:], 8, "organelle", crop=v.plane_crop)
    }
    # 3 is none of the values that the configuration gives for the first labels, of which every other column is one.
    assert found[0].mean() == 0.5
    assert found[3].all() and found[3].shape == ROI_SHAPE[1:]


def test_networks_do_not_learn_from_corrected_cells(corrected):
    plan = plan_of(corrected)
    assert plan.split("a", "v") == plan_of(corrected, corrections="none").split("a", "v")
    plan_of(corrected, corrections="corrections/v")
    assert plan.uses("cells", "v")[4] == "corrected"
    assert read(plan, "tiles", "labels", network="a") == ["results/v/work/labels/cells.h5"]
    assert read(plan, "labels", "labels", structure="cells") == [f"cells/z{z:03d}.tif" for z in GIVEN]
    for rule in ("link", "link_relabel"):
        assert read(plan, rule, "labels", structure="cells", slab=0) == [
            "results/v/work/labels/cells.corrected.h5"
        ]
    assert 4 in [gap.last for gap in plan.gaps("v")]


def test_networks_learn_from_other_corrected_structures(corrected):
    plan = plan_of(corrected)
    first = plan_of(corrected, corrections="none").split("b", "v")
    plan_of(corrected, corrections="corrections/v")
    assert plan.split("b", "v") == dict(sorted({**first, 4: "train"}.items()))
    assert "corrections/v/mito/z00006.tif" in read(plan, "labels", "labels", structure="mito")
    assert read(plan, "evaluate", "labels") == [
        f"results/v/work/labels/{s}.h5" for s in ("cells.corrected", "mito")
    ]


def test_networks_learn_from_corrected_cells_on_request(corrected):
    plan = plan_of(corrected, train_on_corrections=True)
    assert plan.split("a", "v")[4] == "train"
    assert read(plan, "link", "labels") == ["results/v/work/labels/cells.h5"]


def test_a_folder_of_no_structure_is_refused(run):
    (run.folder / "corrections/v/nucleus").mkdir(parents=True)
    with pytest.raises(UserError, match="corrections of 'nucleus', which is no structure"):
        plan_of(run)


def test_without_a_folder_nothing_is_corrected():
    labels = {"cells": LabelSource.of([SliceRef(1, "a.tif", None)])}
    assert with_corrections(labels, "/nowhere", {"cells": {}}) == labels
