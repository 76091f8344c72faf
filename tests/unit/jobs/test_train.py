"""What networks are made from, and what that is expected to take."""

import math

import pytest
from asked import files, slabs, spec
from tiny_plan import (
    make_config,
    make_plan,
    plan_holding_out,
    plan_in_volume,
    plan_with_bad_slices,
    plan_with_planes,
    two_volumes,
)
from ultraseg.jobs.train import THREADS, about_network, macs_of, tile_count, width_of
from ultraseg.networks.sizes import FILTERS
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan


# ---- tiles
def test_tiles_never_read_around_a_test_slice(tmp_path):
    plan = plan_holding_out(tmp_path, 10)
    # Slices 9 to 11 lie in slab 2; slices 5 and 15 need slabs 1 and 3 (of 14 to 16: 4).
    found = files(plan, "tiles", network="context")["images"]
    assert slabs(found, "image.zarr/0") == [0, 1, 3, 4, 5]


def test_slices_without_labels_are_learned_from_where_wanted_and_never_a_test_slice(tmp_path):
    plan = plan_holding_out(tmp_path, 10)
    assert spec(plan, "tiles", network="context").split["a"] == plan.split("context", "a")
    plan.networks["context"].settings["unlabelled"] = 3
    told = spec(plan, "tiles", network="context")
    free = [z for z, use in told.split["a"].items() if use == "unlabelled"]
    assert len(free) == 3 and not {*free} & {0, 5, 10, 15, 20}
    assert free == sorted(free) and free[0] < 7 and free[-1] > 13  # spread
    assert not any(10 in told.contexts["a"][z] for z in free)
    assert about_network(plan, plan.networks["context"])["unlabelled_slices"] == {"a": free}
    plan.networks["context"].settings["unlabelled"] = 1000
    free = [z for z, use in spec(plan, "tiles", network="context").split["a"].items() if use == "unlabelled"]
    assert free == [z for z in range(21) if z % 5 and z not in (9, 11)]  # which see the test slice


def test_tiles_read_labels_of_their_structures_only(tmp_path):
    plan, folder = make_plan(tmp_path), "results/a/work/labels"
    labels = {network: files(plan, "tiles", network=network)["labels"] for network in plan.networks}
    assert labels["context"] == [f"{folder}/nuclei.h5", f"{folder}/cells.h5"]
    assert labels["detail"] == [f"{folder}/membrane.h5"]


def test_tiles_read_only_volumes_that_train(tmp_path):
    plan = Plan(load_config(two_volumes(tmp_path)))
    found = files(plan, "tiles", network="context")
    both = [*found["images"], *found["labels"]]
    assert both and not [file for file in both if file.startswith("results/b")]
    told = spec(plan, "tiles", network="context")
    assert list(told.split) == list(told.labelled) == list(told.contexts) == ["a"]


def test_tiles_are_told_what_they_show(tmp_path):
    told = spec(make_plan(tmp_path), "tiles", network="context")
    assert told.channels == ("nuclei", "cells/interior", "cells/boundary")
    assert told.kinds == {"nuclei": "organelle", "cells": "cells"}
    assert (told.settings["downsample"], told.settings["z_context"], told.settings["stride"]) == (4, 1, 16)
    assert told.labelled == {"a": {"nuclei": [0, 5, 10, 15, 20], "cells": [0, 5, 10, 15, 20]}}


def test_training_sees_good_slices_only(tmp_path):
    plan = plan_with_bad_slices(tmp_path)
    contexts = spec(plan, "tiles", network="context").contexts["a"]
    assert 10 not in contexts and contexts[5] == [2, 5, 6]
    assert contexts == plan.contexts("context", "a")


def test_the_cost_of_tiles_is_that_of_all_slices_that_the_network_sees(tmp_path):
    plan = plan_holding_out(tmp_path, 10)
    assert spec(plan, "tiles", network="context").pixels(plan) == (4 * 3 * 24 * 40, 24 * 40)


# ---- training
def test_training_reads_tiles_and_the_network_that_it_starts_from(tmp_path):
    plan = make_plan(tmp_path)
    assert files(plan, "train", network="context") == {
        "tiles": "results/models/context.tiles.h5",
        "init_from": [],
    }
    plan.networks["context"].settings["init_from"] = "old.keras"
    assert files(plan, "train", network="context")["init_from"] == ["old.keras"]


def test_training_is_told_the_settings_of_its_network_and_the_device(tmp_path):
    plan = make_plan(tmp_path, device="gpu", gpus=2)
    told = spec(plan, "train", network="context")
    assert (told.device, told.gpus, told.predict_tile) == ("gpu", 2, 16)
    own = plan.networks["context"].settings
    assert {key: own.get(key) for key in told.settings} == told.settings and "batch" in told.settings
    assert "predict_tile" not in told.settings  # what alters no number of the training must not train anew
    assert spec(make_plan(tmp_path), "train", network="context").gpus == 1


def test_what_the_card_says_of_the_data(tmp_path):
    plan = make_plan(tmp_path)
    about = about_network(plan, plan.networks["detail"])
    assert about["slices"] == {"a": {0: "train", 5: "validation"}}
    assert about["voxel_size_nm"] == {"a": (4, 4, 4)} and about["structures"] == ("membrane",)
    assert spec(plan, "train", network="detail").about == about


def test_training_costs_follow_the_settings_of_the_network(tmp_path):
    plan = make_plan(tmp_path)
    settings = plan.networks["context"].settings
    settings.update(epochs=40, steps_per_epoch=25, batch=8, crop=192)

    def seconds(**how) -> float:
        return spec(plan, "train", network="context").cost(plan, **how).seconds

    base = seconds()
    assert seconds(threads=THREADS) == base > seconds(threads=8)
    settings["epochs"] = 80
    assert seconds() == pytest.approx(2 * base, rel=0.05)
    settings["max_minutes"] = 1
    assert seconds() < 90
    settings.pop("max_minutes")
    plan.config["device"] = "gpu"
    assert seconds() < base


def test_a_larger_batch_holds_more(tmp_path):
    plan = make_plan(tmp_path)
    before = spec(plan, "train", network="context").cost(plan)
    plan.networks["context"].settings["batch"] *= 4
    assert spec(plan, "train", network="context").cost(plan).mem_mb > before.mem_mb


# ---- after training
def test_integers_are_proved_on_tiles(tmp_path):
    config = make_config(tmp_path)
    config["networks"]["detail"] |= {"predict_tile": 64, "overlap": 16}
    plan, models = Plan(load_config(config)), "results/models"
    assert files(plan, "quantise", network="detail") == {
        "keras": f"{models}/detail.keras",
        "tflite": f"{models}/detail.tflite",
        "tiles": f"{models}/detail.tiles.h5",
    }
    told = spec(plan, "quantise", network="detail")
    assert (told.tile, told.overlap, told.stride) == (48, 12, 16)
    # Jobs that hold the tiles as training does ask for as much memory.
    train = spec(plan, "train", network="detail").cost(plan)
    assert told.cost(plan) == spec(plan, "augmentation", network="detail").cost(plan) == train


def test_augmentation_is_drawn_with_the_settings_of_the_training(tmp_path):
    plan = make_plan(tmp_path)
    told, train = (spec(plan, rule, network="detail") for rule in ("augmentation", "train"))
    assert (told.augmentation, told.crop) == (train.settings["augmentation"], train.settings["crop"])
    assert files(plan, "augmentation", network="detail") == {"tiles": "results/models/detail.tiles.h5"}


def test_a_network_that_is_taken_over_is_read_where_it_is(tmp_path):
    plan = make_plan(tmp_path)
    plan.networks["detail"].settings.update(model="other.keras", architecture="unet", filters=[8, 16])
    assert files(plan, "adopt", network="detail") == {"model": "other.keras"}
    told = spec(plan, "adopt", network="detail")
    assert (told.architecture, told.filters) == ("unet", [8, 16])
    assert told.predict_tile == plan.predict_tile("detail")


# ---- sizes of networks
def test_width_and_multiply_adds_follow_the_filters(tmp_path):
    net = make_plan(tmp_path).networks["context"]
    net.settings["filters"] = None
    default = macs_of(net), width_of(net)
    net.settings["filters"] = [2 * f for f in FILTERS[net.settings["architecture"]]]
    assert width_of(net) == 2 * default[1] and 3 * default[0] < macs_of(net) < 4 * default[0]


@pytest.mark.parametrize("size, tile, overlap", [(40, 48, 12), (100, 48, 12), (84, 48, 12), (85, 48, 12)])
def test_tiles_cover_an_axis_and_none_is_needless(size, tile, overlap):
    count, step = tile_count(size, tile, overlap), tile - overlap
    assert (count - 1) * step + tile >= size
    assert count == 1 or (count - 2) * step + tile < size
    assert count == max(1, math.ceil((size - overlap) / step))


# ---- planes across the slices
def test_planes_are_taught_but_not_on_slices_that_validate_or_test(tmp_path):
    plan = plan_with_planes(tmp_path, bad_slices=[3])
    told = spec(plan, "tiles", network="context").planes["a"]
    uses = plan.split("context", "a")
    held = [z for z, use in uses.items() if use != "train"]
    assert {use for use in uses.values()} == {"train", "validation", "test"}
    assert told["planes"] == {"cells": ["xz", "yz"]} and told["shape"] == (21, 24, 40)
    assert told["hidden"] == sorted([3, *held]) and told["step"] == 1
    assert told["shown"] == [0, 1, 2, 2, *range(4, 21)]
    found = files(plan, "tiles", network="context")
    assert {f"results/a/work/labels/cells.{plane}.h5" for plane in ("xz", "yz")} <= {*found["labels"]}
    assert sorted(slabs(found["images"], "image.zarr/0")) == [0, 1, 2, 3, 4, 5]


def test_networks_of_other_structures_learn_from_no_planes(tmp_path):
    plan = plan_with_planes(tmp_path)
    assert spec(plan, "tiles", network="detail").planes == {}
    assert "planes" not in spec(plan, "train", network="detail").about


def test_the_card_names_the_planes_and_the_costs_count_them(tmp_path):
    plan = plan_with_planes(tmp_path)
    assert spec(plan, "train", network="context").about["planes"] == {"a": {"xz": [7], "yz": [11, 33]}}
    (tmp_path / "plain").mkdir()
    plain = plan_in_volume(tmp_path / "plain", "volume")
    for rule in ("tiles", "train"):
        one, other = (spec(p, rule, network="context").cost(p) for p in (plan, plain))
        assert one.mem_mb > other.mem_mb
