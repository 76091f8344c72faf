"""Networks: channels, volumes that they learn from, and how labelled slices are shared out."""

from dataclasses import replace

import pytest
from tiny_plan import make_config, make_plan, plan_in_volume, two_volumes
from ultraseg.base.errors import UserError
from ultraseg.labels.source import LabelSource
from ultraseg.plan.config import load_config
from ultraseg.plan.networks import make_network, split_at_first, window_rule_of
from ultraseg.plan.plan import Plan


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


def test_a_network_without_labels_is_named(tmp_path):
    config = make_config(tmp_path)
    del config["volumes"]["a"]["labels"]["membrane"]
    with pytest.raises(UserError, match="networks.detail: no volume has labels for membrane"):
        Plan(load_config(config))
    config = make_config(tmp_path)
    del config["volumes"]["a"]["labels"]["nuclei"]
    with pytest.raises(UserError, match="structure 'nuclei' has no labels in a"):
        Plan(load_config(config))


def made(plan, name="context", **settings):
    """A network of the plan with other settings."""
    return make_network(name, plan.networks[name].settings | settings, plan.structures, plan.volumes)


def test_a_network_learns_from_all_volumes_with_labels_and_is_applied_to_all_unless_told_otherwise(tmp_path):
    plan = Plan(load_config(two_volumes(tmp_path)))
    assert (made(plan).train_on, made(plan).apply_to) == (("a",), ("a", "b"))
    assert made(plan, apply_to=["b"]).apply_to == ("b",)
    with pytest.raises(UserError, match="networks.context: structure 'nuclei' has no labels in b"):
        made(plan, train_on=["b"])


def test_the_network_that_training_starts_from_must_be_one_of_ours(tmp_path):
    (tmp_path / "x.keras").write_text("something else")
    with pytest.raises(UserError, match="x.keras: this file does not say what the network was trained on"):
        made(make_plan(tmp_path), init_from=str(tmp_path / "x.keras"))


def ready_card(monkeypatch, **changes):
    """Let every model file have this card."""
    card = {
        "channels": ["membrane"], "downsample": 1, "z_context": 2, "thresholds": {},
        "voxel_size_nm": {"old": [4, 4, 4]}, "settings": {"architecture": "unet", "filters": [8, 16]},
        "windows": {"old": {"kind": "whole", "values": [0, 255], "dtype": "uint8"}},
    }  # fmt: skip
    monkeypatch.setattr("ultraseg.plan.networks.read_card", lambda file: card | changes)


def test_a_network_that_was_trained_before_has_the_layers_of_its_card(tmp_path, monkeypatch):
    ready_card(monkeypatch)
    net = made(make_plan(tmp_path), "detail", model="old.keras")
    assert (net.z_context, net.settings["filters"], net.settings["architecture"]) == (2, [8, 16], "unet")
    assert net.train_on == () and net.apply_to == ("a",)


@pytest.mark.parametrize(
    "changes, problem, cure",
    [
        ({"channels": ["mito"]}, "old.keras predicts mito, not membrane", r"structures to \[mito\]"),
        (
            {"channels": ["cells/interior", "cells/boundary"]},
            "predicts cells/interior, cells/boundary, not membrane",
            r"structures to \[cells\]",
        ),
        ({"downsample": 4}, "trained on pixels of 16 nm, and volume a", "downsample to 4"),
    ],
)
def test_a_network_that_was_trained_before_must_fit(tmp_path, monkeypatch, changes, problem, cure):
    ready_card(monkeypatch, **changes)
    with pytest.raises(UserError, match=problem) as caught:
        made(make_plan(tmp_path), "detail", model="old.keras")
    assert caught.match(cure) or cure.replace("\\", "") in caught.value.cure


def test_grey_values_are_shown_as_the_volume_says(tmp_path):
    v = Plan(load_config(two_volumes(tmp_path))).volumes
    assert window_rule_of(v["a"])["kind"] == "whole"
    assert window_rule_of(v["b"]) == {"kind": "given", "values": [10, 4000], "dtype": "uint16"}


# ---- cuts
CELLS = ("nuclei", "cells/interior", "cells/boundary")
CUTS = tuple(f"cells/cut_{axis}{offset}" for axis in "yx" for offset in (1, 3, 8))


def test_networks_of_cells_learn_cuts_where_a_volume_needs_them(tmp_path):
    plan = plan_in_volume(tmp_path)
    net, detail = plan.networks["context"], plan.networks["detail"]
    assert net.channels == CELLS + CUTS and net.cuts == (1, 3, 8)
    assert net.channels_of("cells") == [1, 2]  # interior and boundary alone
    assert detail.channels == ("membrane",) and detail.cuts == ()
    thick = make_plan(tmp_path)
    assert thick.networks["context"].cuts == () and thick.networks["context"].channels == CELLS


def test_a_ready_network_may_predict_cuts_or_not_but_must_where_the_key_asks_for_them(tmp_path, monkeypatch):
    plan, fits = plan_in_volume(tmp_path), {"downsample": 4, "voxel_size_nm": {"old": [16, 4, 4]}}

    def ready(channels, method):
        ready_card(monkeypatch, channels=list(channels), **fits)
        settings = plan.networks["context"].settings | {"model": "old.keras"}
        return make_network("context", settings, plan.structures, plan.volumes, method)

    for method in ("auto", "flow"):
        assert ready(CELLS, method).cuts == () and ready(CELLS + CUTS, method).cuts == (1, 3, 8)
    assert ready(CELLS + CUTS, "volume").channels == CELLS + CUTS
    with pytest.raises(
        UserError, match="old.keras predicts no cuts between cells, which propagate.method: volume"
    ):
        ready(CELLS, "volume")


# ---- labelled slices
def test_corrections_alter_the_use_of_no_other_slice(tmp_path):
    plan = make_plan(tmp_path)
    net, v = plan.networks["detail"], plan.volumes["a"]
    before = split_at_first(net, v)
    assert before == {0: "train", 5: "validation"}
    v.labels_at_first["membrane"] = v.labels["membrane"]
    added = v.labels["cells"].slices  # on slices 0, 5, 10, 15, 20
    v.labels["membrane"] = LabelSource.of(list(added))
    assert split_at_first(net, v) == before


def test_a_volume_that_nothing_is_trained_on_is_all_test(tmp_path):
    plan = make_plan(tmp_path)
    elsewhere = replace(plan.networks["context"], train_on=("other",))
    assert set(split_at_first(elsewhere, plan.volumes["a"]).values()) == {"test"}


def test_slices_are_listed_by_their_number_in_the_stack(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"]["roi"] = {"z": [4, 16]}
    config["networks"]["context"] |= {"validation": [10], "test": [15]}
    plan = Plan(load_config(config))
    split = split_at_first(plan.networks["context"], plan.volumes["a"])
    assert split == {1: "train", 6: "validation", 11: "test"}
