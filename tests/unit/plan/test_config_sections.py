"""Checks across sections, on a configuration that has all defaults."""

import copy
import re

import pytest
from ultraseg.measure.tables import cell_columns
from ultraseg.plan.config import load_config
from ultraseg.plan.config_sections import COLUMNS, cross_checks, patterns

WHOLE = load_config(
    {
        "volumes": {"a": {"image": "a", "voxel_size_nm": [4, 4, 4]}},
        "structures": {"cells": {"kind": "cells"}, "mito": {"kind": "organelle"}},
        "networks": {"n": {"structures": ["cells", "mito"]}},
    }
)


@pytest.mark.parametrize(
    ("section", "change", "text"),
    [
        ("structures.mito", {"ids_consistent": False}, "structures.mito.ids_consistent: only cells"),
        (
            "meshes",
            {"structures": ["mitos"]},
            "meshes.structures: 'mitos' is not known; did you mean 'mito'?",
        ),
        (
            "networks.n",
            {"model": "x", "int8": True},
            "networks.n.int8: only for networks that this run trains",
        ),
        ("networks.n", {"overlap": 500}, "networks.n.overlap: 500 is too much for predict_tile, at most 496"),
        ("structures.cells", {"role": "nuclei"}, "structures.cells.role: only organelles have one"),
        ("volumes.a", {"window_percentiles": [5, 1]}, "volumes.a.window_percentiles: [5, 1] does not rise"),
        (
            "volumes.a",
            {"labels": {"mitto": "x"}},
            "volumes.a.labels: 'mitto' is not known; did you mean 'mito'?",
        ),
    ],
)
def test_each_section_names_its_own_problems(section, change, text):
    config = copy.deepcopy(WHOLE)
    node = config
    for key in section.split("."):
        node = node[key]
    node |= change
    problems = list(cross_checks(config))
    assert len(problems) == 1 and problems[0].startswith(text)


def two_sizes(first, second, **network):
    config = copy.deepcopy(WHOLE)
    config["volumes"]["a"] |= {"voxel_size_nm": [50, first, first], "labels": {"cells": "x"}}
    config["volumes"]["b"] = copy.deepcopy(config["volumes"]["a"]) | {"voxel_size_nm": [20, second, second]}
    config["networks"]["n"] |= network
    return config


@pytest.mark.parametrize("network", [{"train_on": ["a"]}, {"train_on": ["a"], "apply_to": ["b"]}])
def test_volumes_whose_pixels_a_network_never_saw_are_named(network):
    (problem,) = cross_checks(two_sizes(10, 40, **network))
    assert problem.startswith("networks.n: is trained on pixels of 10 nm (a), and volume b has 40 nm")
    unlabelled = two_sizes(10, 40)
    unlabelled["volumes"]["b"]["labels"] = {}
    assert len(list(cross_checks(unlabelled))) == 1


def test_pixels_that_are_nearly_alike_or_elsewhere_are_left_alone(caplog):
    assert list(cross_checks(two_sizes(10, 10.9, train_on=["a"]))) == []
    assert list(cross_checks(two_sizes(10, 40, train_on=["a"], apply_to=["a"]))) == []
    assert (
        list(cross_checks(two_sizes(10, 40, model="x.keras"))) == []
    )  # its card says what it was trained on
    assert not caplog.records


def test_training_on_pixels_of_several_sizes_is_pointed_out(caplog):
    assert list(cross_checks(two_sizes(10, 40))) == []
    assert "networks.n: is trained on pixels of 10 nm (a), 40 nm (b) alike" in caplog.text


def test_a_sound_configuration_has_none():
    assert list(cross_checks(WHOLE)) == []


def test_names_that_columns_of_the_cells_have_are_refused():
    patterns = (r"n_(\w+)", r"(\w+)_volume_um3", r"(\w+)_volume_fraction")
    taken = {
        found[1] for c in cell_columns([]) for pattern in patterns if (found := re.fullmatch(pattern, c))
    }
    assert taken - {"protrusions"} == COLUMNS  # protrusions have a message of their own
    for name in COLUMNS:
        config = copy.deepcopy(WHOLE)
        config["structures"][name] = dict(config["structures"]["mito"])
        assert any(f"structures.{name}: the table of cells" in text for text in cross_checks(config))


PLANES = {"path": "x", "planes": {"xz": {"path": "xz", "slice_number_pattern": "y"}}}


def test_planes_have_patterns_and_belong_to_labels_with_one_id_for_a_cell():
    config = copy.deepcopy(WHOLE)
    config["volumes"]["a"] |= {
        "labels": {"cells": PLANES},
        "truth": {"cells": {"path": "x", "planes": {"xz": "y"}}},
    }
    config["structures"]["cells"]["ids_consistent"] = False
    found = "\n".join(cross_checks(config))
    assert "volumes.a.labels.cells.planes.xz.slice_number_pattern: 'y'" in found
    assert "volumes.a.labels.cells.planes: ids that change from slice to slice" in found
    assert any("planes.xz" in text for text in patterns("a", config["volumes"]["a"]))
