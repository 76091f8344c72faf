"""Only what changed is made again: each test asks a finished run what a second one would do."""

import os
import re
import shutil
import time
from contextlib import contextmanager

import pytest
import tifffile
from conftest import tiny_config

pytestmark = pytest.mark.xdist_group("finished")

# What reads the final cells, directly or not.
AFTER_CELLS = {"measure_slab", "measure", "evaluate", "figures", "report"}


@contextmanager
def restored(*files):
    """Undo what happens to files, times included."""
    copies = [(file, f"{file}.kept") for file in map(str, files)]
    for file, kept in copies:
        shutil.copy2(file, kept)
    try:
        yield
    finally:
        for file, kept in copies:
            os.replace(kept, file)


def test_second_run_has_nothing_to_do(finished_run):
    assert "Nothing to be done" in finished_run.snakemake("--dry-run")


def test_linking_parameter_reruns_linking_and_what_follows(finished_run):
    with restored(finished_run.folder / "config.yaml"):
        finished_run.write_config(tiny_config(finished_run.data, link={"min_strength": 0.35}))
        planned = finished_run.planned()
    assert set(planned) == {"link", "link_relabel"} | AFTER_CELLS


def test_propagation_parameter_leaves_networks_alone(finished_run):
    with restored(finished_run.folder / "config.yaml"):
        finished_run.write_config(tiny_config(finished_run.data, propagate={"decay": 0.8}))
        planned = finished_run.planned()
    assert {"propagate", "cells", "link_edges", "link", "link_relabel"} <= set(planned)
    assert not {"ingest", "labels", "tiles", "train", "predict", "flow", "objects"} & set(planned)


def test_deleted_slab_of_maps_remakes_it_and_what_depends_on_it(finished_run):
    slab = finished_run.results / "tiny/work/probability/detail/c/1/0/0/0"
    with restored(slab):
        slab.unlink()
        planned = finished_run.planned()
    assert planned.pop("predict") == 1
    assert planned.pop("objects_label") == 1  # of three slabs
    assert set(planned) == {"objects_merge", "objects"} | AFTER_CELLS


def test_deleted_final_slab_is_made_alone(finished_run):
    slab = finished_run.results / "tiny/image.zarr/labels/mitochondria/0/c/2/0/0"
    with restored(slab):
        slab.unlink()
        planned = finished_run.planned()
    assert planned["objects"] == 1
    assert set(planned) == {"objects"} | AFTER_CELLS


def test_changed_tiff_reruns_the_chain_of_its_slab(finished_run):
    file = finished_run.data / "image/z0009.tif"  # slab 1; not near a labelled training slice's slab only
    with restored(file):
        image = tifffile.imread(file)
        time.sleep(0.01)
        tifffile.imwrite(file, 255 - image)
        planned = finished_run.planned()
    assert planned["ingest"] == 1
    assert {"predict", "flow", "propagate", "cells", "link", "objects"} <= set(planned)
    assert "labels" not in planned


def test_rewritten_tiff_with_the_same_content_reruns_nothing(finished_run):
    file = finished_run.data / "image/z0009.tif"
    with restored(file):
        content = file.read_bytes()
        time.sleep(0.01)
        file.write_bytes(content)
        assert finished_run.planned() == {}


@pytest.mark.parametrize(
    ("module", "first"),
    [("link_graph", "link"), ("propagate", "propagate"), ("objects", "objects_merge"), ("metrics", "evaluate")],
)
def test_edited_module_reruns_its_step(finished_run, module, first):
    file = finished_run.code / f"workflow/ultraseg/{module}.py"
    with restored(file):
        file.write_text(file.read_text() + "\n_EDITED = 1\n")
        planned = finished_run.planned()
    assert first in planned
    assert not {"ingest", "tiles", "train", "predict"} & set(planned)


def test_comment_in_a_module_reruns_nothing(finished_run):
    file = finished_run.code / "workflow/ultraseg/link_graph.py"
    with restored(file):
        file.write_text(file.read_text() + "\n# a remark\n")
        assert finished_run.planned() == {}


def test_deleted_slab_is_made_again_and_is_the_same(finished_run):
    """Really runs: the slab comes back bit for bit, and afterwards nothing is left to do."""
    slab = finished_run.results / "tiny/image.zarr/labels/cells/0/c/1/0/0"
    before = slab.read_bytes()
    slab.unlink()
    finished_run.snakemake()
    assert slab.read_bytes() == before
    assert finished_run.planned() == {}


@pytest.mark.parametrize("view", ["--dag", "--rulegraph", "--summary"])
def test_views_of_the_plan_work(finished_run, view):
    text = finished_run.snakemake(view)
    assert re.search("digraph" if view != "--summary" else "results/report.zip", text)
