"""Which files the jobs that read the image need, and what they are told of its slices."""

import os

import pytest
from asked import files, spec
from tiny_plan import make_config, make_plan, two_volumes
from ultraseg.jobs.ingest import Ingest, Window
from ultraseg.jobs.spec import Wildcards
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan


def image(folder, *zs):
    return [str(folder / "image" / f"z{z:04d}.tif") for z in zs]


@pytest.fixture
def sampled(tmp_path):
    """A volume 'b' of 16 bits whose window of grey values is taken from its slices; of 'a' the window is known."""
    config = two_volumes(tmp_path)
    del config["volumes"]["b"]["intensity_window"]
    config["volumes"]["b"]["roi"] = {"z": [3, 6]}
    return Plan(load_config(config))


def test_a_slab_is_read_from_its_own_slices_only(tmp_path):
    plan = make_plan(tmp_path)
    assert files(plan, "ingest", slab=1)["slices"] == image(tmp_path, 4, 5, 6, 7)
    assert files(plan, "ingest", slab=5)["slices"] == image(tmp_path, 20)
    assert files(plan, "ingest", slab=5)["array"] == "results/a/image.zarr/0/zarr.json"


def test_missing_slices_are_bridged_from_slices_of_other_slabs(tmp_path):
    config = make_config(tmp_path)
    for z in (7, 8):
        os.remove(tmp_path / f"image/z{z:04d}.tif")
    config["volumes"]["a"] |= {"missing_slices": "bridge", "bad_slices": [6]}
    plan = Plan(load_config(config))
    assert files(plan, "ingest", slab=1)["slices"] == image(tmp_path, 4, 5, 6, 9)
    told = spec(plan, "ingest", slab=1)
    assert [ref.z for ref in told.slices] == [4, 5, 6, 9]
    assert list(told.bridges) == [7] and [z for z, _ in told.bridges[7]] == [5, 9]
    assert sum(weight for _, weight in told.bridges[7]) == pytest.approx(1)


def test_slabs_of_an_8_bit_image_wait_for_no_window(sampled):
    assert files(sampled, "ingest", slab=0)["window"] == []
    assert files(sampled, "ingest", volume="b", slab=0)["window"] == ["results/b/work/window.json"]


def test_the_window_is_taken_from_the_whole_stack_and_only_where_it_is_not_known(sampled, tmp_path):
    (one,) = Window.each(sampled, "b")
    assert Window.each(sampled, "a") == [] and one == Wildcards(volume="b")
    told = spec(sampled, "window", volume="b")
    assert [ref.file for ref in told.slices] == [str(tmp_path / f"b/z{z:04d}.tif") for z in range(100, 109)]
    assert files(sampled, "window", volume="b")["slices"] == [
        ref.file for ref in told.slices
    ]  # the roi has 3
    assert (told.plane, told.crop, told.dtype) == ((30, 20), ((0, 30), (0, 20)), "uint16")


def test_a_roi_is_cut_from_slices_of_the_source(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"]["roi"] = {"z": [4, 16], "x": [10, 40]}
    told = spec(Plan(load_config(config)), "ingest", slab=0)
    assert (told.slab, told.plane, told.crop) == ((0, 4), (24, 40), ((0, 24), (10, 40)))
    assert [(ref.z, os.path.basename(ref.file)) for ref in told.slices][0] == (0, "z0004.tif")
    assert told.factors == [(1, 1, 1), (2, 2, 2), (4, 4, 4)]


def test_there_is_one_job_for_each_slab(tmp_path):
    plan = make_plan(tmp_path)
    assert Ingest.each(plan, "a") == [Wildcards(volume="a", slab=slab) for slab in range(6)]
    assert spec(plan, "ingest", slab=5).depth == 1


def test_reading_costs_the_slices_of_the_source_and_holds_the_part_that_is_used(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"]["roi"] = {"x": [10, 40]}
    plan = Plan(load_config(config))
    assert spec(plan, "ingest", slab=1).pixels(plan) == (4 * 24 * 40, 4 * 24 * 30 + 4 * 24 * 40)


def test_a_phantom_is_written_with_its_own_settings():
    config = {
        "volumes": {"p": {"voxel_size_nm": [8, 8, 8], "phantom": {"shape": [18, 64, 96], "label_every": 5}}},
        "structures": {"cells": {"kind": "cells"}},
        "networks": {"n": {"structures": ["cells"]}},
    }
    told = spec(Plan(load_config(config)), "phantom", volume="p")
    assert list(told.settings["shape"]) == [18, 64, 96]
    assert told.settings["labelled"] == [0, 5, 10, 15, 17] and told.voxel_size_nm == (8, 8, 8)
    assert "files" not in told.settings  # a longer list of outputs is no other phantom
