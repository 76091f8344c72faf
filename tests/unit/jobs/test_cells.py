"""What the jobs read that carry the ids of cells and cut cells into pieces."""

import math
from dataclasses import replace

import pytest
from asked import files, slabs, spec
from tiny_plan import (
    config_of_ready_cells,
    make_config,
    make_plan,
    plan_holding_out,
    plan_in_volume,
    plan_with_bad_slices,
    plan_with_planes,
    plan_without_cells,
    two_volumes,
    write_stack,
)
from ultraseg.grid.gaps import Gap
from ultraseg.jobs.cells import FUSION_SLICES, Cells, Flow, Propagate, TakeCells, TryMethod, cell_plane
from ultraseg.jobs.link import Link, LinkEdges, LinkRelabel
from ultraseg.jobs.whole_run import whole_work
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan
from ultraseg.run.costs import disk_bytes

# 21 slices in slabs of 4: 0-3, 4-7, 8-11, 12-15, 16-19, 20.
CARRIED = "results/a/work/carried/{}.h5".format


def one_slice(folder):
    return Plan(load_config(make_config(folder, n_slices=1, labelled=(0,))))


# ---- flow
@pytest.mark.parametrize("slab, expected", [(0, [0, 1]), (2, [2, 3]), (4, [4, 5]), (5, [5])])
def test_flow_reads_the_first_slice_of_the_next_slab(tmp_path, slab, expected):
    found = files(make_plan(tmp_path), "flow", slab=slab)
    assert slabs(found["images"], "image.zarr/0") == expected
    assert found["array"] == "results/a/work/flow/zarr.json"


def test_flow_reaches_the_next_good_slice(tmp_path):
    plan = plan_with_bad_slices(tmp_path)
    walks = [spec(plan, "flow", slab=slab).walk for slab in (0, 1, 2)]
    assert walks == [[0, 1, 2, 5], [5, 6, 13], []]
    assert slabs(files(plan, "flow", slab=1)["images"], "image.zarr/0") == [1, 3]
    assert files(plan, "flow", slab=2)["images"] == []


@pytest.mark.parametrize(
    "method, by_flow, jobs", [("volume", "auto", 0), ("volume", True, 6), ("auto", "auto", 6)]
)
def test_flow_is_made_where_anything_needs_it(tmp_path, method, by_flow, jobs):
    plan = plan_in_volume(tmp_path, method, link={"by_flow": by_flow})
    assert len(Flow.each(plan, "a")) == jobs
    work = [file for file in whole_work(plan, "a") if "/work/flow/" in file]
    assert bool(work) == bool(jobs) == ("flow" in disk_bytes(plan, "a"))


def test_flow_has_the_size_of_the_maps(tmp_path):
    plan = make_plan(tmp_path)
    told = spec(plan, "flow", slab=1)
    assert told.plane == cell_plane(plan, "a") == (6, 10) and told.downsample == 4
    assert told.settings == plan.config["flow"]
    assert told.pixels(plan) == (4 * 60, 5 * 60)


# ---- gaps
@pytest.mark.parametrize(
    "gap, image, flow",
    [
        ("00000-00005", [0, 1], [0, 1]),
        ("00005-00010", [1, 2], [1, 2]),
        ("00015-00020", [3, 4, 5], [3, 4]),  # flow from slice 20 leads nowhere
    ],
)
def test_a_gap_reads_its_slices(tmp_path, gap, image, flow):
    found = files(make_plan(tmp_path), "propagate", gap=gap)
    assert slabs(found["images"], "image.zarr/0") == image
    assert slabs(found["maps"], "work/probability/context") == image
    assert slabs(found["flow"], "work/flow") == flow
    assert found["labels"] == "results/a/work/labels/cells.h5"


def test_the_gap_of_a_held_out_slice_reads_past_it(tmp_path):
    found = files(plan_holding_out(tmp_path, 10), "propagate", gap="00005-00015")
    assert slabs(found["images"], "image.zarr/0") == [1, 2, 3]


def test_a_stack_of_one_slice_has_one_gap(tmp_path):
    plan = one_slice(tmp_path)
    (gap,) = plan.gaps("a")
    assert gap.name == "00000-00000x"  # the same slice, but only its near end is labelled
    assert slabs(files(plan, "propagate", gap=gap.name)["flow"], "work/flow") == [0]
    assert slabs(files(plan, "flow", slab=0)["images"], "image.zarr/0") == [0]


def test_a_gap_reads_good_slices_only(tmp_path):
    plan = plan_with_bad_slices(tmp_path)
    told = spec(plan, "propagate", gap="00005-00015")  # the label on slice 10 is not used
    assert told.walk == [5, 6, 13, 14, 15]
    assert told.stand_ins == [5, 6, 6, 6, 6, 13, 13, 13, 13, 14, 15]
    assert slabs(files(plan, "propagate", gap="00005-00015")["images"], "image.zarr/0") == [1, 3]


def test_a_gap_is_told_its_ends_and_the_channels_of_the_cells(tmp_path):
    plan = make_plan(tmp_path)
    told = spec(plan, "propagate", gap="00005-00010")
    assert (told.gap, told.direction, told.partial) == (Gap(5, 10, True, True), "", False)
    assert (told.network, told.channels, told.downsample) == ("context", [1, 2], 4)
    assert told.settings | {"method": "flow"} == plan.config["propagate"]


def partly_labelled(folder):
    config = make_config(folder)  # labelled on 0, 5, 10, 15, 20
    config["networks"]["context"]["test"] = [10]
    config["volumes"]["a"]["labels"]["cells"] = {"path": "cells", "region": {"y": [0, 8]}}
    return Plan(load_config(config))


def test_ids_of_partly_labelled_slices_come_from_the_neighbouring_gaps(tmp_path):
    whole, partial = plan_holding_out(tmp_path, 10), partly_labelled(tmp_path)

    def ends(plan, gap, rule="propagate", **more):
        found = files(plan, rule, gap=gap, **more)
        return found["up"], found["down"]

    assert ends(whole, "00005-00010") == ([], [])
    assert ends(partial, "00005-00010") == ([CARRIED("00000-00005.up")], [CARRIED("00010-00015.down")])
    # The held-out slice 10 lends nothing to the gap that leaves it out.
    assert ends(partial, "00005-00015") == ([CARRIED("00000-00005.up")], [CARRIED("00015-00020.down")])
    assert ends(partial, "00000-00005")[0] == []
    upwards = ends(partial, "00005-00010", "propagate_ends", direction="up")
    assert upwards == ([CARRIED("00000-00005.up")], [])


def test_only_both_directions_together_are_settled_where_slices_are_partly_labelled(tmp_path):
    plan = partly_labelled(tmp_path)
    assert spec(plan, "propagate", gap="00005-00010").partial
    upwards = spec(plan, "propagate_ends", gap="00005-00010", direction="up")
    assert not upwards.partial and upwards.direction == "up"


def test_every_gap_is_carried_through_and_those_of_slices_that_are_left_out(tmp_path):
    plan = plan_holding_out(tmp_path, 10)
    names = [one.gap for one in Propagate.each(plan, "a")]
    assert names == [*(gap.name for gap in plan.gaps("a")), *(g.name for g in plan.left_out("a").values())]
    assert "00005-00015" in names


def test_the_cost_of_a_gap_is_that_of_its_slices_and_of_the_fusion(tmp_path):
    plan = make_plan(tmp_path)
    worked = 6 * 6 * 10
    assert spec(plan, "propagate", gap="00005-00010").pixels(plan) == (worked, worked + FUSION_SLICES * 60)


# ---- in three dimensions
CUTS = "results/a/work/cuts/c/0/0/0/0"


@pytest.mark.parametrize(
    "method, maps, flow, cuts, chosen",
    [
        ("flow", [0, 1, 2, 3, 4], [0, 1, 2, 3], [], []),
        ("volume", [0, 3, 4], [], [CUTS], []),  # near the labelled slices alone
        ("auto", [0, 1, 2, 3, 4], [0, 1, 2, 3], [CUTS], ["results/a/work/method.json"]),
    ],
)
def test_a_gap_reads_what_its_method_needs(tmp_path, method, maps, flow, cuts, chosen):
    write_stack(tmp_path / "ends", (0, 16, 20), dtype="uint16")
    labels = {"cells": "ends", "nuclei": "nuclei", "membrane": "membrane"}
    plan = plan_in_volume(tmp_path, method, labels=labels)
    assert spec(plan, "propagate", gap="00000-00016").method == method
    found = files(plan, "propagate", gap="00000-00016")
    assert slabs(found["flow"], "work/flow") == flow
    assert slabs(found["images"], "image.zarr/0") == slabs(found["maps"], "work/probability/context") == maps
    assert found.get("cuts", []) == cuts and found["chosen"] == chosen


def test_thin_slices_get_cells_at_steps_as_long_as_a_pixel(tmp_path):
    told = spec(plan_in_volume(tmp_path, voxel_size_nm=[4, 4, 4]), "propagate", gap="00005-00015")
    assert (told.steps, told.cuts) == ([5, 8, 12, 15], [1, 2, 3, 4])
    assert told.near == ([5, 6, 7, 8, 9], [11, 12, 13, 14, 15])  # at most half of the gap
    told = spec(plan_in_volume(tmp_path), "propagate", gap="00005-00010")
    assert told.steps == told.cuts == [*range(5, 11)] and told.near == ([5, 6, 7], [8, 9, 10])


def test_each_method_is_tried_on_the_gaps_around_labelled_slices_and_waits_for_no_choice(tmp_path):
    cells = {"path": "cells", "region": {"y": [0, 8]}}
    labels = {"cells": cells, "nuclei": "nuclei", "membrane": "membrane"}
    plan = plan_in_volume(tmp_path, labels=labels)
    tried = TryMethod.each(plan, "a")
    assert {(one.method, one.gap) for one in tried} == {
        (method, gap.name) for method in ("flow", "volume") for gap in plan.tries("a").values()
    }
    for one in tried:
        found = files(plan, "try_method", gap=one.gap, method=one.method)
        # What neighbouring gaps carry waits for the choice.
        assert (found["chosen"], found["up"], found["down"]) == ([], [], [])
        assert ("cuts" in found) == (one.method == "volume")
        told = spec(plan, "try_method", gap=one.gap, method=one.method)
        assert (
            plan.tries("a")[told.left_out].name == one.gap and told.gap.first < told.left_out < told.gap.last
        )
        # The flow of all slices waits for the choice as well: a job makes its own.
        assert found["flow"] == [] and told.flow == (plan.config["flow"] if one.method == "flow" else {})
    assert TryMethod.each(plan_in_volume(tmp_path, "volume"), "a") == []


def test_a_method_is_tried_in_a_window_of_large_slices(tmp_path, monkeypatch):
    plan = plan_in_volume(tmp_path)
    (z, gap), *_ = plan.tries("a").items()
    whole = spec(plan, "try_method", gap=gap.name, method="flow")
    assert whole.most_pixels == math.prod(cell_plane(plan, "a"))
    monkeypatch.setattr("ultraseg.plan.plan.TRIED_WINDOW", whole.most_pixels // 4)
    part = spec(plan, "try_method", gap=gap.name, method="flow")
    assert part.most_pixels == whole.most_pixels // 4 and part.left_out == z
    assert part.pixels(plan) == tuple(n * part.most_pixels / whole.most_pixels for n in whole.pixels(plan))
    small = spec(plan, "try_method", gap=gap.name, method="volume").cost(plan)
    monkeypatch.undo()
    large = spec(plan, "try_method", gap=gap.name, method="volume").cost(plan)
    assert small.seconds < large.seconds and small.mem_mb < large.mem_mb  # in three dimensions as well


@pytest.mark.parametrize(
    ("method", "by_flow", "told"),
    [("auto", "auto", "auto"), ("auto", True, "flow"), ("flow", "auto", "flow"), ("volume", True, "flow")],
)
def test_flow_waits_for_the_choice_unless_it_is_needed_anyway(tmp_path, method, by_flow, told):
    plan = plan_in_volume(tmp_path, method, link={"by_flow": by_flow})
    assert spec(plan, "flow", slab=0).method == told
    assert files(plan, "flow", slab=0)["chosen"] == (["results/a/work/method.json"] if told == "auto" else [])


def test_a_choice_that_nobody_knows_costs_as_much_as_the_dearer_method(tmp_path):
    costs = {}
    for method in ("flow", "volume", "auto"):
        plan = plan_in_volume(tmp_path, method)
        costs[method] = spec(plan, "propagate", gap="00005-00010").cost(plan)
    assert costs["auto"].seconds == max(costs["flow"].seconds, costs["volume"].seconds)
    assert costs["auto"].mem_mb == max(costs["flow"].mem_mb, costs["volume"].mem_mb)
    assert costs["flow"] != costs["volume"]


# ---- pieces
def test_a_slab_reads_the_gaps_it_lies_in(tmp_path):
    plan, folder = make_plan(tmp_path), "results/a/work/propagated"

    def gaps(slab):
        return files(plan, "cells", slab=slab)["gaps"]

    assert gaps(0) == [f"{folder}/00000-00005.h5"]
    assert gaps(1) == [f"{folder}/00000-00005.h5", f"{folder}/00005-00010.h5"]
    assert gaps(5) == [f"{folder}/00015-00020.h5"]


def test_cells_read_the_maps_of_their_network(tmp_path):
    plan = make_plan(tmp_path)
    found = files(plan, "cells", slab=5)
    assert found["maps"] == ["results/a/work/probability/context/c/5/0/0/0"]
    assert found["array"] == "results/a/work/pieces/zarr.json"
    told = spec(plan, "cells", slab=5)
    assert (told.network, told.channels, told.good) == ("context", [1, 2], [20])
    assert told.foreground_threshold == plan.config["propagate"]["foreground_threshold"]


def test_pieces_are_cut_in_good_slices(tmp_path):
    plan = plan_with_bad_slices(tmp_path)
    assert [spec(plan, "cells", slab=slab).good for slab in (0, 1, 2)] == [[0, 1, 2], [5, 6], []]


@pytest.mark.parametrize("kind", [Flow, Propagate, Cells, TakeCells])
def test_without_cells_there_are_no_such_jobs(tmp_path, kind):
    assert kind.each(plan_without_cells(tmp_path), "a") == []
    plan = Plan(load_config(two_volumes(tmp_path / "two", apply_to=["b"])))
    assert kind.each(plan, "a") == []
    # No slice of b is labelled, and no other program made its cells.
    assert bool(kind.each(plan, "b")) == (kind not in (Propagate, TakeCells))


def test_the_keys_of_the_other_method_do_not_touch_a_job_of_the_flow(tmp_path):
    def told(**agglomerate):
        plan = make_plan(tmp_path, agglomerate=agglomerate)
        return spec(plan, "propagate", gap="00005-00010").told()

    assert told() == told(blur=3.0, seed_steps=9, seed_confidence=0.1)


# ---- planes across the slices
def test_a_gap_reads_planes_but_not_on_bad_slices(tmp_path):
    plan = plan_with_planes(tmp_path, bad_slices=[7, 13])
    found = files(plan, "propagate", gap="00005-00010")
    assert found["planes"] == [f"results/a/work/labels/cells.{plane}.h5" for plane in ("xz", "yz")]
    told = spec(plan, "propagate", gap="00005-00010")
    assert (told.planes, told.hidden, told.step, told.n_slices) == (["xz", "yz"], [7], 1, 21)


def test_a_slice_that_is_left_out_is_left_out_of_planes(tmp_path):
    plan = plan_with_planes(tmp_path)
    assert spec(plan, "propagate", gap="00005-00015").hidden == [10]


def test_a_gap_holds_a_plane_across_the_whole_stack(tmp_path):
    plan = plan_with_planes(tmp_path)
    told = spec(plan, "propagate", gap="00005-00010")
    more = told.cost(plan).mem_mb - replace(told, planes=[]).cost(plan).mem_mb
    assert more == pytest.approx(Propagate.plane_rate * 21 * 40 / 1e6)


def test_without_planes_a_gap_is_told_of_none(tmp_path):
    plan = plan_in_volume(tmp_path, bad_slices=[7])
    told = spec(plan, "propagate", gap="00005-00010")
    assert told.planes == told.hidden == [] and files(plan, "propagate", gap="00005-00010")["planes"] == []


# ---- cells of another program
def test_ready_cells_are_cut_into_pieces_and_linked_but_not_carried_or_written_anew(tmp_path):
    config = config_of_ready_cells(tmp_path, roi={"z": [2, 21]}, bad_slices=[7])
    plan = Plan(load_config(config))
    told, read = (ask(plan, "take_cells", slab=1) for ask in (spec, files))
    assert told.good == [4, 6, 7] and told.shown == [6, 8, 9]  # slice 7 of the stack is slice 5 of the part
    assert (told.plane, told.downsample, told.source.factor) == ((12, 20), 2, (1, 1, 1))
    assert read == {"objects": [str(tmp_path / "ids.tif")], "array": "results/a/work/pieces/zarr.json"}
    assert Cells.each(plan, "a") == [] and told.cost(plan).mem_mb > 490
    assert (
        len(TakeCells.each(plan, "a")) == len(LinkEdges.each(plan, "a")) == 5 and Flow.each(plan, "a") == []
    )
    assert Propagate.each(plan, "a") == LinkRelabel.each(plan, "a") == TryMethod.each(plan, "a") == []
    assert spec(plan, "link").settings["learn"] is False and len(Link.each(plan, "a")) == 1
    assert plan.method("a") == "flow" and plan.gaps("a") == []


def test_cells_that_a_network_predicts_are_taken_from_no_file(tmp_path):
    plan = make_plan(tmp_path)
    assert "downsample" not in spec(plan, "cells", slab=1).settings
    assert TakeCells.each(plan, "a") == [] and len(Cells.each(plan, "a")) > 1
