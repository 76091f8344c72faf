"""What linking reads: slabs that links reach, tables of all slabs, slices that edits name."""

import pytest
from asked import files, slabs, spec
from tiny_plan import (
    make_config,
    make_plan,
    plan_with_bad_slices,
    plan_with_planes,
    plan_without_cells,
    two_volumes,
)
from ultraseg.jobs import link
from ultraseg.jobs.link import HELD_SLICES, Link, LinkEdges, LinkRelabel
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan
from ultraseg.sweep import volume


@pytest.mark.parametrize("max_gap", [0, 1, 3])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_edges_read_as_far_as_a_link_reaches(tmp_path, max_gap, depth):
    plan = make_plan(tmp_path, slab_depth=depth, link={"max_gap": max_gap, "by_flow": True})
    for slab in plan.volumes["a"].slabs:
        start, stop = slab * depth, min(slab * depth + depth, 21)
        pieces = {z // depth for z in range(start, min(stop + 1 + max_gap, 21))}
        # The flow at z leads to z + 1: none is needed at the last slice read.
        flow = {z // depth for z in range(start, max(min(stop + max_gap, 20), start + 1))}
        found = files(plan, "link_edges", slab=slab)
        assert set(slabs(found["pieces"], "work/pieces")) == pieces
        assert flow <= set(slabs(found["flow"], "work/flow")) <= flow | pieces


def test_edges_reach_the_next_good_slices(tmp_path):
    plan = plan_with_bad_slices(tmp_path, link={"by_flow": True})
    assert spec(plan, "link_edges", slab=1).walk == [5, 6, 13, 14]
    found = files(plan, "link_edges", slab=1)
    assert slabs(found["pieces"], "work/pieces") == [1, 3]
    assert slabs(found["flow"], "work/flow") == [1, 3]


def test_a_stack_of_one_slice_has_edges_to_look_for(tmp_path):
    plan = make_plan(tmp_path, n_slices=1, labelled=(0,), link={"by_flow": True})
    assert slabs(files(plan, "link_edges", slab=0)["flow"], "work/flow") == [0]


@pytest.mark.parametrize(
    "wanted, voxels, by_flow",
    [
        ("auto", [4, 4, 4], False),  # four slices are as thick as a pixel of the network
        ("auto", [16, 4, 4], False),
        ("auto", [50, 4, 4], True),
        (True, [16, 4, 4], True),
        (False, [50, 4, 4], False),
    ],
)
def test_pieces_are_moved_by_flow_where_slices_are_thick(tmp_path, wanted, voxels, by_flow):
    config = make_config(tmp_path, link={"by_flow": wanted})
    config["volumes"]["a"]["voxel_size_nm"] = voxels
    plan = Plan(load_config(config))
    told, read = (asked(plan, "link_edges", slab=1) for asked in (spec, files))
    assert told.by_flow == by_flow and bool(read["flow"]) == by_flow


def test_edges_cost_the_slices_that_links_reach(tmp_path):
    plan = make_plan(tmp_path, link={"max_gap": 3})
    assert spec(plan, "link_edges", slab=1).pixels(plan) == (4 * 60, (4 + 2 + 3) * 60)


def test_linking_reads_the_tables_of_all_slabs(tmp_path):
    plan, work = make_plan(tmp_path), "results/a/work"
    assert files(plan, "link") == {
        "tables": [f"{work}/pieces/tables/{slab}.parquet" for slab in range(6)],
        "edges": [f"{work}/edges/{slab}.parquet" for slab in range(6)],
        "labels": [f"{work}/labels/cells.h5"],
        "pieces": [],
    }
    told = spec(plan, "link")
    # What edges were looked for is known from the tables.
    of_edges = {key: plan.config["link"][key] for key in ("max_gap", "by_flow")}
    assert not of_edges.keys() & told.settings.keys() and told.settings | of_edges == plan.config["link"]
    assert (told.edits, told.voxels, told.downsample) == ((), [], 4)


def test_linking_reads_the_pieces_that_edits_name(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"] |= {"bad_slices": [7], "cell_edits": "edits.yaml"}
    (tmp_path / "edits.yaml").write_text(
        "- merge: [5, 12]\n- assign: {fragment: [7, 3, 20], cell: 5}\n- forbid: {fragment: [20, 1, 2], cell: 5}\n"
    )
    plan = Plan(load_config(config))
    told = spec(plan, "link")
    assert [edit.kind for edit in told.edits] == ["merge", "assign", "forbid"]
    assert told.voxels == [(7, 3, 20, 6), (20, 1, 2, 20)]  # the bad slice 7 shows slice 6
    assert slabs(files(plan, "link")["pieces"], "work/pieces") == [1, 5]


def test_linking_holds_a_part_of_the_volume_whatever_its_depth(tmp_path, monkeypatch):
    assert HELD_SLICES == 2 * volume.BLOCK_SLICES
    for n_slices in (100, 200):
        plan = make_plan(tmp_path / str(n_slices), n_slices=n_slices, labelled=(0, 20))
        assert spec(plan, "link").pixels(plan) == (n_slices * 60, n_slices * 60)  # all, which is little
        with monkeypatch.context() as few:
            few.setattr(link, "HELD_PIXELS", 100)
            assert spec(plan, "link").pixels(plan) == (n_slices * 60, 64 * 60)
            few.setattr(link, "HELD_PIXELS", 5_000)
            assert spec(plan, "link").pixels(plan) == (n_slices * 60, 5_000)


def test_a_volume_without_labels_of_cells_is_linked_without(tmp_path):
    plan = Plan(load_config(two_volumes(tmp_path)))
    assert files(plan, "link", volume="b")["labels"] == []
    assert files(plan, "link_relabel", volume="b", slab=0, structure="cells")["labels"] == []


def test_the_final_cells_of_a_slab_are_made_from_good_slices(tmp_path):
    plan = plan_with_bad_slices(tmp_path)
    told = spec(plan, "link_relabel", slab=2, structure="cells")
    assert told.stand_ins == [6, 6, 13, 13]
    assert told.walk == [0, 1, 2, 5, 6, 13, 14, 15, 16, 17]
    found = files(plan, "link_relabel", slab=2, structure="cells")
    assert slabs(found["pieces"], "work/pieces") == [0, 1, 3, 4]


def test_the_final_cells_of_a_slab_have_the_size_of_the_image(tmp_path):
    plan = make_plan(tmp_path)
    told = spec(plan, "link_relabel", slab=2, structure="cells")
    assert (told.slab, told.plane, told.downsample, told.structure) == ((8, 12), (24, 40), 4, "cells")
    assert told.pixels(plan) == (4 * (24 * 40 + 6 * 10), 4 * 24 * 40 + 9 * 6 * 10)
    found = files(plan, "link_relabel", slab=2, structure="cells")
    assert found["array"] == "results/a/image.zarr/labels/cells/0/zarr.json"
    assert (found["nodes"], found["ids"]) == tuple(
        f"results/a/work/link/{name}.parquet" for name in ("nodes", "ids")
    )


@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize(
    "link, span", [({}, 4), ({"bridge_slices": 0, "max_gap": 1}, 1), ({"bridge_slices": 20}, 4)]
)
def test_final_cells_read_as_far_as_holes_are_filled(tmp_path, depth, link, span):
    plan = make_plan(tmp_path, slab_depth=depth, link=link, cells={"max_hole_area": 77})
    for slab in plan.volumes["a"].slabs:
        told = spec(plan, "link_relabel", slab=slab, structure="cells")
        first, last = told.stand_ins[0], told.stand_ins[-1]
        assert told.walk == list(range(max(first - span, 0), min(last + span, 20) + 1))
        assert (told.span, told.max_hole_area) == (span, 77)
        found = files(plan, "link_relabel", slab=slab, structure="cells")["pieces"]
        assert slabs(found, "work/pieces") == sorted({z // depth for z in told.walk})


@pytest.mark.parametrize("z_nm, span", [(4, 4), (16, 4), (20, 3), (33, 1), (500, 1)])
def test_holes_of_thick_slices_are_filled_over_few_slices(tmp_path, z_nm, span):
    config = make_config(tmp_path)
    config["volumes"]["a"]["voxel_size_nm"] = [z_nm, 4, 4]  # 16 nm at the scale of the cells
    told = spec(Plan(load_config(config)), "link_relabel", slab=2, structure="cells")
    assert told.span == span


@pytest.mark.parametrize("kind, jobs", [(LinkEdges, 6), (Link, 1), (LinkRelabel, 6)])
def test_without_cells_nothing_is_linked(tmp_path, kind, jobs):
    assert kind.each(plan_without_cells(tmp_path), "a") == []
    assert len(kind.each(make_plan(tmp_path), "a")) == jobs


def test_new_cells_get_ids_above_those_of_planes_across_the_slices(tmp_path):
    plan = plan_with_planes(tmp_path)
    labels = [f"results/a/work/labels/cells{plane}.h5" for plane in ("", ".xz", ".yz")]
    assert files(plan, "link")["labels"] == labels
    assert files(plan, "link_relabel", slab=0, structure="cells")["labels"] == labels[:1]
