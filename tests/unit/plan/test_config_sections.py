"""Checks across sections, on a configuration that has all defaults."""

import copy

import pytest
from ultraseg.plan.config import load_config
from ultraseg.plan.config_sections import cross_checks

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


def test_a_sound_configuration_has_none():
    assert list(cross_checks(WHOLE)) == []
