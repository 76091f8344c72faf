"""The configuration: every kind of mistake is named, and defaults are filled in."""

import copy
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from ultraseg.base.errors import UserError
from ultraseg.plan.config import load_config
from ultraseg.plan.schema import schema

CONFIGS = sorted((Path(__file__).parents[3] / "config").glob("*.yaml"))

# The complete configuration of the documentation.
EXAMPLE = """
volumes:
  biopsy1:
    image: data/biopsy1/image
    voxel_size_nm: [4, 4, 4]
    labels:
      cells: data/biopsy1/cells
      nuclei: {path: data/biopsy1/nuclei.tif, slices: [0, 50, 100]}
      mitochondria: {path: data/biopsy1/mito, first_slice_number: 1}
    truth: {cells: data/biopsy1/truth/cells.tif}
structures:
  cells: {kind: cells}
  nuclei: {kind: organelle}
  mitochondria: {kind: organelle}
networks:
  context: {structures: [cells, nuclei], downsample: 4}
  detail: {structures: [mitochondria], downsample: 1}
slab_depth: 16
"""
DELETE = object()


def example(**changes) -> dict:
    """The example with the values at some places, written as a__b__c, replaced or removed."""
    config = yaml.safe_load(EXAMPLE)
    for place, value in changes.items():
        *parents, last = place.split("__")
        node = config
        for key in parents:
            node = node[key]
        if value is DELETE:
            del node[last]
        else:
            node[last] = value
    return config


def problem(config: dict) -> str:
    with pytest.raises(UserError) as caught:
        load_config(config)
    assert "config/README.md" in caught.value.cure
    return caught.value.problem


# ---- what is right
def test_the_example_loads_with_its_own_values_and_all_sections():
    config = load_config(example())
    assert set(config) == set(schema()["properties"])
    assert config["volumes"]["biopsy1"]["voxel_size_nm"] == [4, 4, 4]
    assert config["volumes"]["biopsy1"]["labels"] == {
        "cells": "data/biopsy1/cells",
        "nuclei": {"path": "data/biopsy1/nuclei.tif", "slices": [0, 50, 100]},
        "mitochondria": {"path": "data/biopsy1/mito", "first_slice_number": 1},
    }
    assert [n["downsample"] for n in config["networks"].values()] == [4, 1]


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_the_shipped_configurations_load(file):
    assert load_config(yaml.safe_load(file.read_text()))["volumes"]


def test_defaults_are_those_of_the_schema():
    config = load_config(example(slab_depth=DELETE))
    for section in ("flow", "propagate", "cells", "link", "evaluate", "report"):
        known = schema()["properties"][section]["properties"]
        assert config[section] == {key: value["default"] for key, value in known.items()}
    assert (config["slab_depth"], config["pyramid_levels"], config["device"]) == (16, 5, "cpu")
    network = config["networks"]["detail"]
    known = schema()["properties"]["networks"]["additionalProperties"]["properties"]
    plain = {key: value["default"] for key, value in known.items() if "default" in value} | {"downsample": 1}
    augmentation = known["augmentation"]["properties"]
    plain["augmentation"] = {key: value["default"] for key, value in augmentation.items()}
    assert network == {"structures": ["mitochondria"]} | plain
    assert (network["z_context"], network["tile"], network["validation"]) == (1, 320, 0.15)
    assert network["augmentation"]["flips"] is True
    assert not {"filters", "max_minutes", "hold_back"} & {*network}
    assert config["structures"]["nuclei"] == {
        "kind": "organelle", "min_voxels": 200, "max_hole_pixels": 100, "ids_consistent": True,
        "smooth_z": 0.5, "min_slices": 1,
    }  # fmt: skip


def test_defaults_of_a_phantom():
    volume = {"voxel_size_nm": [8, 8, 8], "phantom": {"seed": 5}}
    phantom = load_config(example(volumes={"p": volume}))["volumes"]["p"]["phantom"]
    assert phantom == {
        "shape": [64, 512, 512], "seed": 5, "difficulty": 0.5, "scale": 1.0, "orphans": 0, "label_every": 8,
    }  # fmt: skip


def test_given_values_win_over_defaults():
    config = load_config(example(link={"max_gap": 0}, networks__detail__augmentation={"flips": False}))
    assert config["link"]["max_gap"] == 0 and config["link"]["min_margin"] == 0.1
    given, default = (config["networks"][name]["augmentation"] for name in ("detail", "context"))
    assert given == default | {"flips": False} and default["flips"] is True


def test_the_given_dictionary_is_not_modified():
    given = example()
    before = copy.deepcopy(given)
    loaded = load_config(given)
    assert given == before
    loaded["volumes"]["biopsy1"]["labels"].clear()
    loaded["flow"]["preset"] = "fast"
    assert given == before and load_config(given)["flow"]["preset"] == "medium"


def test_every_default_keeps_to_its_own_bounds_and_every_key_is_described():
    def walk(node, name):
        assert "description" in node or "$ref" in node or name == "", name
        if "default" in node:
            jsonschema.Draft202012Validator(node).validate(node["default"])
        for key, sub in node.get("properties", {}).items():
            walk(sub, f"{name}.{key}")
        if node.get("type") == "object":
            assert "additionalProperties" in node, f"{name} takes any key"
        if isinstance(others := node.get("additionalProperties"), dict) and "$ref" not in others:
            walk(others | {"description": "one of them"}, f"{name}.*")

    jsonschema.Draft202012Validator.check_schema(schema())
    walk({key: value for key, value in schema().items() if key != "$schema"}, "")


# ---- what is wrong
@pytest.mark.parametrize(
    "change, words",
    [
        ({"slab_dept": 8}, ["top level", "unknown key 'slab_dept'", "did you mean 'slab_depth'?"]),
        ({"link": {"max_gaps": 2}}, ["link:", "'max_gaps'", "did you mean 'max_gap'?"]),
        ({"networks__detail__downsampel": 2}, ["networks.detail:", "did you mean 'downsample'?"]),
        ({"networks__detail__augmentation": {"flip": True}}, ["augmentation:", "did you mean 'flips'?"]),
        ({"volumes__biopsy1__voxel_size": [4, 4, 4]}, ["biopsy1:", "did you mean 'voxel_size_nm'?"]),
        ({"volumes__biopsy1__labels__nuclei": {"path": "a", "slice": [1]}}, ["labels.nuclei:", "'slices'?"]),
        ({"report": {"qqqq": 1}}, ["'qqqq'", "known keys are montage_slices"]),
        ({"slab_depth": 0}, ["slab_depth: 0 is less than the minimum of 1"]),
        ({"slab_depth": 257}, ["slab_depth: 257 is greater than the maximum of 256"]),
        ({"slab_depth": 2.5}, ["slab_depth: 2.5 is not of type 'integer'"]),
        ({"slab_depth": None}, ["slab_depth: None is not of type 'integer'"]),
        ({"networks__detail__tile": 100}, ["networks.detail.tile: 100 is not a multiple of 16"]),
        ({"networks__detail__validation": 0.6}, ["detail.validation: 0.6 is greater than the maximum of 0.5"]),
        ({"networks__detail__test": "3"}, ["networks.detail.test:", "'3'"]),
        ({"volumes__biopsy1__voxel_size_nm": [4, 4]}, ["voxel_size_nm: [4, 4] is too short"]),
        ({"volumes__biopsy1__voxel_size_nm": [4, 4, 0]}, ["voxel_size_nm.2: 0 is less than or equal to"]),
        ({"volumes__biopsy1__voxel_size_nm": DELETE}, ["volumes.biopsy1: missing key 'voxel_size_nm'"]),
        ({"structures__cells": {}}, ["structures.cells: missing key 'kind'"]),
        ({"volumes__biopsy1__labels__nuclei": {"slices": [1]}}, ["labels.nuclei: missing key 'path'"]),
        ({"volumes__biopsy1__labels__nuclei": 7}, ["labels.nuclei: 7 is not of type 'string'"]),
        ({"structures__nuclei__kind": "organele"}, ["kind: 'organele' is not one of", "mean 'organelle'?"]),
        ({"device": "cuda"}, ["device: 'cuda' is not one of cpu, gpu"]),
        ({"volumes": {}}, ["volumes:"]),
        ({"volumes__biopsy1__labels": None}, ["labels: None is not of type 'object'"]),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(change, words):
    text = problem(example(**change))
    assert "1 problem(s)" in text
    for word in words:
        assert word in text


@pytest.mark.parametrize("name", ["a/b", "../up", "", ".hidden", "with space", "a.zarr", "*", "-x", "x" * 65])
@pytest.mark.parametrize("section", ["volumes", "networks"])
def test_names_that_would_lead_elsewhere_on_disk_are_refused(section, name):
    config = example()
    config[section][name] = next(iter(config[section].values()))
    text = problem(config)
    assert f"{section}:" in text and repr(name) in text


@pytest.mark.parametrize("name", ["a/b", "a-b", "1st", "a.b"])
def test_names_of_structures_are_plain_words(name):
    config = example()
    config["structures"][name] = {"kind": "organelle"}
    assert repr(name) in problem(config)


@pytest.mark.parametrize("section", ["volumes", "structures", "networks"])
def test_a_bare_number_as_a_name_is_refused(section):
    config = example()
    *_, last = config[section]
    config[section][2023] = config[section].pop(last)
    assert re.search(rf"^  - {section}\b.*2023", problem(config), re.M)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"structures__nuclei__kind": "cells"}, ["cells, nuclei are all of kind cells"]),
        (
            {"networks__detail__structures": ["mitochondria", "nuclei"]},
            ["networks.detail.structures: 'nuclei' is already predicted by 'context'"],
        ),
        ({"networks__detail__structures": ["mitochondria", "mitochondria"]}, ["networks.detail.structures"]),
        ({"networks__context__structures": ["cells"]}, ["structures.nuclei: no network predicts it"]),
        (
            {"networks__context__structures": ["cells", "nuclei", "golgi"]},
            ["networks.context.structures: 'golgi' is not known"],
        ),
        ({"volumes__biopsy1__labels__nucleus": "x"}, ["biopsy1.labels: 'nucleus'", "did you mean 'nuclei'?"]),
        ({"volumes__biopsy1__truth__mitochondrion": "x"}, ["truth:", "did you mean 'mitochondria'?"]),
        ({"volumes__biopsy1__labels__protrusions": "x"}, ["labels: 'protrusions' is not known"]),
        (
            {"volumes__biopsy1__labels__nuclei": {"path": "x", "region": {"y": [5, 5]}}},
            ["biopsy1.labels.nuclei.region.y: [5, 5] is empty"],
        ),
        (
            {"volumes__biopsy1__labels__nuclei": {"path": "x", "values": [1, 2], "ignore_value": 2}},
            ["biopsy1.labels.nuclei: 2 is among values and is ignore_value"],
        ),
        (
            {"volumes__biopsy1__labels__nuclei": {"path": "x", "background": 2, "ignore_value": 2}},
            ["biopsy1.labels.nuclei: 2 is background and is ignore_value"],
        ),
        ({"volumes__biopsy1__slice_number_pattern": "z("}, ["biopsy1.slice_number_pattern: 'z(' is no regular"]),
        (
            {"volumes__biopsy1__labels__nuclei": {"path": "x", "slice_number_pattern": "z.*"}},
            ["labels.nuclei.slice_number_pattern: 'z.*' has 0 groups"],
        ),
        ({"structures__nuclei__ids_consistent": False}, ["structures.nuclei.ids_consistent: only cells"]),
        ({"volumes__biopsy1__image": DELETE}, ["volumes.biopsy1: give one of image, phantom and planned"]),
        ({"volumes__biopsy1__phantom": {}}, ["give one of image, phantom and planned", "brings its own labels"]),
        ({"structures__protrusions": {"kind": "organelle"}}, ["structures.protrusions: protrusions are found"]),
        ({"networks__detail__train_on": ["biopsy2"]}, ["detail.train_on: 'biopsy2'", "mean 'biopsy1'?"]),
        ({"networks__detail__apply_to": ["x"]}, ["detail.apply_to: 'x' is not known; known: biopsy1"]),
        ({"networks__detail__predict_tile": 64}, ["detail.overlap: 64 is too much for predict_tile, at most 48"]),
        (
            {"networks__detail__filters": [2] * 7, "networks__detail__crop": 176},
            ["detail.crop: 176 is no multiple of 64"],
        ),
        ({"networks__detail__tile": 64, "networks__detail__crop": 96}, ["detail.crop: 96 is larger than tile 64"]),
    ],
)  # fmt: skip
def test_sections_that_do_not_fit_together_are_named(change, words):
    text = problem(example(**change))
    for word in words:
        assert word in text


def test_protrusions_are_allowed_as_truth():
    config = load_config(example(volumes__biopsy1__truth__protrusions="truth/protrusions.tif"))
    assert config["volumes"]["biopsy1"]["truth"]["protrusions"] == "truth/protrusions.tif"


def test_all_problems_are_listed_at_once():
    text = problem(example(slab_depth=0, device="cuda", lnk={}, networks__detail__downsample=64))
    assert "4 problem(s)" in text
    for word in ("slab_depth", "'cuda'", "did you mean 'link'?", "networks.detail.downsample: 64"):
        assert word in text


def test_an_empty_configuration_lists_each_missing_section_once():
    text = problem({})
    for key in ("volumes", "structures"):
        assert text.count(f"'{key}'") == 1


def test_structures_that_nothing_finds_are_told_where_networks_are_left_out():
    config = {key: value for key, value in example().items() if key != "networks"}
    assert problem(config).count("no network predicts it") == len(config["structures"])
