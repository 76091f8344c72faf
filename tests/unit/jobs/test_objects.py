"""What objects and masks are made from."""

from asked import files, slabs, spec
from tiny_plan import make_config, make_plan, plan_of_maps, plan_of_objects, plan_without_cells
from ultraseg.jobs.objects import Objects, ObjectsLabel, ObjectsMerge, TakeObjects
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan


def test_objects_are_made_from_the_maps_of_their_own_slab_where_nothing_is_averaged(tmp_path):
    plan = make_plan(tmp_path)
    plan.structures["nuclei"]["smooth_z"] = 0
    found = files(plan, "objects_label", slab=5, structure="nuclei")
    assert found == {
        "card": "results/models/context.json",
        "maps": ["results/a/work/probability/context/c/5/0/0/0"],
    }
    found = files(plan, "objects", slab=2, structure="membrane")
    assert slabs(found["maps"], "work/probability/detail") == [2]


def test_settings_of_objects(tmp_path):
    plan = make_plan(tmp_path)
    nuclei = spec(plan, "objects_label", slab=1, structure="nuclei")
    assert (nuclei.network, nuclei.channel, nuclei.downsample) == ("context", 0, 4)
    assert (nuclei.threshold, nuclei.max_hole_pixels) == (0.3, 100)
    assert (nuclei.slab, nuclei.shape) == ((4, 8), (21, 24, 40))
    membrane = spec(plan, "objects", slab=1, structure="membrane")
    assert (membrane.threshold, membrane.max_hole_pixels, membrane.channel) == (None, 0, 0)


def with_voxels(tmp_path, size, **nuclei):
    config = make_config(tmp_path)
    config["volumes"]["a"]["voxel_size_nm"] = size
    config["structures"]["nuclei"] |= nuclei
    return Plan(load_config(config))


def test_objects_also_read_the_slices_beside_their_slab(tmp_path):
    plan = with_voxels(tmp_path, [16, 4, 4])  # the network of the nuclei sees pixels of 16 nm
    for rule in ("objects_label", "objects"):
        told = spec(plan, rule, slab=1, structure="nuclei")
        assert (told.deviation, told.slab, told.read) == (0.5, (4, 8), (3, 9))
    context = "work/probability/context"
    assert slabs(files(plan, "objects_label", slab=1, structure="nuclei")["maps"], context) == [0, 1, 2]
    assert spec(plan, "objects_label", slab=0, structure="nuclei").read == (0, 5)
    assert spec(plan, "objects_label", slab=5, structure="nuclei").read == (19, 21)
    assert told.pixels(plan) == (4 * 24 * 40, 4 * 24 * 40)
    wide = spec(
        with_voxels(tmp_path / "b", [16, 4, 4], smooth_z=2), "objects_label", slab=1, structure="nuclei"
    )
    assert (wide.deviation, wide.read) == (2, (0, 12))


def test_bad_slices_show_good_ones_and_count_nowhere(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"] |= {"voxel_size_nm": [16, 4, 4], "bad_slices": [4, 5]}
    told = spec(Plan(load_config(config)), "objects", slab=1, structure="nuclei")
    assert (told.slab, told.shown, told.read) == ((4, 8), [3, 6, 6, 7], (2, 9))
    assert told.good == [True, True, False, False, True, True, True]


def test_thick_slices_masks_and_maps_from_elsewhere_are_not_averaged(tmp_path):
    for plan in (
        with_voxels(tmp_path / "a", [60, 4, 4]),
        with_voxels(tmp_path / "b", [16, 4, 4], smooth_z=0),
        with_voxels(tmp_path / "c", [16, 4, 4], kind="mask"),
    ):
        told = spec(plan, "objects", slab=1, structure="nuclei")
        assert (told.deviation, told.read) == (0, told.slab)
    plan = plan_of_maps(tmp_path / "d", voxel_size_nm=[4, 4, 4])
    plan.structures["membrane"] |= {"kind": "organelle"}
    assert plan.network_of("membrane").maps
    assert spec(plan, "objects", slab=1, structure="membrane").deviation == 0


def test_organelles_are_made_from_the_mask_of_their_slab_and_masks_from_maps(tmp_path):
    plan = make_plan(tmp_path)
    nuclei, membrane = (files(plan, "objects", slab=1, structure=s) for s in ("nuclei", "membrane"))
    assert nuclei == {
        "labelled": "results/a/work/objects/nuclei/1.npz",
        "merged": "results/a/work/objects/nuclei.npz",
        "card": [],
        "array": "results/a/image.zarr/labels/nuclei/0/zarr.json",
    }
    assert membrane["labelled"] == membrane["merged"] == []
    assert membrane["card"] == "results/models/detail.json"
    assert slabs(membrane["maps"], "work/probability/detail") == [1]
    told = spec(plan, "objects", slab=3, structure="nuclei")
    assert (told.number, told.merged, told.factors) == (3, True, [(1, 1, 1), (2, 2, 2), (4, 4, 4)])
    assert not spec(plan, "objects", slab=3, structure="membrane").merged


def test_objects_of_all_slabs_are_joined(tmp_path):
    plan = make_plan(tmp_path)
    assert files(plan, "objects_merge", structure="nuclei") == {
        "slabs": [f"results/a/work/objects/nuclei/{slab}.npz" for slab in range(6)]
    }
    told = spec(plan, "objects_merge", structure="nuclei")
    assert told.min_voxels == plan.structures["nuclei"]["min_voxels"]
    assert (told.min_slices, told.n_slices) == (1, 21)
    assert told.pixels(plan) == (2 * 6 * 24 * 40, 24 * 40)


def test_cells_are_no_objects_and_masks_have_none_to_join(tmp_path):
    plan = make_plan(tmp_path)
    assert {one.structure for one in Objects.each(plan, "a")} == {"nuclei", "membrane"}
    assert {one.structure for one in ObjectsLabel.each(plan, "a")} == {"nuclei"}
    assert [one.structure for one in ObjectsMerge.each(plan, "a")] == ["nuclei"]
    assert len(Objects.each(plan, "a")) == 2 * 6 and len(ObjectsLabel.each(plan, "a")) == 6
    assert {one.structure for one in Objects.each(plan_without_cells(tmp_path), "a")} == {
        "nuclei",
        "membrane",
    }


# ---- objects from elsewhere
def test_ready_objects_are_read_slab_by_slab_and_nothing_is_joined(tmp_path):
    plan = plan_of_objects(tmp_path)
    told, read = (asked(plan, "take_objects", structure="nuclei", slab=1) for asked in (spec, files))
    assert (told.shown, told.source.factor, told.is_mask) == ([4, 5, 6, 7], (1, 2, 2), False)
    assert read["objects"] == [str(tmp_path / "ids.tif")]
    assert [wc.structure for wc in TakeObjects.each(plan, "a")] == ["nuclei"] * 6
    assert {wc.structure for wc in Objects.each(plan, "a")} == {"membrane"}
    assert ObjectsLabel.each(plan, "a") == ObjectsMerge.each(plan, "a") == []
    assert TakeObjects.each(make_plan(tmp_path / "other"), "a") == []
