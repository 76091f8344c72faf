"""What each rule reads: exactly the slabs that hold the slices it needs."""

from types import SimpleNamespace

import pytest
from tiny_plan import make_config, two_volumes
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan
from ultraseg.plan.rule_inputs import Asks

# 21 slices in slabs of 4: 0-3, 4-7, 8-11, 12-15, 16-19, 20.


def wc(**wildcards):
    return SimpleNamespace(volume="a", **{key: str(value) for key, value in wildcards.items()})


@pytest.fixture
def asks(tmp_path):
    return Asks(Plan(load_config(make_config(tmp_path))))


def asks_with(folder, test=(10,), **changes):
    config = make_config(folder, **changes)
    config["networks"]["context"]["test"] = list(test)
    return Asks(Plan(load_config(config)))


def slabs(files, array):
    """Numbers of the slabs that the files are, which all belong to one array."""
    folder = f"results/a/{array}/"
    assert all(file.startswith(folder) for file in files)
    assert len(files) == len(set(files))
    chunks = [file.removeprefix(folder) for file in files]
    assert len({chunk.count("/") for chunk in chunks}) <= 1
    return [int(chunk.split("/")[1]) for chunk in chunks]


@pytest.mark.parametrize(
    "context, slab, expected",
    [
        (0, 0, [0]),
        (0, 3, [3]),
        (1, 0, [0, 1]),
        (1, 3, [2, 3, 4]),
        (1, 5, [4, 5]),
        (4, 2, [1, 2, 3]),
        (4, 4, [3, 4, 5]),
    ],
)
def test_predict_reads_neighbours_as_far_as_the_network_sees(tmp_path, context, slab, expected):
    config = make_config(tmp_path)
    config["networks"]["detail"]["z_context"] = context
    asks = Asks(Plan(load_config(config)))
    assert slabs(asks.predict(wc(slab=slab, network="detail")), "image.zarr/0") == expected


def test_predict_reads_over_several_slabs_when_these_are_thin(tmp_path):
    config = make_config(tmp_path, slab_depth=1)
    config["networks"]["detail"]["z_context"] = 2
    asks = Asks(Plan(load_config(config)))
    assert slabs(asks.predict(wc(slab=9, network="detail")), "image.zarr/0") == [7, 8, 9, 10, 11]
    assert slabs(asks.predict(wc(slab=0, network="detail")), "image.zarr/0") == [0, 1, 2]


@pytest.mark.parametrize("slab, expected", [(0, [0, 1]), (2, [2, 3]), (4, [4, 5]), (5, [5])])
def test_flow_reads_the_first_slice_of_the_next_slab(asks, slab, expected):
    assert slabs(asks.flow(wc(slab=slab)), "image.zarr/0") == expected


@pytest.mark.parametrize("max_gap", [0, 1, 3])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_edges_read_as_far_as_a_link_reaches(tmp_path, max_gap, depth):
    asks = Asks(Plan(load_config(make_config(tmp_path, slab_depth=depth, link={"max_gap": max_gap}))))
    for slab in asks.plan.volumes["a"].slabs:
        start, stop = slab * depth, min(slab * depth + depth, 21)
        pieces = {z // depth for z in range(start, min(stop + 1 + max_gap, 21))}
        # The flow at z leads to z + 1: none is needed at the last slice read.
        flow = {z // depth for z in range(start, max(min(stop + max_gap, 20), start + 1))}
        assert set(slabs(asks.edges(wc(slab=slab)), "work/pieces")) == pieces
        assert set(slabs(asks.edges_flow(wc(slab=slab)), "work/flow")) >= flow
        assert set(slabs(asks.edges_flow(wc(slab=slab)), "work/flow")) <= flow | pieces


def test_ingest_reads_its_own_slices_only(asks, tmp_path):
    assert asks.ingest(wc(slab=1)) == [str(tmp_path / "image" / f"z{z:04d}.tif") for z in (4, 5, 6, 7)]
    assert asks.ingest(wc(slab=5)) == [str(tmp_path / "image" / "z0020.tif")]


# ---- training
def test_tiles_never_read_around_a_test_slice(tmp_path):
    asks = asks_with(
        tmp_path, test=(10,)
    )  # slices 9 to 11 lie in slab 2; slice 5 and 15 need 1 and 3 (14 to 16: 4)
    assert slabs(asks.tile_images(wc(network="context")), "image.zarr/0") == [0, 1, 3, 4, 5]


def test_tiles_read_labels_of_their_structures_only(asks):
    folder = "results/a/work/labels"
    assert asks.tile_labels(wc(network="context")) == [f"{folder}/nuclei.h5", f"{folder}/cells.h5"]
    assert asks.tile_labels(wc(network="detail")) == [f"{folder}/membrane.h5"]


def test_tiles_read_only_volumes_that_train(tmp_path):
    asks = Asks(Plan(load_config(two_volumes(tmp_path))))
    files = asks.tile_images(wc(network="context")) + asks.tile_labels(wc(network="context"))
    assert files and not [file for file in files if file.startswith("results/b")]


# ---- cells
@pytest.mark.parametrize(
    "gap, image, flow",
    [
        ("00000-00005", [0, 1], [0, 1]),
        ("00005-00010", [1, 2], [1, 2]),
        ("00015-00020", [3, 4, 5], [3, 4]),  # flow from slice 20 leads nowhere
    ],
)
def test_a_gap_reads_its_slices(asks, gap, image, flow):
    assert slabs(asks.gap_images(wc(gap=gap)), "image.zarr/0") == image
    assert slabs(asks.gap_probability(wc(gap=gap)), "work/probability/context") == image
    assert slabs(asks.gap_flow(wc(gap=gap)), "work/flow") == flow


def test_the_gap_of_a_held_out_slice_reads_past_it(tmp_path):
    asks = asks_with(tmp_path, test=(10,))
    assert "results/a/work/propagated/00005-00015.h5" in asks.left_out(wc())
    assert slabs(asks.gap_images(wc(gap="00005-00015")), "image.zarr/0") == [1, 2, 3]


def test_a_stack_of_one_slice_has_one_gap(tmp_path):
    config = make_config(tmp_path, n_slices=1, labelled=(0,))
    asks = Asks(Plan(load_config(config)))
    gap = asks.plan.gaps("a")[0]
    assert gap.name == "00000-00000x"  # the same slice, but only its near end is labelled
    assert slabs(asks.gap_flow(wc(gap=gap.name)), "work/flow") == [0]
    assert slabs(asks.flow(wc(slab=0)), "image.zarr/0") == [0]
    assert slabs(asks.edges_flow(wc(slab=0)), "work/flow") == [0]


def test_a_slab_reads_the_gaps_it_lies_in(asks):
    folder = "results/a/work/propagated"
    assert asks.slab_gaps(wc(slab=0)) == [f"{folder}/00000-00005.h5"]
    assert asks.slab_gaps(wc(slab=1)) == [f"{folder}/00000-00005.h5", f"{folder}/00005-00010.h5"]
    assert asks.slab_gaps(wc(slab=5)) == [f"{folder}/00015-00020.h5"]


def test_cells_read_their_network(asks):
    files = asks.cells_probability(wc(slab=5))
    assert files == ["results/a/work/probability/context/c/5/0/0/0"]
    assert asks.slab_probability(wc(slab=5, structure="nuclei")) == files
    assert slabs(asks.slab_probability(wc(slab=2, structure="membrane")), "work/probability/detail") == [2]
    assert asks.slab_pieces(wc(slab=2)) == ["results/a/work/pieces/c/2/0/0"]
    assert asks.all_slabs(wc(), "x/{slab}.p") == [f"results/a/x/{s}.p" for s in range(6)]


# ---- final labels
def test_measuring_reads_the_face_of_the_next_slab(asks):
    files = asks.measure_slab(wc(slab=1))
    assert files == [
        f"results/a/image.zarr/labels/{s}/0/{f}"
        for s in ("cells", "nuclei", "membrane")
        for f in ("c/1/0/0", "c/2/0/0")
    ]
    assert not [file for file in asks.measure_slab(wc(slab=5)) if "c/6/" in file]
    assert len(asks.all_final(wc())) == 3 * 6


def test_truth_is_read_for_what_is_predicted(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"]["truth"] = {"cells": "cells", "protrusions": "nuclei"}
    asks = Asks(Plan(load_config(config)))
    numbers = [f"z{z:04d}.tif" for z in (0, 5, 10, 15, 20)]
    assert asks.truth(wc()) == [str(tmp_path / d / n) for d in ("cells", "nuclei") for n in numbers]


def test_without_cells_nothing_of_them_is_asked_for(tmp_path):
    config = make_config(tmp_path)
    del config["structures"]["cells"], config["volumes"]["a"]["labels"]["cells"]
    config["networks"]["context"]["structures"] = ["nuclei"]
    asks = Asks(Plan(load_config(config)))
    assert asks.left_out(wc()) == [] and asks.link_tables(wc()) == {}
    assert slabs(asks.smallest_cells(wc()), "image.zarr/labels/nuclei/0") == list(range(6))


def test_tables_of_labels(asks):
    assert asks.coverage(wc()) == [f"results/a/work/labels/{s}.csv" for s in ("cells", "nuclei", "membrane")]
    assert asks.cell_labels(wc()) == ["results/a/work/labels/cells.h5"]
    assert asks.link_tables(wc())["nodes"] == "results/a/work/link/nodes.parquet"


def test_a_volume_that_only_trains_can_still_be_drawn(tmp_path):
    asks = Asks(Plan(load_config(two_volumes(tmp_path, apply_to=["b"]))))
    assert asks.smallest_cells(wc()) == []


def test_the_whole_image_is_every_file_of_its_arrays(asks):
    files = asks.whole_image("a")
    arrays = [name for name, spec in asks.plan.arrays("a").items() if name.startswith("image.zarr")]
    levels = [name for name in arrays if "shape" in asks.plan.arrays("a")[name]]
    expected = {f"results/a/{name}/zarr.json" for name in arrays}
    expected |= {f"results/a/{name}/c/{slab}/0/0" for name in levels for slab in range(6)}
    assert len(files) == len(set(files)) and set(files) == expected


def test_every_intermediate_array_is_asked_for_with_what_describes_it(asks):
    files = asks.whole_work("a")
    for array, ndim in (("probability/context", 4), ("probability/detail", 4), ("flow", 4), ("pieces", 3)):
        slabs = [f"c/{slab}" + "/0" * (ndim - 1) for slab in range(6)]
        assert {f"results/a/work/{array}/{file}" for file in ("zarr.json", *slabs)} <= set(files)
    assert len(files) == len(set(files))


# ---- bad slices: slabs 0-3, 4-7, 8-11, 12-15, 16-19, 20
@pytest.fixture
def stepping(tmp_path):
    """Slices 3, 4 and 7 to 12 are bad: slab 2 has no good slice."""
    config = make_config(tmp_path)
    config["volumes"]["a"]["bad_slices"] = [3, 4, 7, 8, 9, 10, 11, 12]
    config["networks"]["detail"]["z_context"] = 1
    return Asks(Plan(load_config(config)))


def test_prediction_reads_the_slabs_of_good_neighbours(stepping):
    assert stepping.predict_window(wc(slab=0, network="detail")) == ([0, 0, 1, 2, 5], [0, 1, 2, 2])
    assert slabs(stepping.predict(wc(slab=0, network="detail")), "image.zarr/0") == [0, 1]
    # Slice 4 shows slice 5, which sees 2 and 6; 7 shows 6.
    assert stepping.predict_window(wc(slab=1, network="detail")) == ([2, 5, 6, 13], [0, 0, 1, 1])
    assert slabs(stepping.predict(wc(slab=1, network="detail")), "image.zarr/0") == [0, 1, 3]
    # Of a slab without a good slice the near ones show the slice before, the others the one after.
    assert stepping.predict_window(wc(slab=2, network="detail")) == ([5, 6, 13, 14], [0, 0, 1, 1])
    assert slabs(stepping.predict(wc(slab=2, network="detail")), "image.zarr/0") == [1, 3]


def test_flow_and_links_reach_the_next_good_slice(stepping):
    assert [stepping.flow_walk(wc(slab=s)) for s in (0, 1, 2)] == [[0, 1, 2, 5], [5, 6, 13], []]
    assert slabs(stepping.flow(wc(slab=1)), "image.zarr/0") == [1, 3]
    assert stepping.flow(wc(slab=2)) == []
    assert stepping.edges_walk(wc(slab=1)) == [5, 6, 13, 14]
    assert slabs(stepping.edges(wc(slab=1)), "work/pieces") == [1, 3]
    assert slabs(stepping.edges_flow(wc(slab=1)), "work/flow") == [1, 3]


def test_a_gap_and_the_final_cells_read_good_slices_only(stepping):
    # The label on slice 10 is not used.
    assert stepping.gap_walk(wc(gap="00005-00015")) == [5, 6, 13, 14, 15]
    assert slabs(stepping.gap_images(wc(gap="00005-00015")), "image.zarr/0") == [1, 3]
    assert stepping.slab_stand_ins(wc(slab=2)) == [6, 6, 13, 13]
    assert slabs(stepping.slab_pieces(wc(slab=2)), "work/pieces") == [1, 3]


def test_training_sees_good_slices_only(stepping):
    contexts = stepping.plan.contexts("context", "a")
    assert 10 not in contexts and contexts[5] == [2, 5, 6]


def test_slices_are_compared_with_the_good_one_before(stepping):
    assert stepping.quality_references(wc(slab=1)) == {4: 2, 5: 2, 6: 5, 7: 6}
    assert slabs(stepping.quality_slab(wc(slab=1)), "image.zarr/0") == [0, 1]
    assert slabs(stepping.quality_slab(wc(slab=0)), "image.zarr/0") == [0]


def test_ids_of_partly_labelled_slices_come_from_the_neighbouring_gaps(tmp_path):
    config = make_config(tmp_path)  # labelled on 0, 5, 10, 15, 20
    config["networks"]["context"]["test"] = [10]
    config["volumes"]["a"]["labels"]["cells"] = {"path": "cells", "region": {"y": [0, 8]}}
    partial = Asks(Plan(load_config(config)))
    whole = asks_with(tmp_path)
    carried = "results/a/work/carried/{}.h5".format
    gap = wc(gap="00005-00010")
    assert whole.carried_up(gap) == whole.carried_down(gap) == []
    assert partial.carried_up(gap) == [carried("00000-00005.up")]
    assert partial.carried_down(gap) == [carried("00010-00015.down")]
    # The held-out slice 10 lends nothing to the gap that leaves it out.
    held_out = wc(gap="00005-00015")
    assert partial.carried_up(held_out) == [carried("00000-00005.up")]
    assert partial.carried_down(held_out) == [carried("00015-00020.down")]
    upwards = wc(gap="00005-00010", direction="up")
    assert partial.carried_up(upwards) == [carried("00000-00005.up")] and partial.carried_down(upwards) == []
    assert partial.carried_up(wc(gap="00000-00005")) == []


def test_numbering_is_checked_on_some_slices_with_both_neighbours(asks):
    cells = wc(structure="cells")
    assert asks.fitted_slices(cells) == [0, 5, 10, 15, 20]
    assert slabs(asks.label_images(cells), "image.zarr/0") == [0, 1, 2, 3, 4, 5]
    assert "results/a/work/labels/membrane.fit.csv" in asks.fits("a")


def test_of_many_labelled_slices_only_a_dozen_is_compared_with_the_image(tmp_path):
    asks = Asks(Plan(load_config(make_config(tmp_path, n_slices=60, labelled=range(50)))))
    chosen = asks.fitted_slices(wc(structure="cells"))
    assert len(chosen) <= 12 and chosen[0] == 0 and chosen[-1] >= 40
