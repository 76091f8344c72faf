"""The plan of a run, made from tiny TIFF stacks."""

import numpy as np
import pytest
import tifffile
from tiny_plan import LABELLED, make_config, make_plan, two_volumes, write_stack
from ultraseg.base.errors import UserError
from ultraseg.grid.gaps import Gap
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan


# ---- volumes
def test_volumes_are_resolved_from_their_files(tmp_path):
    plan = Plan(load_config(two_volumes(tmp_path)))
    a, b = plan.volumes["a"], plan.volumes["b"]
    assert (a.shape, a.dtype, a.window, a.folder) == ((21, 24, 40), "uint8", (0, 255), "results/a")
    assert (b.shape, b.dtype, b.window) == ((9, 30, 20), "uint16", (10, 4000))
    assert [ref.z for ref in b.image.slices] == list(range(9))
    assert b.image.slices[0].file == str(tmp_path / "b" / "z0100.tif")
    assert a.labelled("cells") == list(LABELLED) and a.labelled("membrane") == [0, 5]
    assert b.labelled("cells") == [] and a.labelled("golgi") == []
    assert (list(a.slabs), a.slab(5), a.slabs_of(3, 9)) == ([0, 1, 2, 3, 4, 5], (20, 21), [0, 1, 2])
    assert (a.plane(4), a.plane(7)) == ((6, 10), (4, 6))


def test_label_sources_with_first_number_and_with_pages(tmp_path):
    config = make_config(tmp_path)
    write_stack(tmp_path / "late", (1, 6), dtype="uint16")
    tifffile.imwrite(tmp_path / "pages.tif", np.zeros((2, 24, 40), "uint8"), photometric="minisblack")
    labels = config["volumes"]["a"]["labels"]
    labels["cells"] = {"path": "late", "first_slice_number": 1}
    labels["membrane"] = {"path": "pages.tif", "slices": [20, 3]}
    a = Plan(load_config(config)).volumes["a"]
    assert a.labelled("cells") == [0, 5]
    assert [(ref.z, ref.page) for ref in a.labels["membrane"].slices] == [(3, 1), (20, 0)]


def test_labels_that_may_be_numbered_like_the_image_are_pointed_out(tmp_path, caplog):
    config = make_config(tmp_path)
    write_stack(tmp_path / "late", range(100, 121))
    config["volumes"]["a"]["image"] = "late"
    config["volumes"]["a"]["labels"]["nuclei"] = {"path": "nuclei", "first_slice_number": 0}
    Plan(load_config(config))
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2 and all("set first_slice_number: 100" in text for text in told)
    assert "labels of cells" in told[0] and "labels of membrane" in told[1]  # for nuclei the user said so


@pytest.mark.parametrize("key", ["labels", "truth"])
def test_a_label_beyond_the_stack_is_named(tmp_path, key):
    config = make_config(tmp_path, n_slices=20)  # slices 0 to 19, the last label is slice 20
    config["volumes"]["a"] |= {"labels": {"cells": "membrane"}, "truth": {}} | {key: {"cells": "cells"}}
    config["volumes"]["a"]["labels"] |= {"nuclei": "membrane", "membrane": "membrane"}
    with pytest.raises(UserError) as caught:
        Plan(load_config(config))
    text = caught.value.problem
    assert f"volumes.a.{key}.cells" in text and "z0020.tif is slice 20" in text and "0 to 19" in text
    assert "first_slice_number" in caught.value.cure


def test_a_path_that_is_not_there_is_named_with_its_key(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"]["labels"]["nuclei"] = "nuclea"
    with pytest.raises(UserError, match=r"volumes\.a\.labels\.nuclei: .*nuclea: no such file"):
        Plan(load_config(config))


def test_a_phantom_is_planned_before_it_exists():
    volume = {"voxel_size_nm": [8, 8, 8], "phantom": {"shape": [18, 64, 96], "label_every": 5}}
    config = {
        "volumes": {"p": volume},
        "structures": {"cells": {"kind": "cells"}, "nuclei": {"kind": "organelle"}},
        "networks": {"n": {"structures": ["cells", "nuclei"]}},
    }
    plan = Plan(load_config(config))
    v = plan.volumes["p"]
    assert v.shape == (18, 64, 96)
    assert v.labelled("cells") == v.labelled("nuclei") == v.phantom["labelled"] == [0, 5, 10, 15, 17]
    assert set(v.truth) == {"cells", "nuclei", "protrusions"}
    assert v.truth["cells"].zs == list(range(18))
    named = {*v.image.files, *v.labels["cells"].files, *v.truth["cells"].files}
    assert len(v.image.files) == 18 and named <= set(v.phantom["files"])
    config["structures"]["golgi"] = {"kind": "organelle"}
    config["networks"]["n"]["structures"].append("golgi")
    with pytest.raises(UserError, match="a phantom has no 'golgi'"):
        Plan(load_config(config))


# ---- networks
def test_networks_and_their_channels(tmp_path):
    plan = make_plan(tmp_path)
    context, detail = plan.networks["context"], plan.networks["detail"]
    assert context.channels == ("nuclei", "cells/interior", "cells/boundary")
    assert context.channels_of("cells") == [1, 2] and context.channels_of("nuclei") == [0]
    assert (context.downsample, context.z_context, detail.downsample, detail.z_context) == (4, 1, 1, 0)
    assert plan.network_of("membrane") is detail and plan.cells == "cells"


def test_a_structure_is_not_taken_for_another_whose_name_it_begins(tmp_path):
    plan = make_plan(tmp_path)
    network = plan.networks["context"]
    assert network.channels_of("cell") == [] and network.channels_of("nuclei/") == []


def test_training_on_labelled_volumes_and_applying_to_all(tmp_path):
    plan = Plan(load_config(two_volumes(tmp_path)))
    for network in plan.networks.values():
        assert (network.train_on, network.apply_to) == (("a",), ("a", "b"))
    assert plan.structures_in("b") == ["cells", "nuclei", "membrane"]
    assert (plan.organelles_in("b"), plan.masks_in("b"), plan.has_cells("b")) == (
        ["nuclei"],
        ["membrane"],
        True,
    )
    assert plan.gaps("b") == [] and plan.holdouts("b") == {} and plan.split("context", "b") == {}


def test_lists_of_volumes_are_obeyed(tmp_path):
    plan = Plan(load_config(two_volumes(tmp_path, apply_to=["b"])))
    assert plan.structures_in("a") == [] and not plan.has_cells("a")
    assert [a for a in plan.arrays("a") if not a.startswith("image.zarr")] == []
    assert plan.arrays("a")["image.zarr/labels"]["attributes"]["ome"]["labels"] == []
    with pytest.raises(UserError, match="networks.context: structure 'nuclei' has no labels in b"):
        Plan(load_config(two_volumes(tmp_path, train_on=["b"])))


def test_a_network_without_labels_is_named(tmp_path):
    config = make_config(tmp_path)
    del config["volumes"]["a"]["labels"]["membrane"]
    with pytest.raises(UserError, match="networks.detail: no volume has labels for membrane"):
        Plan(load_config(config))
    config = make_config(tmp_path)
    del config["volumes"]["a"]["labels"]["nuclei"]
    with pytest.raises(UserError, match="structure 'nuclei' has no labels in a"):
        Plan(load_config(config))


@pytest.mark.parametrize("wanted, side", [(512, 48), (64, 48)])
def test_prediction_tiles_are_no_larger_than_needed(tmp_path, wanted, side):
    config = make_config(tmp_path)
    config["networks"]["detail"] |= {"predict_tile": wanted, "overlap": 16}
    plan = Plan(load_config(config))
    assert plan.predict_tile("detail") == side  # 40 pixels wide: the next multiple of 16
    assert plan.predict_tile("context") == 16


def test_a_network_that_is_applied_nowhere_is_refused(tmp_path):
    with pytest.raises(UserError, match="apply_to"):
        load_config(two_volumes(tmp_path, apply_to=[]))


# ---- splits, gaps, held-out slices
def test_splits_of_a_network(tmp_path):
    plan = make_plan(tmp_path)
    split = plan.split("context", "a")
    assert list(split) == list(LABELLED) and split[0] == split[20] == "train"
    assert sorted(split.values()) == ["test", "train", "train", "train", "validation"]
    assert plan.slices_of_split("cells", "a", "test") == [z for z, use in split.items() if use == "test"]
    assert plan.split("detail", "a") == {0: "train", 5: "validation"}


def test_listed_slices_and_several_volumes_do_not_go_together(tmp_path):
    config = two_volumes(tmp_path)
    config["volumes"]["b"]["labels"] = {"cells": {"path": "b", "first_slice_number": 100}}
    config["networks"]["context"]["test"] = [5]
    plan = Plan(load_config(config))
    with pytest.raises(UserError, match="networks.context: validation or test lists slices"):
        plan.split("context", "a")
    config["networks"]["context"]["train_on"] = ["a"]
    plan = Plan(load_config(config))
    assert plan.split("context", "a")[5] == "test"
    assert set(plan.split("context", "b").values()) == {"test"}  # labelled, but nothing is trained on it


def test_the_gap_around_a_held_out_slice_excludes_it(tmp_path):
    config = make_config(tmp_path)
    config["networks"]["context"]["test"] = [5, 15]
    plan = Plan(load_config(config))
    assert plan.holdouts("a") == {5: Gap(0, 10, True, True), 15: Gap(10, 20, True, True)}
    assert [gap.name for gap in plan.gaps("a")] == [
        "00000-00005",
        "00005-00010",
        "00010-00015",
        "00015-00020",
    ]
    assert plan.gap("a", "00000-00010") == Gap(0, 10, True, True)
    assert plan.gap("a", "00005-00010") == Gap(5, 10, True, True)


@pytest.mark.parametrize(
    "most, expected", [(0, [20]), (1, [10, 20]), (2, [5, 15, 20]), (3, [5, 10, 15, 20]), (9, [5, 10, 15, 20])]
)
def test_slices_that_are_left_out_are_spread_evenly_and_have_labels_on_both_sides(tmp_path, most, expected):
    config = make_config(tmp_path)
    config["networks"]["context"]["test"] = [20]  # is always scored
    config["evaluate"] = {"leave_one_out": most}
    plan = Plan(load_config(config))
    found = plan.left_out("a")
    assert list(found) == expected
    for z, gap in found.items():
        assert gap == (Gap(z - 5, z + 5, True, True) if z < 20 else Gap(15, 20, True, False))
        assert plan.gap("a", gap.name) == gap


@pytest.mark.parametrize("held", [0, 20])
def test_a_held_out_end_of_the_stack_is_not_carried_from_itself(tmp_path, held):
    config = make_config(tmp_path)
    config["networks"]["context"]["test"] = [held]
    plan = Plan(load_config(config))
    gap = plan.holdouts("a")[held]
    assert (gap.first if held == 0 else gap.last) == held
    assert not (gap.first_given if held == 0 else gap.last_given)
    assert plan.gap("a", gap.name) == gap
    assert gap.name not in {other.name for other in plan.gaps("a")}


@pytest.mark.parametrize("labelled", [(0, 20), (0, 7, 20), (3, 9), (0, 1, 2, 20)])
def test_every_gap_of_a_volume_that_nothing_is_trained_on_has_its_own_name(tmp_path, labelled):
    config = two_volumes(tmp_path)
    write_stack(tmp_path / "c", range(21))
    write_stack(tmp_path / "c_cells", labelled, dtype="uint16")
    config["volumes"]["c"] = {"image": "c", "voxel_size_nm": [4, 4, 4], "labels": {"cells": "c_cells"}}
    for network in config["networks"].values():
        network["train_on"] = ["a"]
    plan = Plan(load_config(config))
    assert list(plan.holdouts("c")) == list(labelled)
    for z, gap in plan.holdouts("c").items():
        assert plan.gap("c", gap.name) == gap, f"held-out slice {z}"


# ---- settings of jobs
def test_settings_of_objects(tmp_path):
    plan = make_plan(tmp_path)
    assert plan.object_settings("nuclei") == {
        "network": "context", "channel": 0, "downsample": 4, "threshold": 0.3, "max_hole_pixels": 100,
    }  # fmt: skip
    membrane = plan.object_settings("membrane")
    assert (membrane["threshold"], membrane["max_hole_pixels"], membrane["channel"]) == (None, 0, 0)
    assert plan.containers_in("a") == {"cell": "cells", "nucleus": "nuclei"}


def test_what_the_card_says_of_the_data(tmp_path):
    about = make_plan(tmp_path).about_network("detail")
    assert about["slices"] == {"a": {0: "train", 5: "validation"}}
    assert about["voxel_size_nm"] == {"a": (4, 4, 4)} and about["structures"] == ("membrane",)


# ---- arrays
def test_shapes_of_all_arrays(tmp_path):
    arrays = make_plan(tmp_path).arrays("a")
    assert arrays["image.zarr/0"]["shape"] == [21, 24, 40] and arrays["image.zarr/0"]["dtype"] == "uint8"
    assert arrays["image.zarr/2"]["shape"] == [6, 6, 10]
    label = arrays["image.zarr/labels/nuclei/1"]
    assert (label["shape"], label["chunk"], label["shard"]) == ([11, 12, 20], [1, 12, 20], [2, 12, 20])
    assert label["dtype"] == "uint32"
    assert arrays["work/probability/context"]["shape"] == [21, 3, 6, 10]
    assert arrays["work/probability/detail"]["shape"] == [21, 1, 24, 40]
    assert arrays["work/probability/detail"]["shard"] == [4, 1, 24, 40]
    assert (arrays["work/flow"]["shape"], arrays["work/flow"]["dtype"]) == ([21, 4, 6, 10], "float16")
    assert (arrays["work/pieces"]["shape"], arrays["work/pieces"]["dtype"]) == ([21, 6, 10], "uint32")
    groups = {name for name, spec in arrays.items() if "shape" not in spec}
    assert groups == {"image.zarr", "image.zarr/labels"} | {
        f"image.zarr/labels/{s}" for s in ("cells", "nuclei", "membrane")
    }


def test_a_volume_without_cells_has_no_flow(tmp_path):
    config = make_config(tmp_path)
    del config["structures"]["cells"], config["volumes"]["a"]["labels"]["cells"]
    config["networks"]["context"]["structures"] = ["nuclei"]
    plan = Plan(load_config(config))
    assert plan.cells is None and not plan.has_cells("a")
    assert not {"work/flow", "work/pieces"} & set(plan.arrays("a"))
    assert plan.gaps("a") == [] and plan.holdouts("a") == {}


def test_small_slices_have_small_overlaps(tmp_path):
    plan = Plan(load_config(make_config(tmp_path)))
    assert plan.predict_tile("context") == 16
    assert plan.predict_settings("context")["overlap"] == 4


# ---- part of a stack, grey values
def test_a_roi_counts_from_its_corner(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"]["roi"] = {"z": [4, 16], "x": [10, 40]}
    config["networks"]["context"] |= {"validation": [10], "test": [15]}
    plan = Plan(load_config(config))
    a = plan.volumes["a"]
    assert (a.shape, a.full_shape, a.plane_crop) == ((12, 24, 30), (21, 24, 40), ((0, 24), (10, 40)))
    assert a.image.slices[0].file.endswith("z0004.tif") and a.image.zs == list(range(12))
    assert a.labelled("cells") == [1, 6, 11] and a.labelled("membrane") == [1]
    # slices in the configuration count in the whole stack
    assert plan.split("context", "a") == {1: "train", 6: "validation", 11: "test"}
    (dataset, *_) = plan.image_group("a")["image.zarr"]["attributes"]["ome"]["multiscales"][0]["datasets"]
    assert dataset["coordinateTransformations"][1] == {"type": "translation", "translation": [16, 0, 40]}
    label = plan.label_groups("a")["image.zarr/labels/cells"]["attributes"]["ome"]
    assert label["multiscales"][0]["datasets"][0] == dataset


def test_a_held_out_slice_outside_the_roi_is_named_by_its_own_number(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"]["roi"] = {"z": [4, 16]}
    config["networks"]["context"]["test"] = [20]
    with pytest.raises(UserError, match=r"test slice 20 has no label") as error:
        plan = Plan(load_config(config))
        plan.split("context", "a")
    assert "[5, 10, 15]" in error.value.cure


def test_a_structure_without_labels_in_the_roi_is_pointed_out(tmp_path, caplog):
    config = make_config(tmp_path)
    config["volumes"]["a"]["roi"] = {"z": [8, 21]}
    with pytest.raises(UserError, match="detail: no volume has labels for membrane"):
        Plan(load_config(config))
    assert "no labelled slice of membrane lies in the roi, z [8, 21]" in caplog.text


def test_the_window_is_sampled_from_the_whole_stack(tmp_path):
    config = two_volumes(tmp_path)
    config["volumes"]["b"] |= {"roi": {"z": [3, 6]}, "bit_depth": 16}
    del config["volumes"]["b"]["intensity_window"]
    plan = Plan(load_config(config))
    b = plan.volumes["b"]
    assert b.window is None and [ref.z for ref in b.sampled] == list(range(9)) and len(b.image) == 3
    assert plan.image_arrays("b")["image.zarr/0"]["dtype"] == "uint16"
    config["volumes"]["a"]["window_percentiles"] = [1, 99]  # asked for, even of 8 bits
    a = Plan(load_config(config)).volumes["a"]
    assert (a.window, a.percentiles, len(a.sampled)) == (None, (1, 99), 16)


def test_8_bit_images_are_not_kept_as_16_bit(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"]["bit_depth"] = 16
    with pytest.raises(UserError, match=r"bit_depth is 16, but .*z0000\.tif has 8 bits"):
        Plan(load_config(config))


def test_a_voxel_size_that_the_file_contradicts_is_an_error_with_both(tmp_path):
    config = make_config(tmp_path)
    about = {"unit": "nm", "spacing": 8, "axes": "ZYX"}
    stack = np.zeros((21, 24, 40), np.uint8)
    tifffile.imwrite(tmp_path / "ij.tif", stack, imagej=True, resolution=(0.25, 0.25), metadata=about)
    config["volumes"]["a"]["image"] = "ij.tif"
    with pytest.raises(
        UserError, match=r"volumes\.a\.voxel_size_nm is z 4, y 4, x 4, but ImageJ .*say z 8, y 4, x 4"
    ):
        Plan(load_config(config))
    config["volumes"]["a"]["check_pixel_size"] = False
    assert Plan(load_config(config)).volumes["a"].n_slices == 21
