"""Scores of a small folder of results whose accuracy is known."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from ultraseg.base.errors import UserError
from ultraseg.evaluate.score_volume import ScoredVolume, Truth, score_volume
from ultraseg.formats.slice_source import SliceRef
from ultraseg.grid.gaps import Gap
from ultraseg.grid.pyramid_levels import chunk_and_shard
from ultraseg.labels.source import LabelSource
from ultraseg.storage.arrays import write_slab
from ultraseg.storage.create import create_array
from ultraseg.storage.label_slices import write_slices

SHAPE = (6, 20, 30)
N, PLANE = SHAPE[0], SHAPE[1:]
LABELLED = [0, 3, 5]


def box(y0, y1, x0, x1, value=1, dtype=np.uint32):
    plane = np.zeros(PLANE, dtype)
    plane[y0:y1, x0:x1] = value
    return plane


TRUE_CELL = box(0, 10, 0, 10, 4)  # 100 pixels
HALF_CELL = box(0, 10, 5, 15, 4)  # 50 of them in common: Dice 0.5
TRUE_MITO = box(10, 20, 0, 10)
PART_MITO = box(10, 20, 0, 5)  # Dice 2 * 50 / 150 = 2/3


def write_final(folder, structure, planes):
    path = str(folder / "image.zarr" / "labels" / structure / "0")
    chunk, shard = chunk_and_shard(PLANE, 2)
    create_array(path, SHAPE, chunk, shard, "uint32", "zyx")
    for start in range(0, N, 2):
        write_slab(path, start, np.stack(planes[start : start + 2]).astype(np.uint32))


def write_truth(folder, name, planes):
    file = str(folder / f"{name}.tif")
    tifffile.imwrite(file, np.stack(planes).astype(np.uint16), photometric="minisblack")
    return [(z, file, z) for z in range(N)]


def by_slice(labelled, others):
    return [labelled if z in LABELLED else others for z in range(N)]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "work" / "labels").mkdir(parents=True)
    (tmp_path / "work" / "propagated").mkdir()
    return tmp_path


def score(folder, **changes):
    sources = {name: LabelSource.of(source) for name, source in changes.pop("truth", {}).items()}
    volume = ScoredVolume(
        str(folder),
        kinds={"cells": "cells", "mito": "organelle"},
        labelled={"cells": LABELLED, "mito": LABELLED},
        uses={s: {0: "train", 3: "test", 5: "validation"} for s in ("cells", "mito")},
        label_files={s: f"{folder}/work/labels/{s}.h5" for s in ("cells", "mito")},
        left_out={3: Gap(0, 5, True, True)},
        cells="cells",
        downsample=1,
        shape=SHAPE,
        pixel_nm=(8, 4),
        min_cell_voxels=1,
    )
    truth = Truth(sources, PLANE, [(0, size) for size in PLANE])
    table = score_volume(replace(volume, **changes), truth)
    assert not table.duplicated(["structure", "metric", "split"]).any()
    return table.set_index(["structure", "metric", "split"])


def fill(folder):
    """Labelled slices are right, the others half wrong; what was carried past slice 3 is half wrong too."""
    write_final(folder, "cells", by_slice(TRUE_CELL, HALF_CELL))
    write_final(folder, "mito", by_slice(PART_MITO, box(0, 5, 20, 30)))
    for name, plane in (("cells", TRUE_CELL), ("mito", TRUE_MITO.astype(np.uint8))):
        write_slices(
            str(folder / f"work/labels/{name}.h5"), PLANE, [(z, {"labels": plane}) for z in LABELLED]
        )
    carried = [(z, {"labels": HALF_CELL}) for z in range(N)]
    write_slices(str(folder / "work/propagated/00000-00005.h5"), PLANE, carried)


def test_held_out_labels_score_what_was_carried_past_them(folder):
    fill(folder)
    table = score(folder)
    dice = table.loc[("cells", "dice", "test")]
    assert (dice["value"], dice["n_slices"]) == (pytest.approx(0.5), 1)  # the final labels there would give 1
    assert table.loc[("cells", "dice_distance_2", "test"), "value"] == pytest.approx(0.5)  # from slice 5
    assert "truth" not in table.index.get_level_values("split")
    # HALF_CELL is TRUE_CELL moved by 5 pixels of 4 nm: its outlines lie apart by less.
    assert 2 < table.loc[("cells", "boundary_distance_nm", "test"), "value"] < 20


def test_every_left_out_slice_counts_but_only_unseen_ones_as_test(folder):
    fill(folder)
    gaps = {0: Gap(0, 3, False, True), 3: Gap(0, 5, True, True), 5: Gap(3, 5, True, False)}
    for gap in gaps.values():
        zs = range(gap.first, gap.last + 1)
        carried = [(z, {"labels": HALF_CELL if z == 3 else TRUE_CELL}) for z in zs]
        write_slices(str(folder / f"work/propagated/{gap.name}.h5"), PLANE, carried)
    table = score(folder, left_out=gaps)
    assert table.loc[("cells", "dice", "test"), "n_slices"] == 1
    dice = table.loc[("cells", "dice", "left_out")]
    assert (dice["value"], dice["n_slices"]) == (pytest.approx((1 + 0.5 + 1) / 3), 3)
    assert table.loc[("cells", "dice_distance_3", "left_out"), "value"] == 1  # slice 0 from slice 3
    # Of slices 3 (from 5) and 5 (from 3) one is half wrong.
    assert table.loc[("cells", "dice_distance_2", "left_out"), "value"] == pytest.approx(0.75)


def test_organelles_score_the_final_labels_of_held_out_slices(folder):
    fill(folder)
    table = score(folder)
    for split in ("validation", "test"):
        row = table.loc[("mito", "dice", split)]
        assert (row["value"], row["n_slices"]) == (pytest.approx(2 / 3), 1)
        assert table.loc[("mito", "precision", split), "value"] == 1
        assert table.loc[("mito", "recall", split), "value"] == pytest.approx(0.5)


def test_held_out_slices_tell_how_far_sizes_may_be_believed(folder):
    fill(folder)
    table = score(folder)["value"]
    assert table["mito", "area_ratio", "test"] == pytest.approx(2)  # half of it was found
    assert table["mito", "profile_ratio", "test"] == 1
    assert ("mito", "area_ratio", "validation") not in table.index  # these slices chose the threshold


def test_validation_slices_that_training_learned_from_keep_the_score_of_before(folder):
    fill(folder)
    table = score(folder, learned={"mito": 0.6})
    row = table.loc[("mito", "dice", "validation")]
    assert (row["value"], row["n_slices"]) == (0.6, 1)
    assert ("mito", "precision", "validation") not in table.index
    assert table.loc[("mito", "dice", "test"), "value"] == pytest.approx(2 / 3)
    table = score(folder, learned={"mito": None})  # nothing told it
    assert "validation" not in table.index.get_level_values("split")


def test_truth_is_scored_on_slices_without_a_label_only(folder):
    fill(folder)
    truth = {
        "cells": write_truth(folder, "cells", [TRUE_CELL] * N),
        "mito": write_truth(folder, "mito", [TRUE_MITO] * N),
    }
    table = score(folder, truth=truth)
    # Right on the labelled slices, half wrong on the others: a mean over all slices would be 0.75.
    assert table.loc[("cells", "dice", "truth"), "value"] == pytest.approx(0.5)
    assert table.loc[("cells", "dice", "truth"), "n_slices"] == 3
    assert table.loc[("mito", "dice", "truth"), "value"] == 0
    assert table.loc[("mito", "dice", "truth"), "n_slices"] == 3
    distances = {m for s, m, split in table.index if s == "mito" and m.startswith("dice_distance")}
    assert distances == {"dice_distance_1"}  # never 0: a labelled slice was not scored


def test_objects_of_organelles_are_scored_and_masks_are_not(folder):
    fill(folder)
    truth = {"mito": write_truth(folder, "mito", [TRUE_MITO] * N)}
    table = score(folder, truth=truth)["value"]
    # Slices 1, 2 and 4: the true object is one through the labelled slices, and what was found lies elsewhere.
    assert table["mito", "objects_true", "truth"] == table["mito", "objects_found", "truth"] == 1
    assert table["mito", "average_precision_50", "truth"] == 0
    small = score(folder, truth=truth, min_object_voxels={"mito": 301})["value"]  # it has 300 voxels there
    assert small["mito", "objects_true", "truth"] == 0
    as_mask = score(folder, truth=truth, kinds={"cells": "cells", "mito": "mask"})
    assert ("mito", "objects_true", "truth") not in as_mask.index


def test_truth_of_a_mask_on_labelled_slices_is_not_even_read(folder):
    fill(folder)
    refs = write_truth(folder, "mito", [TRUE_MITO] * N)
    refs = [(z, str(folder / "gone.tif") if z in LABELLED else file, page) for z, file, page in refs]
    table = score(folder, truth={"mito": refs}, kinds={"cells": "cells", "mito": "mask"})
    assert table.loc[("mito", "dice", "truth"), "n_slices"] == 3


def test_a_small_cell_of_the_truth_does_not_count(folder):
    fill(folder)
    planes = [TRUE_CELL + box(18, 20, 28, 30, 9) for _ in range(N)]  # 4 pixels on each slice, never found
    truth = {"cells": write_truth(folder, "cells", planes)}
    small = score(folder, truth=truth, min_cell_voxels=4 * N)  # labelled slices count for the size
    assert small.loc[("cells", "dice", "truth"), "value"] == pytest.approx(0.25)
    large = score(folder, truth=truth, min_cell_voxels=4 * N + 1)
    assert large.loc[("cells", "dice", "truth"), "value"] == pytest.approx(0.5)


def test_protrusions_are_right_wrong_or_lost(folder):
    fill(folder)
    shutil.rmtree(folder / "image.zarr")
    write_final(folder, "cells", by_slice(TRUE_CELL, box(0, 1, 0, 6, 4) + box(0, 1, 6, 8, 5)))
    write_final(folder, "mito", [TRUE_MITO] * N)
    truth = {"protrusions": write_truth(folder, "protrusions", [box(0, 1, 0, 10, 4)] * N)}
    table = score(folder, truth=truth)
    values = [table.loc[("cells", f"protrusion_{k}", "truth"), "value"] for k in ("right", "wrong", "none")]
    assert values == pytest.approx([0.6, 0.2, 0.2])
    assert table.loc[("cells", "protrusion_right", "truth"), "n_slices"] == 3


def test_protrusions_of_an_unlabelled_volume_follow_the_numbers_of_the_result(folder, caplog):
    """Nothing told the result that cell 4 is number 4: there it is 9, and another cell is 4."""
    write_final(folder, "cells", [box(0, 10, 0, 10, 9) + box(10, 20, 0, 10, 4)] * N)
    write_final(folder, "mito", [TRUE_MITO] * N)
    truth = {"protrusions": write_truth(folder, "protrusions", [box(8, 12, 0, 10, 4)] * N)}
    none = dict(labelled={"cells": [], "mito": []}, uses={"cells": {}, "mito": {}}, left_out={})
    alone = score(folder, truth=dict(truth), **none)
    assert ("cells", "protrusion_right", "truth") not in alone.index
    assert "truth of protrusions is not scored" in caplog.text and "give truth of cells" in caplog.text
    truth["cells"] = write_truth(folder, "cells", [box(0, 10, 0, 10, 4) + box(0, 10, 12, 20, 7)] * N)
    table = score(folder, truth=truth, **none)
    values = [table.loc[("cells", f"protrusion_{k}", "truth"), "value"] for k in ("right", "wrong", "none")]
    assert values == pytest.approx([0.5, 0.5, 0])
    assert table.loc[("cells", "dice", "truth"), "value"] == pytest.approx(0.5)  # 1 of cell 4, 0 of cell 7
    assert table.loc[("cells", "boundary_distance_nm", "truth"), "value"] == 0


def test_labels_carried_at_a_smaller_scale_are_enlarged(folder):
    fill(folder)
    small = np.zeros((10, 15), np.uint32)
    small[:5, :5] = 4
    carried = [(z, {"labels": small}) for z in range(N)]
    write_slices(str(folder / "work/propagated/00000-00005.h5"), (10, 15), carried)
    table = score(folder, downsample=2)
    assert table.loc[("cells", "dice", "test"), "value"] > 0.97


def test_without_cells_and_held_out_slices(folder):
    fill(folder)
    table = score(
        folder,
        kinds={"mito": "organelle"},
        uses={"mito": dict.fromkeys(LABELLED, "train")},
        left_out={},
        cells=None,
    )
    assert len(table) == 0


def test_an_unlabelled_volume_is_scored_on_all_slices(folder):
    fill(folder)
    truth = {"mito": write_truth(folder, "mito", [TRUE_MITO] * N)}
    none = {"cells": [], "mito": []}
    table = score(folder, labelled=none, uses={"cells": {}, "mito": {}}, left_out={}, truth=truth)
    assert table.loc[("mito", "dice", "truth"), "n_slices"] == N
    # 3 slices with 50 of 100 found, 3 with 50 wrong ones.
    assert table.loc[("mito", "dice", "truth"), "value"] == pytest.approx(2 * 150 / (600 + 300))


def test_bad_slices_are_not_scored(folder):
    """Slice 4 shows a copy of another: it enters no score, but its true voxels still make a cell large enough."""
    fill(folder)
    truth = {
        "cells": write_truth(folder, "cells", [TRUE_CELL] * N),
        "mito": write_truth(folder, "mito", [TRUE_MITO] * N),
    }
    table = score(folder, truth=truth, bad=[4], min_cell_voxels=600)
    assert table.loc[("cells", "dice", "truth"), "n_slices"] == 2  # of slices 1, 2 and 4
    assert table.loc[("cells", "dice_pairs", "truth"), "value"] == 2
    assert table.loc[("mito", "dice", "truth"), "n_slices"] == 2


def test_only_what_is_known_is_scored(folder):
    """On the right half nothing is known: what is found there is neither right nor wrong."""
    known = np.zeros(PLANE, np.uint8)
    known[:, :15] = 1
    found = TRUE_MITO | box(10, 20, 15, 30)
    for structure in ("cells", "mito"):
        write_final(folder, structure, [found] * N)
        slices = [(z, {"labels": TRUE_MITO.astype(np.uint8), "known": known}) for z in LABELLED]
        write_slices(str(folder / f"work/labels/{structure}.h5"), PLANE, slices)
    file = folder / "truth.tif"
    tifffile.imwrite(
        file, np.stack([np.where(known, TRUE_MITO, 9)] * N).astype(np.uint8), photometric="minisblack"
    )
    truth = replace(LabelSource.of([SliceRef(z, str(file), z) for z in range(N)]), ignore_value=9)
    dice = score(folder, left_out={}, truth={"mito": truth})["value"]["mito", "dice"]
    assert dice.to_dict() == {"validation": 1, "test": 1, "truth": 1}


def test_truth_whose_background_is_not_0_is_pointed_out(folder, caplog):
    fill(folder)
    cells = np.where(TRUE_CELL, TRUE_CELL, 1)
    score(folder, truth={"cells": write_truth(folder, "cells", [TRUE_CELL] * N)})
    assert not caplog.records
    truth = {name: write_truth(folder, name, [cells] * N) for name in ("cells", "mito", "protrusions")}
    score(folder, truth=truth)
    for name in truth:
        assert f"truth of {name}: id 1 covers up to 83 % of every labelled slice" in caplog.text


def test_truth_of_one_colour_is_a_mask_and_no_cell(folder):
    fill(folder)
    for name, refused in (("cells", True), ("protrusions", True), ("mito", False)):
        file = str(folder / f"{name}.tif")
        colour = np.array([10, 200, 30], np.uint8) * TRUE_MITO[..., None].astype(np.uint8)
        tifffile.imwrite(file, np.stack([colour] * N), photometric="rgb")
        truth = {name: [(z, file, z) for z in range(N)]}
        if refused:
            with pytest.raises(UserError, match=f"{name}.tif: holds colours .*#0ac81e.*no cell ids"):
                score(folder, truth=truth)
        else:
            assert score(folder, truth=truth).loc[("mito", "dice", "truth"), "n_slices"] == 3
