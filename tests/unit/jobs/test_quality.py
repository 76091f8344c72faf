"""What the jobs that look for bad slices compare with what."""

from asked import files, slabs, spec
from tiny_plan import make_config, make_plan, plan_with_bad_slices
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan


def test_slices_are_compared_with_the_good_one_before(tmp_path):
    plan = plan_with_bad_slices(tmp_path)
    assert spec(plan, "quality_slab", slab=1).references == {4: 2, 5: 2, 6: 5, 7: 6}
    assert spec(plan, "quality_slab", slab=0).references == {0: None, 1: 0, 2: 1, 3: 2}
    assert slabs(files(plan, "quality_slab", slab=1)["images"], "image.zarr/0") == [0, 1]
    assert slabs(files(plan, "quality_slab", slab=0)["images"], "image.zarr/0") == [0]
    assert slabs(files(plan, "quality_slab", slab=3)["images"], "image.zarr/0") == [1, 3]


def test_missing_slices_are_not_measured(tmp_path):
    config = make_config(tmp_path)
    for z in (7, 8):
        (tmp_path / f"image/z{z:04d}.tif").unlink()
    config["volumes"]["a"]["missing_slices"] = "bridge"
    plan = Plan(load_config(config))
    assert spec(plan, "quality_slab", slab=1).zs == [3, 4, 5, 6]
    assert spec(plan, "quality_slab", slab=2).zs == [6, 9, 10, 11]


def test_the_table_knows_number_file_and_state_of_every_slice(tmp_path):
    config = make_config(tmp_path)
    (tmp_path / "image/z0008.tif").unlink()
    config["volumes"]["a"] |= {"missing_slices": "bridge", "bad_slices": [6], "roi": {"z": [4, 16]}}
    told = spec(Plan(load_config(config)), "quality")
    assert (told.first, told.slices["z"], told.slices["number"]) == (4, list(range(12)), list(range(4, 16)))
    assert told.slices["file"][0].endswith("z0004.tif") and told.slices["file"][4] == ""
    assert [z for z, bad in enumerate(told.slices["bad"]) if bad] == [2]
    assert [z for z, missing in enumerate(told.slices["missing"]) if missing] == [4]
    assert told.slices["stand_in"][:6] == [0, 1, 1, 3, 3, 5]


def test_the_table_is_made_from_all_slabs(tmp_path):
    plan = make_plan(tmp_path)
    assert files(plan, "quality")["slabs"] == [f"results/a/work/quality/{slab}.parquet" for slab in range(6)]
    assert spec(plan, "quality").settings == plan.config["quality"]
