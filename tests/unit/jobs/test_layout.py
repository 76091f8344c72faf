"""What zarr.json says of every array and group of a volume, and which job writes it."""

import pytest
from asked import files, spec
from tiny_plan import make_config, make_plan, plan_in_volume, plan_without_cells, two_volumes
from ultraseg.grid.cut_maps import BRICK
from ultraseg.jobs.layout import arrays_of
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan

IMAGE, WORK = "results/a/image.zarr", "results/a/work"


def test_shapes_of_all_arrays(tmp_path):
    arrays = arrays_of(make_plan(tmp_path), "a")
    assert arrays[f"{IMAGE}/0"]["shape"] == [21, 24, 40] and arrays[f"{IMAGE}/0"]["dtype"] == "uint8"
    assert arrays[f"{IMAGE}/2"]["shape"] == [6, 6, 10]
    label = arrays[f"{IMAGE}/labels/nuclei/1"]
    assert (label["shape"], label["chunk"], label["shard"]) == ([11, 12, 20], [1, 12, 20], [2, 12, 20])
    assert label["dtype"] == "uint32" and label["axes"] == ["z", "y", "x"]
    assert arrays[f"{WORK}/probability/context"]["shape"] == [21, 3, 6, 10]
    assert arrays[f"{WORK}/probability/detail"]["shape"] == [21, 1, 24, 40]
    assert arrays[f"{WORK}/probability/detail"]["shard"] == [4, 1, 24, 40]
    assert arrays[f"{WORK}/probability/detail"]["axes"] == ["z", "channel", "y", "x"]
    assert (arrays[f"{WORK}/flow"]["shape"], arrays[f"{WORK}/flow"]["dtype"]) == ([21, 4, 6, 10], "float16")
    assert (arrays[f"{WORK}/pieces"]["shape"], arrays[f"{WORK}/pieces"]["dtype"]) == ([21, 6, 10], "uint32")
    groups = {path for path, about in arrays.items() if "shape" not in about}
    assert groups == {IMAGE, f"{IMAGE}/labels"} | {
        f"{IMAGE}/labels/{s}" for s in ("cells", "nuclei", "membrane")
    }


@pytest.mark.parametrize(
    "rule, wildcards, paths",
    [
        ("image_layout", {}, [f"{IMAGE}/{level}" for level in range(3)]),
        ("image_group", {}, [IMAGE]),
        (
            "label_groups",
            {},
            [f"{IMAGE}/labels", *(f"{IMAGE}/labels/{s}" for s in ("cells", "nuclei", "membrane"))],
        ),
        ("structure_layout", {"structure": "nuclei"}, [f"{IMAGE}/labels/nuclei/{n}" for n in range(3)]),
        ("network_layout", {"network": "detail"}, [f"{WORK}/probability/detail"]),
        ("cell_layout", {}, [f"{WORK}/flow", f"{WORK}/pieces"]),
    ],
)
def test_each_rule_lays_out_its_own_part(tmp_path, rule, wildcards, paths):
    plan = make_plan(tmp_path)
    layout = spec(plan, rule, **wildcards).layout
    assert list(layout) == paths
    assert layout.items() <= arrays_of(plan, "a").items()


def test_a_volume_without_cells_has_no_flow(tmp_path):
    arrays = arrays_of(plan_without_cells(tmp_path), "a")
    assert not {f"{WORK}/flow", f"{WORK}/pieces"} & set(arrays)
    assert f"{WORK}/probability/context" in arrays


def test_a_volume_that_only_trains_has_its_image_alone(tmp_path):
    arrays = arrays_of(Plan(load_config(two_volumes(tmp_path, apply_to=["b"]))), "a")
    assert [path for path in arrays if not path.startswith(IMAGE)] == []
    assert arrays[f"{IMAGE}/labels"]["attributes"]["ome"]["labels"] == []


def test_image_and_labels_of_a_roi_lie_at_its_corner(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"]["roi"] = {"z": [4, 16], "x": [10, 40]}
    arrays = arrays_of(Plan(load_config(config)), "a")
    (dataset, *_) = arrays[IMAGE]["attributes"]["ome"]["multiscales"][0]["datasets"]
    assert dataset["coordinateTransformations"][1] == {"type": "translation", "translation": [16, 0, 40]}
    label = arrays[f"{IMAGE}/labels/cells"]["attributes"]["ome"]
    assert label["multiscales"][0]["datasets"][0] == dataset


def test_bad_slices_change_the_groups_and_not_the_arrays(tmp_path):
    sound = make_plan(tmp_path)
    config = make_config(tmp_path)
    config["volumes"]["a"]["bad_slices"] = [7]
    bad = Plan(load_config(config))
    assert spec(bad, "image_layout") == spec(sound, "image_layout")
    assert spec(bad, "structure_layout", structure="cells") == spec(
        sound, "structure_layout", structure="cells"
    )
    assert spec(bad, "image_group").layout[IMAGE]["attributes"]["ultraseg"]["bad_slices"] == [7]
    label = spec(bad, "label_groups").layout[f"{IMAGE}/labels/cells"]["attributes"]["ultraseg"]
    assert label == {"interpolated_slices": [7]}


def test_the_image_has_the_bits_that_are_asked_for_and_waits_for_a_window_that_is_measured(tmp_path):
    config = two_volumes(tmp_path)
    config["volumes"]["b"] |= {"roi": {"z": [3, 6]}, "bit_depth": 16}
    del config["volumes"]["b"]["intensity_window"]
    plan = Plan(load_config(config))
    told = spec(plan, "image_layout", volume="b")
    assert (told.dtype, told.window, told.bit_depth) == ("uint16", None, 16)
    assert told.layout["results/b/image.zarr/0"]["dtype"] == "uint16"
    for rule in ("image_layout", "image_group"):
        assert files(plan, rule, volume="b") == {"window": ["results/b/work/window.json"]}
        assert files(plan, rule, volume="a") == {"window": []}


def test_cuts_lie_in_bricks_of_their_own_depth_where_there_are_any(tmp_path):
    cuts = arrays_of(plan_in_volume(tmp_path), "a")[f"{WORK}/cuts"]
    assert cuts["shape"] == [21, 6, 6, 10] and cuts["shard"] == [BRICK, 6, 6, 10]
    assert f"{WORK}/cuts" not in arrays_of(make_plan(tmp_path), "a")
