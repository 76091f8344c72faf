"""What figures, surfaces and pages of the viewer are drawn from."""

import pytest
from asked import files, slabs, spec
from tiny_plan import make_config, make_plan, plan_with_bad_slices, plan_without_cells, two_volumes
from ultraseg.jobs.figures import Figures
from ultraseg.jobs.whole_run import whole_image
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan

ALL = list(range(6))


def only_b(folder):
    """Networks are applied to volume b alone."""
    return Plan(load_config(two_volumes(folder, apply_to=["b"])))


def test_the_figures_of_a_volume_read_the_slabs_of_what_they_show(tmp_path):
    plan = make_plan(tmp_path)
    plan.config["report"]["montage_slices"] = 3
    found, told = files(plan, "figures"), spec(plan, "figures")
    depth, last = plan.volumes["a"].slab_depth, plan.volumes["a"].shape[0] - 1
    assert told.montage == [0, round(last / 2), last]
    shown = sorted({z // depth for z in told.montage})
    assert slabs(found["image"], "image.zarr/0") == shown != ALL and len(found["final"]) == 3 * len(shown)
    assert found["coverage"] == [f"results/a/work/labels/{s}.csv" for s in ("cells", "nuclei", "membrane")]
    assert (found["metrics"], found["cells"]) == ("results/a/metrics.csv", "results/a/tables/cells.parquet")
    assert found["links"] == ["results/a/tables/links.parquet"]
    assert told.kinds == {"cells": "cells", "nuclei": "organelle", "membrane": "mask"}


def test_cells_are_shown_in_3d_at_a_small_level_and_else_the_first_structure(tmp_path):
    plan = make_plan(tmp_path)
    level = plan.volumes["a"].view_level
    assert slabs(files(plan, "figures")["small"], f"image.zarr/labels/cells/{level}") == ALL
    plan = plan_without_cells(tmp_path)
    assert slabs(files(plan, "figures")["small"], "image.zarr/labels/nuclei/0") == ALL
    assert files(plan, "figures")["links"] == []


def test_a_volume_that_only_trains_can_still_be_drawn(tmp_path):
    plan = only_b(tmp_path)
    assert files(plan, "figures")["small"] == [] and spec(plan, "figures").shown_in_3d is None
    assert Figures.each(plan, "a") == [] and len(Figures.each(plan, "b")) == 1


def test_one_cell_is_drawn_from_all_structures_at_one_level(tmp_path):
    plan = plan_with_bad_slices(tmp_path)
    found, told = files(plan, "figure_cell"), spec(plan, "figure_cell")
    assert slabs(found["labels"][:6], f"image.zarr/labels/cells/{told.level}") == ALL
    assert len(found["labels"]) == 3 * 6 and slabs(found["pieces"], "work/pieces") == ALL
    assert found["nodes"] == "results/a/work/link/nodes.parquet"
    assert told.level == plan.volumes["a"].measure_level and told.replaced[7] == 6


def test_without_cells_the_table_alone_is_read(tmp_path):
    plan = plan_without_cells(tmp_path)
    assert files(plan, "figure_cell") == {"cells": "results/a/tables/cells.parquet"}
    assert spec(plan, "figure_cell").downsample == 1


def test_examples_of_links_are_cut_out_of_the_volume(tmp_path):
    found = files(make_plan(tmp_path), "figure_links")
    assert slabs(found["image"], "image.zarr/0") == ALL
    assert slabs(found["final"], "image.zarr/labels/cells/0") == ALL
    assert slabs(found["pieces"], "work/pieces") == ALL
    assert (found["nodes"], found["links"]) == (
        "results/a/work/link/nodes.parquet",
        "results/a/tables/links.parquet",
    )


@pytest.mark.parametrize("downsample, level, factor", [(1, 0, 1), (2, 1, 2), (4, 2, 4), (8, 2, 4)])
def test_links_in_three_dimensions_are_shown_about_as_coarse_as_pieces(tmp_path, downsample, level, factor):
    config = make_config(tmp_path, pyramid_levels=3)
    config["networks"]["context"]["downsample"] = downsample
    plan = Plan(load_config(config))
    told, found = spec(plan, "figure_links"), files(plan, "figure_links")
    assert (told.level, told.factor[1:]) == (level, (factor, factor)) and told.downsample == downsample
    assert slabs(found["coarse"], f"image.zarr/labels/cells/{level}") == (ALL if level else [])


def test_learning_curves_are_drawn_from_the_history(tmp_path):
    plan = make_plan(tmp_path)
    assert files(plan, "learning_curves", network="detail") == {
        "history": "results/models/detail.history.csv"
    }


def test_a_figure_costs_the_slices_that_it_shows(tmp_path):
    plan = make_plan(tmp_path)
    told = spec(plan, "figures")
    assert told.pixels(plan) == (len(told.montage) * 24 * 40, 24 * 40)
    cell, links = spec(plan, "figure_cell").cost(plan), spec(plan, "figure_links").cost(plan)
    assert cell.seconds == told.cost(plan).seconds and cell.mem_mb == links.mem_mb == 750


@pytest.mark.parametrize("structure, is_cells", [("cells", True), ("nuclei", False)])
def test_surfaces_are_made_from_the_whole_image_and_its_tables(tmp_path, structure, is_cells):
    plan = make_plan(tmp_path, meshes={"max_voxels": 2_000_000})
    found = files(plan, "meshes_structure", structure=structure)
    assert found["image"] == whole_image(plan, "a")
    assert found["tables"] == [f"results/a/tables/{name}.parquet" for name in ("cells", "organelles")]
    told = spec(plan, "meshes_structure", structure=structure)
    assert (told.is_cells, told.max_voxels) == (is_cells, 2_000_000)
    assert told.cost(plan).mem_mb == pytest.approx(500 + 2 * 43)


def test_the_viewer_shows_the_whole_image_with_its_networks(tmp_path):
    plan = make_plan(tmp_path)
    found = files(plan, "viewer_files")
    assert found["image"] == whole_image(plan, "a")
    assert found["cards"] == ["results/models/context.json", "results/models/detail.json"]
    names = ("cells", "organelles", "protrusions", "links", "label_next")
    assert found["tables"] == [f"results/a/tables/{name}.parquet" for name in names]
    assert found["nodes"] == "results/a/work/link/nodes.parquet"
    assert slabs(found["pieces"], "work/pieces") == [0, 1, 2, 3, 4, 5]
    assert found["propagated"] == [f"results/a/work/propagated/{gap.name}.h5" for gap in plan.gaps("a")]


def test_the_viewer_of_a_volume_without_cells_has_neither_links_nor_doubt(tmp_path):
    found = files(plan_without_cells(tmp_path), "viewer_files")
    assert {*found} == {"image", "tables", "cards"} and len(found["tables"]) == 3
