"""Which slices a prediction reads, with which network."""

import pytest
from asked import files, slabs, spec
from tiny_plan import (
    make_config,
    make_plan,
    plan_in_volume,
    plan_of_affinities,
    plan_of_maps,
    plan_with_bad_slices,
    two_volumes,
)
from ultraseg.jobs.predict import Cuts, Predict, TakeCuts, TakeMaps
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan


def images(plan, slab, network="detail"):
    return slabs(files(plan, "predict", slab=slab, network=network)["images"], "image.zarr/0")


@pytest.mark.parametrize(
    "context, slab, expected",
    [
        (0, 0, [0]),
        (0, 3, [3]),
        (1, 0, [0, 1]),
        (1, 3, [2, 3, 4]),
        (1, 5, [4, 5]),
        (4, 2, [1, 2, 3]),
        (4, 4, [3, 4, 5]),
    ],
)
def test_neighbours_are_read_as_far_as_the_network_sees(tmp_path, context, slab, expected):
    config = make_config(tmp_path)
    config["networks"]["detail"]["z_context"] = context
    assert images(Plan(load_config(config)), slab) == expected


def test_several_slabs_are_read_when_these_are_thin(tmp_path):
    config = make_config(tmp_path, slab_depth=1)
    config["networks"]["detail"]["z_context"] = 2
    plan = Plan(load_config(config))
    assert images(plan, 9) == [7, 8, 9, 10, 11]
    assert images(plan, 0) == [0, 1, 2]


def test_the_slabs_of_good_neighbours_are_read(tmp_path):
    plan = plan_with_bad_slices(tmp_path)

    def window(slab):
        return spec(plan, "predict", slab=slab, network="detail").window

    assert window(0) == ([0, 0, 1, 2, 5], [0, 1, 2, 2])
    assert images(plan, 0) == [0, 1]
    # Slice 4 shows slice 5, which sees 2 and 6; 7 shows 6.
    assert window(1) == ([2, 5, 6, 13], [0, 0, 1, 1])
    assert images(plan, 1) == [0, 1, 3]
    # Of a slab without a good slice the near ones show the slice before, the others the one after.
    assert window(2) == ([5, 6, 13, 14], [0, 0, 1, 1])
    assert images(plan, 2) == [1, 3]


@pytest.mark.parametrize(
    "device, int8, model", [("cpu", False, "tflite"), ("cpu", True, "int8.tflite"), ("gpu", False, "keras")]
)
def test_the_file_of_the_network_is_that_of_the_device(tmp_path, device, int8, model):
    config = make_config(tmp_path, device=device, mixed_precision=True)
    config["networks"]["detail"]["int8"] = int8
    plan = Plan(load_config(config))
    found = files(plan, "predict", slab=0, network="detail")
    assert found["model"] == f"results/models/detail.{model}"
    assert found["array"] == "results/a/work/probability/detail/zarr.json"
    told = spec(plan, "predict", slab=0, network="detail")
    assert told.device == device
    assert told.mixed_precision == (device == "gpu")  # of a CPU: the setting alters no number there


def test_small_slices_have_small_tiles_and_overlaps(tmp_path):
    plan = make_plan(tmp_path)
    settings = spec(plan, "predict", slab=0, network="context").settings
    assert settings["overlap"] == 4 and settings["stride"] == 16
    assert settings["downsample"] == 4 and settings["z_context"] == 1


def test_every_network_is_applied_to_every_slab_of_its_volumes(tmp_path):
    plan = Plan(load_config(two_volumes(tmp_path, apply_to=["b"])))
    assert Predict.each(plan, "a") == []
    found = {(one.network, one.slab) for one in Predict.each(plan, "b")}
    assert found == {(network, slab) for network in ("context", "detail") for slab in range(3)}


def test_views_multiply_the_time_and_a_gpu_divides_it(tmp_path):
    plan = make_plan(tmp_path)
    settings = plan.networks["detail"].settings

    def seconds() -> float:
        return spec(plan, "predict", slab=0, network="detail").cost(plan).seconds

    settings["views"] = 1
    one = seconds()
    settings["views"] = 8
    eight = seconds()
    assert eight > one
    plan.config["device"] = "gpu"
    assert one > 0.5 and seconds() < eight


# ---- cuts
def test_a_brick_reads_the_planes_across_and_the_maps_of_its_own_slices(tmp_path, monkeypatch):
    monkeypatch.setattr("ultraseg.grid.cut_maps.BRICK", 8)
    monkeypatch.setattr("ultraseg.grid.cut_maps.HALO", 2)
    plan = plan_in_volume(tmp_path)
    assert [wc.brick for wc in Cuts.each(plan, "a")] == [0, 1, 2]
    told = spec(plan, "cuts", brick=1)
    assert (told.brick, told.read, told.rows) == ((8, 16), [*range(6, 18)], (2, 10))
    found = files(plan, "cuts", brick=1)
    assert slabs(found["images"], "image.zarr/0") == [1, 2, 3, 4]
    assert slabs(found["maps"], "work/probability/context") == [2, 3]
    assert found["model"] == "results/models/context.keras"  # its planes have a size of their own


def test_bad_slices_show_their_stand_ins_in_the_planes_across(tmp_path):
    plan = plan_in_volume(tmp_path, bad_slices=[6, 7])
    assert spec(plan, "cuts", brick=0).read[4:10] == [4, 5, 5, 8, 8, 9]


def test_thick_slices_have_no_cuts_across(tmp_path):
    assert Cuts.each(make_plan(tmp_path), "a") == []
    assert spec(make_plan(tmp_path), "predict", slab=0, network="context").channels == ()
    channels = spec(plan_in_volume(tmp_path), "predict", slab=0, network="context").channels
    assert channels == plan_in_volume(tmp_path).networks["context"].channels


# ---- maps from elsewhere
def test_a_slab_reads_the_slices_of_the_maps_that_it_shows(tmp_path):
    plan = plan_of_maps(tmp_path, bad_slices=[5], roi={"z": [2, 21]})
    told, read = (asked(plan, "take_maps", network="detail", slab=0) for asked in (spec, files))
    assert told.shown == [2, 3, 4, 4]  # slice 3 of the volume is bad: a copy of the one before
    assert read["maps"] == [str(tmp_path / f"maps/z000{z}.tif") for z in (2, 3, 4)]
    assert read["card"] == "results/models/detail.json"
    assert (told.plane, told.downsample, told.maps["membrane"].factor) == ((24, 40), 1, (1, 2, 2))


def test_networks_with_maps_predict_nothing(tmp_path):
    plan = plan_of_maps(tmp_path)
    assert {wc.network for wc in Predict.each(plan, "a")} == {"context"}
    assert [wc.network for wc in TakeMaps.each(plan, "a")] == ["detail"] * 6
    assert TakeMaps.each(make_plan(tmp_path), "a") == []


def test_some_slices_of_the_maps_tell_their_range(tmp_path):
    plan = plan_of_maps(tmp_path)
    told, read = (asked(plan, "maps_card", network="detail") for asked in (spec, files))
    assert len(read["maps"]) == 8 and told.thresholded == ["membrane"]
    assert told.about["channels"] == ("membrane",)
    assert (
        told.cost(plan).seconds < 60
        and spec(plan, "take_maps", network="detail", slab=0).cost(plan).mem_mb < 800
    )


# ---- affinities
def test_a_brick_reads_the_affinities_of_its_slices_and_of_those_that_cuts_reach(tmp_path, monkeypatch):
    monkeypatch.setattr("ultraseg.grid.cut_maps.BRICK", 8)
    plan = plan_of_affinities(tmp_path, bad_slices=[6], roi={"z": [2, 21]})
    assert [wc.brick for wc in TakeCuts.each(plan, "a")] == [0, 1, 2] and Cuts.each(plan, "a") == []
    told, read = spec(plan, "take_cuts", brick=0), files(plan, "take_cuts", brick=0)
    assert (told.brick, told.shown) == ((0, 8), [2, 3, 4, 5, 5, 7, 8, 9, 10, 11, 12])
    assert spec(plan, "take_cuts", brick=2).shown == [18, 19, 20]  # the last slices reach no others
    assert read["maps"] == [str(tmp_path / "affs.h5")] and read["card"] == "results/models/context.json"
    assert told.source.key == "cells/affinities" and told.cost(plan).mem_mb < 2000


def test_the_range_of_affinities_is_looked_for_once(tmp_path):
    plan = plan_of_affinities(tmp_path)
    assert [*spec(plan, "maps_card", network="context").maps["a"]] == ["cells/affinities"]
    told = spec(plan, "take_maps", network="context", slab=0)
    assert told.given == ["cells/affinities"] * 2
    assert [source.shown_as for source in told.maps.values()] == ["interior", "boundary"]


def test_volumes_without_affinities_have_no_such_jobs(tmp_path):
    assert TakeCuts.each(plan_in_volume(tmp_path), "a") == []
