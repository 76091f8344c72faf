"""All files of a run, and the job that verifies them."""

from pathlib import Path

import pytest
from asked import spec
from tiny_plan import make_config, make_plan, plan_without_cells
from ultraseg.jobs.layout import arrays_of
from ultraseg.jobs.whole_run import asked_of_image, whole_image, whole_work
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan


def test_the_whole_image_is_every_file_of_its_arrays(tmp_path):
    plan = make_plan(tmp_path)
    found = whole_image(plan, "a")
    arrays = {path: about for path, about in arrays_of(plan, "a").items() if "image.zarr" in path}
    levels = [path for path, about in arrays.items() if "shape" in about]
    expected = {f"{path}/zarr.json" for path in arrays}
    expected |= {f"{path}/c/{slab}/0/0" for path in levels for slab in range(6)}
    assert len(found) == len(set(found)) and set(found) == expected


def write(files):
    for file in map(Path, files):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def asked_slabs(plan):
    return [file for file in asked_of_image(plan, "a") if "/c/" in file]


def test_a_run_asks_for_one_pyramid_level_of_each_slab(tmp_path, monkeypatch):
    plan = make_plan(tmp_path)
    monkeypatch.chdir(tmp_path)
    whole, groups = (
        whole_image(plan, "a"),
        ("image.zarr", *(f"image.zarr/labels/{s}" for s in plan.structures)),
    )
    expected = [f"results/a/{group}/0/c/{slab}/0/0" for group in groups for slab in range(6)]
    assert asked_slabs(plan) == expected  # nothing is there
    write(whole)
    assert asked_slabs(plan) == expected  # everything is there
    described = [file for file in whole if file.endswith("zarr.json")]
    assert [file for file in asked_of_image(plan, "a") if "/c/" not in file] == described


@pytest.mark.parametrize("group", ["image.zarr", "image.zarr/labels/nuclei"])
@pytest.mark.parametrize("lost", [[0], [1], [2], [1, 2]])
def test_a_run_asks_for_the_level_that_is_missing(tmp_path, monkeypatch, group, lost):
    plan = make_plan(tmp_path)
    monkeypatch.chdir(tmp_path)
    write(whole_image(plan, "a"))
    before = asked_slabs(plan)
    for level in lost:
        Path(f"results/a/{group}/{level}/c/4/0/0").unlink()
    first = f"results/a/{group}/{lost[0]}/c/4/0/0"
    assert asked_slabs(plan) == [first if file == f"results/a/{group}/0/c/4/0/0" else file for file in before]


def test_every_intermediate_array_is_asked_for_with_what_describes_it(tmp_path):
    plan = make_plan(tmp_path)
    found = whole_work(plan, "a")
    for array, ndim in (("probability/context", 4), ("probability/detail", 4), ("flow", 4), ("pieces", 3)):
        slabs = [f"c/{slab}" + "/0" * (ndim - 1) for slab in range(6)]
        assert {f"results/a/work/{array}/{file}" for file in ("zarr.json", *slabs)} <= set(found)
    assert {f"results/a/work/propagated/{gap.name}.h5" for gap in plan.gaps("a")} <= set(found)
    assert "results/a/work/labels/membrane.fit.csv" in found
    assert len(found) == len(set(found))


def test_without_cells_no_work_on_cells_is_asked_for(tmp_path):
    found = whole_work(plan_without_cells(tmp_path), "a")
    assert found and not [file for file in found if "flow" in file or "pieces" in file or "propag" in file]


def test_verifying_costs_all_voxels_and_holds_the_largest_slice(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["small"] = config["volumes"]["a"] | {"roi": {"z": [0, 10], "y": [0, 12]}}
    plan = Plan(load_config(config))
    voxels = (21 * 24 + 10 * 12) * 40 * (2 + 3)
    told = spec(plan, "verify")
    assert told.pixels(plan) == (voxels, 24 * 40)
    assert told.cost(plan).seconds == pytest.approx(1.0 + 0.01 * voxels / 1e6)
