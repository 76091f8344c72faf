"""Planes across the slices are refused where they do not look like slices."""

import pytest
from tiny_plan import config_with_planes, plan_with_planes, write_stack
from ultraseg.base.errors import UserError
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan


def test_planes_are_used_where_steps_are_about_as_long_as_pixels(tmp_path):
    for depth in (4, 8, 12, 16, 24):  # pixels of the cells are 16 nm large
        plan = plan_with_planes(tmp_path, voxel_size_nm=[depth, 4, 4])
        assert {p: s.zs for p, s in plan.volumes["a"].planes["cells"].items()} == {"xz": [7], "yz": [11, 33]}


def test_planes_of_thick_slices_are_refused_with_the_scale_that_would_do(tmp_path):
    with pytest.raises(
        UserError, match=r"volumes.a.labels.cells.planes: .*16 x 16 nm .*step along z is 50 nm"
    ) as error:
        plan_with_planes(tmp_path, voxel_size_nm=[50, 4, 4])
    assert error.value.cure == "Remove planes, or set networks.context.downsample: 9."
    with pytest.raises(UserError) as error:
        plan_with_planes(tmp_path, voxel_size_nm=[50, 0.4, 0.4])
    assert error.value.cure == "Remove planes."


def test_planes_of_given_objects_are_refused(tmp_path):
    write_stack(tmp_path / "objects", range(21), (12, 20))
    config = config_with_planes(tmp_path)
    config["volumes"]["a"]["labels"]["nuclei"] = {"path": "nuclei", "planes": {"xz": "xz"}}
    config["structures"]["nuclei"] = {"kind": "organelle", "objects": {"a": "objects"}}
    config["networks"]["context"]["structures"] = ["cells"]
    with pytest.raises(UserError, match="volumes.a.labels.nuclei.planes: the objects of nuclei are given"):
        Plan(load_config(config))


def test_all_that_is_wrong_with_planes_is_told_at_once(tmp_path):
    config = config_with_planes(tmp_path)
    config["volumes"]["a"]["labels"]["cells"]["planes"] = {"xz": "lost"}
    config["volumes"]["a"]["labels"]["nuclei"] = {"path": "nuclei", "planes": {"yz": "gone"}}
    with pytest.raises(UserError) as error:
        Plan(load_config(config))
    assert "labels.cells.planes.xz" in str(error.value) and "labels.nuclei.planes.yz" in str(error.value)


def test_planes_that_nothing_uses_are_pointed_out(tmp_path, caplog):
    config = config_with_planes(tmp_path)
    config["volumes"]["a"]["labels"]["membrane"] = {"path": "membrane", "planes": {"xz": "xz"}}
    config["networks"]["detail"]["downsample"] = 4
    Plan(load_config(config))
    assert "are not used" not in caplog.text
    write_stack(tmp_path / "maps", range(21))
    maps = {"a": {"membrane": "maps"}}
    config["networks"]["detail"] = {"structures": ["membrane"], "downsample": 4, "maps": maps}
    Plan(load_config(config))
    assert "volumes.a.labels.membrane.planes: are not used, because no network learns" in caplog.text
    assert "labels.cells.planes: are not used" not in caplog.text


def test_truth_has_no_planes(tmp_path):
    config = config_with_planes(tmp_path)
    config["volumes"]["a"]["truth"] = {"cells": {"path": "cells", "planes": {"xz": "xz"}}}
    with pytest.raises(UserError, match="planes"):
        load_config(config)


@pytest.mark.parametrize(
    "planes", [{"xy": "xz"}, {}, {"xz": {"slices": [1]}}, {"xz": {"path": "xz", "axes": "zyx"}}]
)
def test_the_schema_knows_xz_and_yz_with_a_path(tmp_path, planes):
    config = config_with_planes(tmp_path)
    config["volumes"]["a"]["labels"]["cells"]["planes"] = planes
    with pytest.raises(UserError, match="planes"):
        load_config(config)
