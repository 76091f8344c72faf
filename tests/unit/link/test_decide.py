import numpy as np
import pandas as pd
import pytest
from scene import SHAPE, Scene, disc, random_scene, two_cells
from ultraseg.base.ids import number_in_volume
from ultraseg.link.decide import link_pieces
from ultraseg.link.edges import slab_edges


def test_a_tube_rising_from_a_body_belongs_to_its_cell_in_both_directions():
    scene = two_cells(left=(8, 12), right=(8, 12))
    scene.add(3, lambda z: disc(20, 12 + abs(z - 9.5) / 2, 3), [*range(8), *range(12, 20)]).link()
    assert scene.cells(3, "assigned") == [11]
    table = scene.result.protrusions
    assert table[["cell", "z_first", "z_last"]].values.tolist() == [[11, 0, 7], [11, 12, 19]]
    assert (table["pieces"] == 8).all() and (table["strength"] >= 0.5).all()
    assert table["voxels"].sum() == (scene.volume == 3).sum()


def test_crossing_tubes_keep_their_own_cells():
    # They pass each other within one slice distance: at z = 10 the tubes lie side by side.
    scene = two_cells(left=(0, 3), right=(0, 3))
    scene.add(3, lambda z: disc(20, 12 + 2 * (z - 3), 4), range(3, 20))
    scene.add(4, lambda z: disc(28 if z > 6 else 20, 52 - 2 * (z - 3), 4), range(3, 20)).link()
    assert scene.cells(3, "assigned") == [11]
    late = scene.result.nodes.query("name == 4 and z > 6")
    assert 11 not in set(late["final"])
    assert set(scene.result.nodes.query("name == 4 and z <= 6")["final"]) == {22}


@pytest.mark.parametrize("radius", [4, 5])
def test_tubes_that_maps_merge_for_two_slices_keep_their_own_cells(radius):
    # Only one of them has a cell. Before, the other one got this cell, on both sides of the merged piece.
    scene = two_cells(left=(0, 16), right=(0, 16))
    scene.add(3, lambda z: disc(42, 30, 5), [*range(8), *range(10, 16)])
    scene.add(4, lambda z: disc(53, 30, radius), [*range(1, 8), *range(10, 16)])
    scene.add(5, lambda z: disc(42, 30, 5) | disc(53, 30, radius) | disc(48, 30, 2), [8, 9])
    scene.add(6, lambda z: disc(42, 30, 5), [0], cell=11)
    scene.given = {0}
    scene.link(1, bridge_slices=4)
    assert scene.cells(3, "assigned") == [11] and scene.cells(4) == [0]


@pytest.mark.parametrize("first, confidence, cell", [(0, 0.5, 11), (5, 0.5, 0), (5, 0.9, 11)])
def test_a_doubtful_id_of_a_body_stands_where_a_chain_leads_to_a_piece_drawn_as_that_cell(
    first, confidence, cell
):
    scene = Scene(16)
    scene.add(2, lambda z: disc(45, 45, 8), range(16), cell=22, body=True)
    scene.add(1, lambda z: disc(20, 12, 7), range(first, 16), cell=11, confidence=confidence, body=True)
    scene.add(3, lambda z: disc(20, 40, 7), [0], cell=11, body=True)
    scene.given = {0}
    scene.link(min_cell_voxels=10**6)
    assert set(scene.result.nodes.query("name == 1 and z > 0")["final"]) == {cell}


def test_parallel_near_tubes_stay_apart():
    scene = two_cells(left=(0, 4), right=(0, 4))
    scene.add(3, lambda z: disc(20 + min(2 * (z - 4), 20), min(12 + 3 * (z - 4), 28), 4), range(4, 20))
    scene.add(4, lambda z: disc(20 + min(2 * (z - 4), 20), max(52 - 3 * (z - 4), 38), 4), range(4, 20))
    scene.link()
    assert scene.cells(3, "assigned") == [11] and scene.cells(4, "assigned") == [22]


def test_an_orphan_belongs_to_nobody_and_a_persistent_one_is_a_new_cell():
    scene = two_cells()
    scene.add(3, lambda z: disc(50, 20, 3), range(5, 10))
    scene.add(4, lambda z: disc(50, 45, 8), range(2, 18)).link(max_user_id=99)
    assert scene.cells(3, "unassigned_weak") == [0]
    assert scene.cells(4, "new_cell") == [100]
    links = scene.result.links.set_index("outcome")
    assert links.loc["unassigned_weak", ["cell", "pieces", "z_first", "z_last"]].tolist() == [0, 5, 5, 9]
    assert links.loc["new_cell", ["cell", "voxels"]].tolist() == [100, (scene.volume == 4).sum()]
    assert scene.result.protrusions.empty and "voxels" in scene.result.protrusions


@pytest.mark.parametrize("gap, cell", [(0, 0), (1, 11)])
def test_one_missing_slice_is_bridged_only_when_asked(gap, cell):
    scene = two_cells(left=(0, 4))
    scene.add(3, lambda z: disc(20, 12, 4), [4, 5, 6, 8, 9, 10]).link(gap)
    after = scene.result.nodes.query("name == 3 and z > 7")
    assert set(after["final"]) == {cell}
    assert set(scene.result.nodes.query("name == 3 and z < 7")["final"]) == {11}


def test_a_fragment_between_two_cells_is_ambiguous():
    scene = two_cells(left=(0, 5), right=(9, 14))
    scene.known[2] = (22, 1.0, True)
    scene.volume[scene.volume == 2] = 0
    scene.add(2, lambda z: disc(20, 14, 9), range(9, 14), cell=22, body=True)
    scene.add(3, lambda z: disc(20, 12, 3), range(5, 9)).link()
    assert scene.cells(3, "unassigned_ambiguous") == [0]
    row = scene.result.links.iloc[0]
    assert {row["best_cell"], row["runner_up_cell"]} == {11, 22} and row["margin"] < 0.1 and row["cell"] == 0


def test_a_carried_id_decides_between_equal_cells_but_not_against_a_drawn_piece():
    scene = two_cells(left=(0, 5), right=(0, 0))
    scene.add(2, lambda z: disc(20, 14, 9), range(9, 14), cell=22, body=True)
    scene.add(3, lambda z: disc(20, 12, 3), range(5, 9), cell=22, confidence=1.0).link()
    assert scene.cells(3, "assigned") == [22]
    scene.volume[5:9][scene.volume[5:9] > 0] = 0
    scene.add(4, lambda z: disc(20, 12, 3), [6], cell=11)
    scene.add(3, lambda z: disc(20, 12, 3), [5, 7, 8], cell=22, confidence=0.6)
    scene.given = {6}
    scene.link()
    assert scene.cells(3, "assigned") == [11]
    assert scene.result.protrusions["pieces"].tolist() == [4]


def test_a_chain_is_cut_at_its_weakest_link():
    scene = two_cells(left=(0, 4), right=(0, 0))
    scene.add(2, lambda z: disc(20, 12, 9), range(16, 20), cell=22, body=True)
    scene.add(3, lambda z: disc(20, 12, 3), range(4, 8), cell=0)
    scene.add(4, lambda z: disc(20, 16.5, 3), range(8, 16), cell=0).link()
    assert scene.cells(3, "assigned") == [11] and scene.cells(4, "assigned") == [22]


def test_touching_bodies_and_fragments_over_both_never_merge_two_cells():
    scene = Scene(12)
    scene.add(1, lambda z: disc(20, 20 + z, 12), range(6), cell=5, body=True)
    scene.add(2, lambda z: disc(20, 20 + z, 12), range(6, 12), cell=6, body=True)
    scene.add(3, lambda z: disc(50, 30, 4), range(12)).link()
    assert scene.cells(1, "body") == [5] and scene.cells(2, "body") == [6]


def test_a_body_that_lost_its_id_returns_and_a_newcomer_gets_one_and_keeps_its_protrusion():
    scene = two_cells(left=(0, 8))
    scene.add(3, lambda z: disc(20, 12, 9), range(8, 12), body=True)
    scene.add(4, lambda z: disc(44, 30, 10), range(0, 12), body=True)
    scene.add(5, lambda z: disc(44, 30, 3), range(12, 18)).link()
    assert scene.cells(3, "assigned") == [11]
    assert scene.cells(4, "new_cell") == [23] and scene.cells(5, "assigned") == [23]
    assert scene.result.protrusions["cell"].tolist() == [23]


def test_a_newcomer_is_not_drawn_into_a_neighbour_by_a_fragment():
    scene = two_cells(left=(0, 6))
    scene.add(3, lambda z: disc(20, 12, 3), range(6, 10))
    scene.add(4, lambda z: disc(20, 14, 9), range(10, 20), body=True).link()
    assert scene.cells(4, "new_cell") == [23] and scene.cells(1) == [11]
    assert scene.cells(3, "unassigned_ambiguous") == [0]


def left_out_at(z, **about):
    """A tube above the body of cell 11, which the user left out on slice z."""
    scene = two_cells(left=(0, 4))
    scene.add(3, lambda z: disc(20, 12, 4), range(4, 12), **about)
    pieces, nodes, edges = scene.tables()
    drawn = (nodes["name"] == 3) & (nodes["z"] == z)
    nodes.loc[drawn, ["cell", "given"]] = 0, True
    result = link_pieces(nodes, edges).nodes
    return result[result["name"] == 3].set_index("z"), result


def test_what_the_user_left_out_belongs_to_nobody_in_neighbouring_slices_too():
    tube, nodes = left_out_at(6)
    assert (tube["final"] == 0).all() and tube.loc[6, "outcome"] == "background"
    assert set(tube["outcome"].drop(6)) == {"unassigned_left_out"}
    assert (tube["runner_up_cell"].loc[4:5] == 11).all() and (tube["margin"].loc[4:5] > 0.3).all()
    assert set(nodes["final"][nodes["name"] != 3]) == {11, 22}


def test_a_carried_id_stands_against_what_was_left_out():
    tube, _ = left_out_at(6, cell=11, confidence=0.9)
    assert tube["final"].tolist() == [11, 11, 0, 11, 11, 11, 11, 11]


@pytest.mark.parametrize("gap, with_flow", [(0, False), (1, False), (1, True), (2, False)])
def test_edges_and_links_are_the_same_for_every_slab_depth(gap, with_flow):
    scene = random_scene()
    pieces, nodes, _ = scene.tables()
    flow = np.random.default_rng(0).normal(0, 1.5, (14, 4, *SHAPE)).astype(np.float16) if with_flow else None
    whole = slab_edges(pieces, range(14), flow=flow, max_gap=gap)
    assert gap == 0 or (whole["gap"] > 1).any()
    expected = link_pieces(nodes, whole, min_cell_voxels=300)
    for depth in (1, 3, 4):
        parts = []
        for z in range(0, 14, depth):
            n = min(depth, 14 - z)
            stack = pieces[z : z + n + 1 + gap]
            zs = range(z, z + len(stack))
            parts.append(slab_edges(stack, zs, n=n, flow=None if flow is None else flow[z:], max_gap=gap))
        edges = pd.concat(parts, ignore_index=True)
        pd.testing.assert_frame_equal(edges, whole)
        shuffled = link_pieces(
            nodes.sample(frac=1, random_state=1), edges.sample(frac=1, random_state=2), min_cell_voxels=300
        )
        for name in ("nodes", "links", "protrusions"):
            pd.testing.assert_frame_equal(getattr(shuffled, name), getattr(expected, name))
    assert {"assigned", "unassigned_weak", "new_cell", "body"} <= set(expected.nodes["outcome"])
    totals = expected.links["pieces"].sum() + expected.nodes["outcome"].isin(["body", "given"]).sum()
    assert totals == len(nodes)


def test_empty_tables_and_unknown_pieces():
    _, nodes, edges = two_cells().tables()
    empty = link_pieces(nodes.iloc[:0], edges.iloc[:0])
    full = link_pieces(nodes, edges)
    for name in ("nodes", "links", "protrusions"):
        assert len(getattr(empty, name)) == 0 and list(getattr(empty, name)) == list(getattr(full, name))
    with pytest.raises(ValueError, match="unknown"):
        link_pieces(nodes[nodes["z"] != 3], edges)
    with pytest.raises(ValueError, match="confidence"):
        link_pieces(nodes.drop(columns="confidence"), edges)


# ---------------------------------------------------------------- bad slices are stepped over
def test_good_slices_are_neighbours_across_bad_ones():
    """A tube through slices 0 to 5 of which 2 and 3 are bad: its edges are those of a stack without them."""
    pieces = np.zeros((4, *SHAPE), np.int32)
    pieces[:, 10:20, 10:20] = 1
    zs = [0, 1, 4, 5]
    edges = slab_edges(pieces, zs, max_gap=1)
    plain = slab_edges(pieces, range(4), max_gap=1)
    assert edges[["z", "gap", "z_b"]].values.tolist() == [[0, 1, 1], [1, 1, 4], [4, 1, 5]]
    assert edges["iou"].tolist() == plain["iou"].tolist() == [1, 1, 1]
    nodes = pd.DataFrame(
        {
            "z": zs, "piece": 1, "area": 100, "y": 14.5, "x": 14.5, "cell": [7, 0, 0, 0], "confidence": 0.0,
            "body": False, "given": [True, False, False, False],
        }
    )  # fmt: skip
    result = link_pieces(nodes, edges)
    assert result.nodes["final"].tolist() == [7, 7, 7, 7]
    assert result.nodes["strength"].min() > 0.98  # no penalty for the bad slices
    assert result.protrusions[["z_first", "z_last", "pieces"]].values.tolist() == [[0, 5, 4]]


def test_a_body_with_two_names_is_no_hole_and_the_place_is_listed():
    """Drawn as 10 on slice 0 and as 23 on slice 20; no id was carried in between."""
    scene = Scene(21)
    scene.add(1, lambda z: disc(30, 30, 14), [0], cell=10, body=True)
    scene.add(2, lambda z: disc(30, 30, 14), range(1, 20), body=True)
    scene.add(3, lambda z: disc(30, 30, 14), [20], cell=23, body=True)
    scene.given = {0, 20}
    scene.link(gap=1)
    final = scene.result.nodes.sort_values("z")["final"].tolist()
    assert final == [10] * 11 + [23] * 10 or final == [10] * 10 + [23] * 11
    place = scene.result.meetings.iloc[0]
    assert len(scene.result.meetings) == 1 and {place["cell"], place["other_cell"]} == {10, 23}
    assert place["z"] in (10, 11) and place["edit"] in ("- merge: [10, 23]", "- merge: [23, 10]")


def test_a_meeting_is_listed_along_whatever_chain_gave_the_body_its_ids():
    """A body that moves so fast that successive outlines overlap by half: less alike than those of most bodies."""
    scene = Scene(8)
    scene.add(1, lambda z: disc(30, 8, 14), [0], cell=10, body=True)
    scene.add(2, lambda z: disc(30, 8 + 6 * z, 14), range(1, 7), body=True)
    scene.add(3, lambda z: disc(30, 50, 14), [7], cell=23, body=True)
    scene.given = {0, 7}
    scene.link(gap=1)
    assert not (scene.result.nodes["final"] == 0).any()
    (iou,) = scene.result.meetings["iou"]
    assert 0.4 < iou < 0.7


def test_bodies_that_overlap_as_neighbours_do_are_no_meeting():
    """Each body carries its own id, and a slice shows where one moves over the other by half."""
    scene = Scene(6)
    scene.add(1, lambda z: disc(30, 20, 14), range(3), cell=10, body=True)
    scene.add(2, lambda z: disc(30, 28, 14), range(3, 6), cell=23, body=True)
    assert scene.link(gap=1).result.meetings.empty


def test_a_fragment_is_taken_up_again_where_its_course_leads():
    """A tube moves by more than its width while it is missing from two slices; another one stays beside it."""
    scene = two_cells(left=(0, 4), right=(0, 4))
    scene.add(3, lambda z: disc(20, 12 + 3 * (z - 4), 4), [4, 5, 6, 7, 8, 11, 12, 13])
    scene.add(4, lambda z: disc(40, 50, 4), range(1, 20)).link(gap=4)
    late = scene.result.nodes.query("name == 3 and z > 10")
    assert set(late["best_cell"]) == {11} and late["strength"].min() > 0.3
    assert scene.cells(4) != [11]


def traced_tube(confidence, traced=True):
    """A tube on the body of cell 11 that carries the id of a far cell, found in three dimensions or not."""
    scene = two_cells(left=(0, 4), right=(0, 4))
    scene.add(3, lambda z: disc(20, 12, 4), range(4, 12), cell=22, confidence=confidence)
    _, nodes, edges = scene.tables()
    result = link_pieces(nodes.assign(traced=traced), edges)
    return result.nodes[result.nodes["name"] == 3], result


def test_an_id_that_was_found_in_three_dimensions_stands_where_it_is_sure():
    sure, result = traced_tube(0.7)
    assert set(sure["final"]) == {22} and set(sure["outcome"]) == {"assigned"}
    assert set(sure["strength"]) == {0.7} and set(result.links["cell"]) == {22}
    assert not result.nodes.loc[result.nodes["name"] != 3, "final"].eq(0).any()


def tube_with_numbers(number, steps=range(4, 14), radius=5, **columns):
    """A tube on the body of cell 11 that three dimensions found to be another cell, numbered slice by slice."""
    scene = two_cells(left=(0, 4), right=(0, 4))
    scene.add(3, lambda z: disc(20, 12, radius), steps)
    _, nodes, edges = scene.tables()
    new = np.where(nodes["name"] == 3, nodes["z"].map(number), 0)
    more = {name: nodes["z"].map(values) for name, values in columns.items()}
    result = link_pieces(nodes.assign(new=new, **more), edges, min_cell_voxels=300)
    return result.nodes[result.nodes["name"] == 3].sort_values("z")


def test_a_cell_that_three_dimensions_found_is_a_new_cell():
    found = tube_with_numbers(lambda z: number_in_volume(1, 0))
    assert set(found["outcome"]) == {"new_cell"} and found["final"].nunique() == 1
    assert found["final"].min() > 22
    plain = tube_with_numbers(lambda z: 0)
    assert set(plain["final"]) == {11}


def test_two_numbers_within_a_gap_are_two_cells_and_meet_between_gaps():
    apart = tube_with_numbers(lambda z: number_in_volume(1 + (z > 8), 0))
    assert apart["final"].nunique() == 2 and set(apart["outcome"]) == {"new_cell"}
    one = tube_with_numbers(lambda z: number_in_volume(1, 0 if z <= 8 else 9))
    assert one["final"].nunique() == 1
    told = tube_with_numbers(lambda z: number_in_volume(1, 0), apart=lambda z: int(z > 8))
    assert told["final"].nunique() == 2


def test_what_is_too_small_for_a_new_cell_is_linked_like_any_piece():
    assert set(tube_with_numbers(lambda z: number_in_volume(1, 0), range(4, 7))["final"]) == {11}


@pytest.mark.parametrize("confidence, traced", [(0.3, True), (0.3, False)])
def test_an_unsure_id_is_evidence_for_paths_whatever_it_was_found_by(confidence, traced):
    found, _ = traced_tube(confidence, traced)
    plain, _ = traced_tube(0.3, False)
    assert found["final"].tolist() == plain["final"].tolist() != [22] * len(found)
