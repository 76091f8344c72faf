"""Maps of other programs in the plan: found, fitted to the stack, or refused with a cure."""

import h5py
import numpy as np
import pytest
import tifffile
from program_files import MAPS, OBJECTS
from tiny_plan import (
    config_of_affinities,
    config_of_ready_cells,
    make_config,
    make_plan,
    plan_of_objects,
    write_stack,
)
from ultraseg.base.errors import UserError
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan


def config_with(folder, maps, **changes):
    """The membrane comes from elsewhere; the stack has 21 slices of 24 x 40 pixels."""
    config = make_config(folder, **changes)
    config["networks"]["detail"] = {"structures": ["membrane"], "maps": {"a": {"membrane": maps}}}
    return config


def planned(folder, maps, **changes):
    return Plan(load_config(config_with(folder, maps, **changes)))


def write_map(folder, shape=(21, 24, 40)):
    tifffile.imwrite(folder / "m.tif", np.zeros(shape, np.uint8), photometric="minisblack")
    return "m.tif"


def test_a_map_takes_the_place_of_training_and_prediction(tmp_path):
    plan = planned(tmp_path, write_map(tmp_path))
    assert (plan.trained, plan.mapped, plan.adopted) == (["context"], ["detail"], [])
    assert plan.networks["detail"].apply_to == ("a",) and plan.predicting("a") == ["context"]
    source = plan.networks["detail"].maps["a"]["membrane"]
    assert (source.path, source.factor) == (str(tmp_path / "m.tif"), (1, 1, 1))


def test_without_maps_nothing_changes(tmp_path):
    plan = make_plan(tmp_path)
    assert plan.mapped == [] and plan.predicting("a") == plan.networks_of("a")


def test_relative_paths_have_no_dots(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_map(tmp_path)
    plan = planned(tmp_path, "./m.tif", data_root=".")
    assert plan.networks["detail"].maps["a"]["membrane"].path == "m.tif"  # else Snakemake warns of each file


def test_maps_of_a_lower_resolution(tmp_path):
    plan = planned(tmp_path, write_map(tmp_path, (21, 12, 20)))
    assert plan.networks["detail"].maps["a"]["membrane"].factor == (1, 2, 2)


def test_channels_and_axes(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["maps"] = np.zeros((3, 21, 24, 40), np.uint8)
    with pytest.raises(UserError, match="3 channels, and nothing says which"):
        planned(tmp_path, {"path": "m.h5", "axes": "czyx"})
    with pytest.raises(UserError, match="no channel 3, only 0 to 2"):
        planned(tmp_path, {"path": "m.h5", "axes": "czyx", "channel": 3})
    with pytest.raises(UserError, match=r"networks.detail.maps.a.membrane: .*not known which of them"):
        planned(tmp_path, "m.h5")
    plan = planned(tmp_path, {"path": "m.h5:maps", "axes": "czyx", "channel": [1, 2], "range": [255, 0]})
    source = plan.networks["detail"].maps["a"]["membrane"]
    assert (source.channels, source.limits) == ((1, 2), (255, 0))


def test_a_map_of_another_size_is_refused(tmp_path):
    write_map(tmp_path, (20, 24, 40))
    with pytest.raises(UserError, match="20 x 24 x 40 voxels .* the whole stack 21 x 24 x 40"):
        planned(tmp_path, "m.tif")


def test_a_map_of_the_whole_stack_is_cut_with_the_image(tmp_path):
    config = config_with(tmp_path, write_map(tmp_path))
    config["volumes"]["a"]["roi"] = {"z": [2, 20], "y": [4, 20]}
    assert Plan(load_config(config)).networks["detail"].maps["a"]["membrane"].factor == (1, 1, 1)


def test_names_that_snakemake_takes_for_wildcards_are_refused(tmp_path):
    write_map(tmp_path)
    (tmp_path / "m.tif").rename(tmp_path / "{m}.tif")
    with pytest.raises(UserError, match="networks.detail.maps.a.membrane: .* with a brace"):
        planned(tmp_path, "{m}.tif")


@pytest.mark.parametrize(
    "change, words",
    [
        ({"model": "x.keras"}, "networks.detail.model: nothing is trained or predicted where maps are given"),
        ({"apply_to": ["a"]}, "networks.detail.apply_to: nothing is trained"),
        ({"int8": True}, "networks.detail.int8: nothing is predicted"),
        ({"maps": {"b": {"membrane": "m.tif"}}}, "networks.detail.maps: 'b' is not known"),
        ({"maps": {"a": {"membran": "m.tif"}}}, "did you mean 'membrane'.*the map of membrane is missing"),
        ({"maps": {"a": {"membrane": {"path": "m.tif", "range": [1, 1]}}}}, "range: .* is empty"),
    ],
)
def test_keys_that_do_not_fit_together(tmp_path, change, words):
    config = config_with(tmp_path, write_map(tmp_path))
    config["networks"]["detail"] |= change
    with pytest.raises(UserError, match=f"(?s){words}"):
        load_config(config)


def test_cells_need_interior_and_boundary_and_have_no_cuts(tmp_path):
    config = make_config(tmp_path)
    file = write_map(tmp_path)
    config["networks"]["context"] = {"structures": ["nuclei", "cells"], "maps": {"a": {"nuclei": file}}}
    with pytest.raises(
        UserError, match="(?s)the map of cells/interior is missing.*cells/boundary is missing"
    ):
        load_config(config)
    # The order in the configuration does not matter: that of the channels holds.
    config["networks"]["context"]["maps"]["a"] = {
        s: file for s in ("cells/boundary", "nuclei", "cells/interior")
    }
    plan = Plan(load_config(config | {"propagate": {"method": "auto"}}))
    assert plan.method("a") == "flow" and [*plan.networks["context"].maps["a"]] == [
        "nuclei", "cells/interior", "cells/boundary",
    ]  # fmt: skip
    with pytest.raises(UserError, match="no cuts between cells"):
        Plan(load_config(config | {"propagate": {"method": "volume"}}))


# ---- affinities of cells
OFFSETS = [[-1, 0, 0], [0, -1, 0], [0, 0, -1]]


def planned_affinities(folder, source="affs.h5", *args, **how):
    return Plan(load_config(config_of_affinities(folder, source, *args, **how)))


def test_affinities_give_cuts_and_the_maps_that_are_not_given(tmp_path):
    plan = planned_affinities(tmp_path)  # four axes without names are c, z, y, x
    net = plan.networks["context"]
    assert plan.method("a") == "volume" and plan.has_cuts("a") and plan.cut_by_affinities == ["a"]
    assert net.affinities["a"].offsets == tuple(map(tuple, OFFSETS))
    assert {channel: source.shown_as for channel, source in net.maps["a"].items()} == {
        "cells/interior": "interior", "cells/boundary": "boundary",
    }  # fmt: skip
    assert [*net.given["a"]] == ["cells/affinities"]
    own = planned_affinities(tmp_path, cells_interior=write_map(tmp_path)).networks["context"]
    assert own.maps["a"]["cells/interior"].path.endswith("m.tif") and own.channels == net.channels
    assert own.maps["a"]["cells/boundary"].shown_as == "boundary"
    assert [*own.given["a"]] == ["cells/interior", "cells/affinities"]


@pytest.mark.parametrize(
    "method, voxels, expected",
    [("auto", 4, "auto"), ("auto", 40, "auto"), ("volume", 40, "volume"), ("flow", 4, "flow")],
)
def test_which_way_cells_are_made(tmp_path, method, voxels, expected):
    config = config_of_affinities(tmp_path, "affs.h5", method=method)
    config["volumes"]["a"]["voxel_size_nm"] = [voxels, 4, 4]
    assert Plan(load_config(config)).method("a") == expected


def test_thick_slices_with_few_labels_are_left_to_the_flow(tmp_path):
    """Where no slice can be left out, nothing tells whether affinities across thick slices are any good."""
    config = config_of_affinities(tmp_path, "affs.h5", method="auto")
    config["volumes"]["a"] |= {"voxel_size_nm": [40, 4, 4], "labels": {"cells": "one"}}
    write_stack(tmp_path / "one", [10], dtype="uint16")
    config["networks"].pop("detail"), config["structures"].pop("membrane")
    plan = Plan(load_config(config))
    assert plan.tries("a") == {} and plan.method("a") == "flow"


def test_offsets_say_which_neighbours_channels_are_of(tmp_path):
    long = {"path": "affs.h5", "offsets": [*OFFSETS, [-3, 0, 0], [0, -9, -9], [0, -8, 0]]}
    found = planned_affinities(tmp_path, long, (6, 21, 24, 40)).networks["context"].affinities["a"]
    assert found.channels == (0, 1, 2, 3)  # nothing is made from the others
    some = {"path": "affs.h5", "channel": [5, 4, 3], "offsets": OFFSETS}
    found = planned_affinities(tmp_path, some, (6, 21, 24, 40)).networks["context"].affinities["a"]
    assert found.channels == (5, 4, 3)
    with h5py.File(tmp_path / "told.h5", "w") as file:
        file["main"] = np.zeros((4, 21, 24, 40), np.uint8)
        file["main"].attrs["offsets"] = [*OFFSETS, [0, 0, -3]]
    found = planned_affinities(tmp_path, "told.h5").networks["context"].affinities["a"]
    assert found.offsets[-1] == (0, 0, -3)
    some = {"path": "told.h5", "channel": [2, 1, 0]}  # the metadata are of all channels
    found = planned_affinities(tmp_path, some).networks["context"].affinities["a"]
    assert found.channels == (2, 1, 0) and found.offsets == ((0, 0, -1), (0, -1, 0), (-1, 0, 0))


@pytest.mark.parametrize(
    "change, shape, words",
    [
        ({}, (4, 21, 24, 40), "4 channels are used, and nothing says which neighbours"),
        ({"offsets": OFFSETS}, (4, 21, 24, 40), "4 channels are used, and 3 offsets"),
        ({"channel": [0, 1, 7], "offsets": OFFSETS}, (4, 21, 24, 40), "no channel 7, only 0 to 3"),
        ({"offsets": [*OFFSETS[:2], [0, 0, 0]]}, (3, 21, 24, 40), "an offset is 0, 0, 0"),
        ({"offsets": [*OFFSETS[:2], [0, 0, -2]]}, (3, 21, 24, 40), "no affinities of direct neighbours along x"),
        ({"offsets": OFFSETS[1:]}, (2, 21, 24, 40), "(?s)along z; its offsets.*as maps, with propagate.method: flow"),
        ({"offsets": [[0, -1]]}, (3, 21, 24, 40), "offsets"),
        ({}, (3, 20, 24, 40), "20 x 24 x 40 voxels .* the whole stack 21 x 24 x 40"),
        ({"axes": "zyxc"}, (3, 21, 24, 40), "voxels .* the whole stack"),
        ({}, (3, 11, 12, 20), "(?s)2 x 2 x 2 times smaller.*downsample 1.*Set networks.context.downsample to 2"),
    ],
)  # fmt: skip
def test_affinities_that_do_not_fit_are_refused(tmp_path, change, shape, words):
    with pytest.raises(UserError, match=words):
        planned_affinities(tmp_path, {"path": "affs.h5", **change}, shape)


def test_affinities_within_slices_serve_the_flow(tmp_path):
    source = {"path": "affs.h5", "offsets": [[0, -1, 0], [0, 0, -1]]}
    plan = planned_affinities(tmp_path, source, (2, 21, 24, 40), method="flow")
    assert plan.method("a") == "flow" and plan.networks["context"].maps["a"]["cells/interior"].shown_as
    halves = planned_affinities(tmp_path, "affs.h5", (3, 11, 12, 20), downsample=2)
    assert halves.networks["context"].affinities["a"].scale(2) == (1, 1)


def test_only_affinities_have_offsets(tmp_path):
    config = config_with(tmp_path, {"path": write_map(tmp_path), "offsets": OFFSETS})
    with pytest.raises(UserError, match="maps.a.membrane.offsets: only affinities have offsets"):
        load_config(config)
    config = config_of_affinities(tmp_path, "affs.h5")
    config["networks"]["context"]["maps"]["a"]["membrane/affinities"] = "affs.h5"
    with pytest.raises(UserError, match="'membrane/affinities' is not known"):
        load_config(config)


# ---- objects
def test_objects_take_the_place_of_a_network(tmp_path):
    plan = plan_of_objects(tmp_path)
    assert plan.structures_in("a") == ["cells", "nuclei", "membrane"]
    assert plan.ready["nuclei"]["a"].factor == (1, 2, 2)
    assert set(plan.uses("nuclei", "a").values()) == {"test"}  # its labels train nothing


@pytest.mark.parametrize(
    "structure, changes, words",
    [
        (
            "nuclei",
            {"objects": {"a": "ids.tif"}},
            "structures.nuclei: has objects and is predicted by a network",
        ),
        ("nuclei", {"objects": {"b": "ids.tif"}}, "structures.nuclei.objects: 'b' is not known"),
        (
            "cells",
            {"objects": {"a": "ids.tif"}},
            "structures.cells: has objects and is predicted by a network",
        ),
    ],
)
def test_objects_that_do_not_fit(tmp_path, structure, changes, words):
    config = make_config(tmp_path)
    config["structures"][structure] |= changes
    with pytest.raises(UserError, match=words):
        load_config(config)


def test_cells_of_another_program_need_no_network_and_have_no_gaps(tmp_path):
    plan = Plan(load_config(config_of_ready_cells(tmp_path)))
    assert plan.networks == {} and plan.structures_in("a") == ["cells"] and plan.has_cells("a")
    assert (plan.cell_downsample, plan.method("a"), plan.gaps("a"), plan.left_out("a")) == (2, "flow", [], {})
    assert plan.ready_cells and not make_plan(tmp_path / "other").ready_cells


def test_labels_corrections_and_edits_of_ready_cells_are_refused(tmp_path):
    config = config_of_ready_cells(tmp_path, labels={"cells": "cells"})
    with pytest.raises(
        UserError, match="has labels or corrections of cells, which structures.cells.objects gives"
    ):
        Plan(load_config(config))
    config["volumes"]["a"]["labels"] = {}
    write_stack(tmp_path / "corrections/cells", [3], dtype="uint16")
    config["volumes"]["a"]["corrections"] = "corrections"
    with pytest.raises(UserError, match="has labels or corrections of cells") as told:
        Plan(load_config(config))
    assert "truth: cells" in told.value.cure
    del config["volumes"]["a"]["corrections"]
    config["volumes"]["a"]["cell_edits"] = "edits.yaml"
    with pytest.raises(
        UserError, match="volumes.a.cell_edits: structures.cells.objects are taken as they are"
    ):
        load_config(config)


def test_files_of_objects_that_are_missing_are_named(tmp_path):
    config = make_config(tmp_path)
    config["structures"]["spots"] = {"kind": "organelle", "objects": {"a": "nothing.tif"}}
    with pytest.raises(UserError, match="structures.spots.objects.a: .*nothing.tif: no such file"):
        Plan(load_config(config))


# ---- files as other programs write them
@pytest.mark.parametrize("write", MAPS, ids=lambda write: write.__name__)
def test_maps_of_other_programs(tmp_path, write):
    maps = np.random.default_rng(0).random((21, 24, 40)).astype(np.float32)
    entry, expected = write(tmp_path, maps)
    source = planned(tmp_path, entry).networks["detail"].maps["a"]["membrane"]
    found = np.stack([*source.open().planes(range(21), *source.channels)])
    assert source.factor == (1, 1, 1) and np.array_equal(found, expected)


@pytest.mark.parametrize("write", OBJECTS, ids=lambda write: write.__name__)
def test_objects_of_other_programs(tmp_path, write):
    ids = np.random.default_rng(0).integers(0, 900, (21, 24, 40))
    config = make_config(tmp_path)
    config["structures"]["nuclei"] = {"kind": "organelle", "objects": {"a": write(tmp_path, ids)}}
    config["networks"]["context"]["structures"] = ["cells"]
    source = Plan(load_config(config)).ready["nuclei"]["a"]
    assert np.array_equal(np.stack([*source.open().planes(range(21))]), ids)
