"""A finished run: its labels, tables, metrics and report agree with each other and with the input, and a second run
makes again only what changed. One file, so that one process makes the run and all tests share it.
"""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr
from chromium import chromium_page
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr_models.v05.image import Image
from ome_zarr_models.v05.image_label import ImageLabel
from report_page import ReportPage
from ultraseg.base.colours import id_colours
from ultraseg.evaluate.definitions import DEFINITIONS
from ultraseg.grid.paths import CHECKSUMS
from ultraseg.run.inputs import makers
from ultraseg.run.progress_state import read_run
from ultraseg.run.status import last_run, summary
from workflow_run import Run

LABELLED = [0, 4, 8, 12, 17]


@pytest.fixture(scope="module")
def volume(finished_run):
    return finished_run.results / "tiny"


@pytest.fixture(scope="module")
def cells(volume):
    return zarr.open_array(volume / "image.zarr/labels/cells/0", mode="r")[:]


def test_image_holds_the_slices_of_the_tiffs(volume, tissue):
    image = zarr.open_array(volume / "image.zarr/0", mode="r")[:]
    for z in range(len(image)):
        assert (image[z] == tifffile.imread(tissue / f"image/z{z:04d}.tif")).all()


def test_stores_are_valid_ome_zarr(volume):
    image = Image.from_zarr(zarr.open_group(volume / "image.zarr", mode="r"))
    scales = image.attributes.ome.multiscales[0]
    assert [axis.unit for axis in scales.axes] == ["nanometer"] * 3
    assert scales.datasets[0].coordinateTransformations[0].scale == [20, 16, 16]
    assert json.loads((volume / "image.zarr/labels/zarr.json").read_text())["attributes"]["ome"][
        "labels"
    ] == [
        "cells",
        "mitochondria",
    ]
    for structure in ("cells", "mitochondria"):
        group = zarr.open_group(volume / f"image.zarr/labels/{structure}", mode="r")
        ImageLabel.from_zarr(group)
        assert group["0"].shape == (18, 96, 96)
        assert group["1"].shape[1:] == (48, 48)


def test_other_software_reads_the_stores(volume, cells, tissue):
    """The reference reader finds image and labels, their scale and their voxels, from the image's path alone."""
    image, listing, *labels = Reader(parse_url(volume / "image.zarr", mode="r"))()
    assert listing.zarr.zgroup["labels"] == ["cells", "mitochondria"]
    assert [label.metadata["name"] for label in labels] == ["cells", "mitochondria"]
    for node in (image, *labels):
        assert [axis["name"] for axis in node.metadata["axes"]] == ["z", "y", "x"]
        assert [level.shape for level in node.data] == [(18, 96, 96), (18, 48, 48)]
        scale, shift = node.metadata["coordinateTransformations"][1]
        assert scale == {"type": "scale", "scale": [20, 32, 32]}
        assert shift == {"type": "translation", "translation": [0, 8, 8]}
    assert (image.data[0][5].compute() == tifffile.imread(tissue / "image/z0005.tif")).all()
    assert (labels[0].data[0].compute() == cells).all()


def test_labelled_slices_keep_the_users_ids(cells, tissue):
    for z in LABELLED:
        assert (cells[z] == tifffile.imread(tissue / f"labels/cells/z{z:04d}.tif")).all()


def test_new_cells_get_higher_ids(cells, tissue):
    users = {
        int(i) for z in LABELLED for i in np.unique(tifffile.imread(tissue / f"labels/cells/z{z:04d}.tif"))
    }
    others = {int(i) for i in np.unique(cells)} - users
    assert all(i > max(users) for i in others)


def test_cell_table_counts_the_voxels_of_the_labels(volume, cells):
    table = pd.read_csv(volume / "tables/cells.csv")
    ids, counts = np.unique(cells[cells > 0], return_counts=True)
    assert table["cell"].tolist() == ids.tolist()
    assert table["voxels"].tolist() == counts.tolist()
    assert np.allclose(table["volume_um3"], counts * 20 * 16 * 16 / 1e9)


def test_organelle_table_counts_the_voxels_of_the_labels(volume):
    labels = zarr.open_array(volume / "image.zarr/labels/mitochondria/0", mode="r")[:]
    table = pd.read_parquet(volume / "tables/organelles.parquet")
    ids, counts = np.unique(labels[labels > 0], return_counts=True)
    assert table["id"].tolist() == ids.tolist() == list(range(1, len(ids) + 1))
    assert table["voxels"].tolist() == counts.tolist()


def test_cells_touch_where_their_voxels_do(volume, cells):
    table = pd.read_csv(volume / "tables/contacts.csv")
    pairs = set()
    for axis in range(3):
        a, b = np.moveaxis(cells, axis, 0)[:-1], np.moveaxis(cells, axis, 0)[1:]
        meet = (a != b) & (a > 0) & (b > 0)
        pairs |= {(min(p), max(p)) for p in zip(a[meet].tolist(), b[meet].tolist(), strict=True)}
    assert len(pairs) > 3
    assert set(zip(table["cell"], table["neighbour"], strict=True)) == pairs


def test_organelles_lie_within_their_cells(volume):
    table = pd.read_csv(volume / "tables/organelles.csv")
    inside = table[table["cell"] > 0]
    assert len(inside) and inside["membrane_distance_um"].between(0, 1).all()
    assert table.loc[table["cell"] == 0, "membrane_distance_um"].isna().all()


def test_csv_and_parquet_hold_the_same_tables(volume):
    for name in ("cells", "organelles", "protrusions", "courses", "links", "meetings", "label_next"):
        text, binary = (
            pd.read_csv(volume / f"tables/{name}.csv"),
            pd.read_parquet(volume / f"tables/{name}.parquet"),
        )
        assert list(text.columns) == list(binary.columns)
        assert len(text) == len(binary)


def test_protrusions_run_through_their_cells_from_where_they_leave_the_body(volume, cells):
    protrusions, courses = (
        pd.read_parquet(volume / f"tables/{name}.parquet") for name in ("protrusions", "courses")
    )
    assert len(protrusions) and set(courses["protrusion"]) == set(protrusions["protrusion"])
    places = np.rint(courses[["z", "y", "x"]].to_numpy()).astype(int)
    assert (cells[tuple(places.T)] == courses["cell"]).mean() > 0.8
    assert (protrusions["probability"] >= protrusions["strength"] - 1e-9).all()


def test_every_fragment_has_an_outcome(volume, cells):
    links = pd.read_csv(volume / "tables/links.csv")
    unassigned = {f"unassigned_{reason}" for reason in ("weak", "ambiguous", "left_out")}
    assert set(links["outcome"]) <= {"assigned", "new_cell", *unassigned}
    assert (links.loc[links["outcome"].str.startswith("unassigned"), "cell"] == 0).all()
    assert (links.loc[links["outcome"] == "assigned", "cell"] > 0).all()


def test_the_summary_names_the_slices_to_label_next(volume):
    table = pd.read_parquet(volume / "tables/label_next.parquet")
    assert set(table["z"]) == set(range(18)) - set(LABELLED)
    advised = table[table["rank"].notna()]
    assert advised["rank"].tolist() == list(range(1, len(advised) + 1)) and advised["relief_um3"].min() > 0
    first = ", ".join(f"{z} (z{z:04d}.tif)" for z in advised["z"][:3])
    assert f"Slices to label next, the most helpful first: {first}." in (volume / "summary.txt").read_text()


def test_metrics_agree_with_scores_from_the_arrays(volume, cells, tissue):
    metrics = pd.read_csv(volume / "metrics.csv")
    assert list(metrics.columns) == ["structure", "metric", "split", "value", "n_slices"]
    truth = tifffile.imread(tissue / "truth/cells.tif")
    rest = [z for z in range(18) if z not in LABELLED]
    scores = []
    for cell in np.unique(truth[truth > 0]):
        if (truth == cell).sum() >= 2400:
            for z in rest:
                true, found = truth[z] == cell, cells[z] == cell
                if true.any():
                    scores.append(2 * (true & found).sum() / (true.sum() + found.sum()))
    row = metrics.query("structure == 'cells' and metric == 'dice' and split == 'truth'")
    assert row["value"].item() == pytest.approx(np.mean(scores), abs=1e-6)  # rounded to six digits
    assert row["n_slices"].item() == len(rest)
    # The slice that no network saw and no id was carried from.
    assert (
        metrics.query("structure == 'cells' and split == 'test' and metric == 'dice'")["n_slices"] == 1
    ).all()


def test_cells_between_the_labelled_slices_are_the_right_ones(cells, tissue):
    truth = tifffile.imread(tissue / "truth/cells.tif")
    rest = [z for z in range(18) if z not in LABELLED]
    right = np.mean([(cells[z] == truth[z])[truth[z] > 0].mean() for z in rest])
    assert right > 0.9


def test_models_come_with_history_and_card(finished_run):
    for network in ("context", "detail"):
        card = json.loads((finished_run.results / f"models/{network}.json").read_text())
        history = pd.read_csv(finished_run.results / f"models/{network}.history.csv")
        assert len(history) == 8
        assert 1 <= card["best_epoch"] <= 8
        split = card["slices"]["tiny"]
        assert sorted(map(int, split)) == LABELLED
        assert sorted(split.values()) == ["test", "train", "train", "train", "validation"]
        assert all(0 < value < 1 for value in card["thresholds"].values())


browser = pytest.fixture(scope="module")(chromium_page)


@pytest.fixture(scope="module")
def report(finished_run, tmp_path_factory):
    """The folder of the unpacked report."""
    folder = tmp_path_factory.mktemp("report")
    with zipfile.ZipFile(finished_run.results / "report.zip") as packed:
        packed.extractall(folder)
    return folder / "report"


def test_report_is_small_and_holds_all_figures_and_pages(finished_run, report):
    assert (finished_run.results / "report.zip").stat().st_size < 20_000_000
    names = {file.name for file in report.rglob("*") if file.is_file()}
    figures = {
        "overlay.jpg",
        "raw.jpg",
        "rendering.png",
        "cell.png",
        "volumes.png",
        "links.png",
        "link_examples.jpg",
        "link_examples_3d.png",
        "label_next.png",
        "slices.png",
    }
    figures |= {"metrics.png", "distance.png", "labelled_slices.png"}
    figures |= {
        f"{n}.{figure}.png" for n in ("context", "detail") for figure in ("augmentation", "learning_curves")
    }
    pages = {"cells", "contacts", "organelles", "protrusions", "slices", "links", "accuracy", "run", "report"}
    pages |= {"meetings", "label_next"}
    assert names == figures | {f"{page}.html" for page in pages}


def test_all_of_the_report_can_be_clicked_offline(report, browser):
    page = ReportPage(browser, report)
    parts = page.categories()
    assert {*parts} == {"Networks", "Overview", "Volume tiny"}
    assert {*parts["Volume tiny"]} == {"Input", "Slices", "Cells", "Links", "Accuracy", "Tables"}
    seen = []
    for category, subcategories in parts.items():
        for subcategory in subcategories:
            page.home()
            page.click(category)
            if len(subcategories) > 1:
                page.click(subcategory)
            seen += [page.show(row) for row in page.rows()]
            if subcategory == "Slices":
                assert seen[-1].endswith("overlay.jpg")
                page.click("no")  # the toggle of the labels
                raw = browser.wait_for(lambda: (page.shown() or "").endswith("raw.jpg"), "raw slices")
                seen += [page.shown()] * raw
    shown = {file.rsplit("/", 1)[1] for file in seen}
    assert shown == {file.name for file in report.rglob("data/raw/*/*")}
    page.home()
    for name, content in (("Workflow", "#rulegraph"), ("Statistics", "#runtimes")):
        page.click(name)
        script = f'!!document.querySelector("{content} canvas, {content} svg")'
        browser.wait_for(lambda script=script: browser.evaluate(script), name)
    assert not browser.errors
    assert {url.split(":")[0] for url in browser.requests} <= {"file", "data"}


def test_tables_of_the_report_sort_and_have_the_colours_of_the_cells(report, browser, volume):
    browser.open(next(report.rglob("cells.html")).as_uri())
    browser.wait_for(lambda: browser.evaluate("document.readyState") == "complete", "the page")
    table = pd.read_csv(volume / "tables/cells.csv")
    cell = table["cell"].iloc[0]
    colour = browser.evaluate('getComputedStyle(document.querySelector("tbody i")).backgroundColor')
    assert colour == "rgb({}, {}, {})".format(*id_colours(np.array(cell)))
    read = "[...document.querySelectorAll('tbody tr')].map(row => +row.cells[0].dataset.value)"
    assert browser.evaluate(read) == table["cell"].tolist()
    head = "[...document.querySelectorAll('th')].find(head => head.textContent === 'volume um3').click()"
    for ascending in (True, False):
        browser.evaluate(head)
        wanted = table.sort_values("volume_um3", ascending=ascending, kind="stable")["volume_um3"].round(6)
        by_id = table.set_index("cell")["volume_um3"].round(6)
        assert by_id[browser.evaluate(read)].tolist() == wanted.tolist()
    assert not browser.errors


def test_report_tells_what_the_run_took_and_how_good_it_is(report, volume):
    run = next(report.rglob("run.html")).read_text()
    for words in ("link_relabel", "peak memory mb", "ai-edge-litert", "18 x 96 x 96 voxels", "epochs: 8"):
        assert words in run, words
    accuracy = next(report.rglob("accuracy.html")).read_text()
    metrics = pd.read_csv(volume / "metrics.csv")
    score = metrics.query("structure == 'cells' and metric == 'dice' and split == 'test'")["value"].item()
    assert f"{score:.4g}" in accuracy and DEFINITIONS["dice"] in accuracy


def test_viewer_is_made_as_plain_files(finished_run, volume, cells):
    finished_run.snakemake("viewer")
    state = json.loads((volume / "viewer/v/state.json").read_text())
    names = [layer["name"] for layer in state["layers"]]
    assert names[:3] == ["image", "cells", "mitochondria"]
    assert {*names[3:]} == {"doubt in ids", "protrusions", "links left alone", "links decided", "label next"}
    colours = state["layers"][1]["segmentColors"]
    assert {*map(int, colours)} == {*np.unique(cells)} - {0}
    assert "segmentColors" not in state["layers"][2]
    largest = state["layers"][1]["segments"][0]
    assert (volume / f"viewer/mesh/cells/{largest}.mesh").stat().st_size > 1000
    assert "view.html" in (volume / "viewer/index.html").read_text()
    scripts = re.findall(r'src="([^"]+)"', (volume / "viewer/v/view.html").read_text())
    assert len(scripts) > 4 and all((volume / "viewer/v" / script).stat().st_size for script in scripts)


def test_meshes_are_closed_surfaces_of_every_cell(finished_run, volume):
    finished_run.snakemake("meshes")
    cells = pd.read_csv(volume / "tables/cells.csv")
    files = sorted(int(file.stem) for file in (volume / "meshes/cells").glob("*.ply"))
    assert files == cells["cell"].tolist()
    assert (volume / "meshes/cells/precomputed/info").exists()


def test_status_tells_that_the_run_has_finished(finished_run):
    files = sorted((finished_run.folder / "logs/runs").glob("*.jsonl"))
    state = read_run(files[0])
    assert state.done == state.jobs > 40
    stages = list(dict.fromkeys(state.stages.values()))
    wanted = ["layout", "ingest", "labels", "train", "predict", "propagate", "link", "report"]
    assert [stage for stage in stages if stage in wanted] == wanted
    assert state.total["ingest"] == 3 and state.epochs == {"context": 8, "detail": 8}
    text = summary(last_run(finished_run.folder), time.time())
    assert text.startswith("Finished.") and "(100 %)" in text


def test_every_job_says_what_it_read_wrote_and_how_long_it_took(finished_run):
    logs = [file for file in (finished_run.folder / "logs").rglob("*.log")]
    assert len(logs) > 40
    for file in logs:
        text = file.read_text()
        assert "reads" in text and "wrote" in text and "took" in text, file


# ---------------------------------------------------------------- what a second run would do
# What reads the final cells, directly or not.
AFTER_CELLS = {"measure_slab", "measure", "evaluate", "figures", "figure_cell"}
AFTER_CELLS |= {"report_tables", "report_run", "report"}
# What reads the decisions of linking.
AFTER_LINKS = AFTER_CELLS | {"figure_links", "label_next"}


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
        finished_run.write_config(finished_run.config | {"link": {"min_strength": 0.5}})
        planned = finished_run.planned()
    assert set(planned) == {"link", "link_relabel"} | AFTER_LINKS


def test_propagation_parameter_leaves_networks_alone(finished_run):
    with restored(finished_run.folder / "config.yaml"):
        finished_run.write_config(finished_run.config | {"propagate": {"method": "flow", "decay": 0.8}})
        planned = finished_run.planned()
    assert {"propagate", "cells", "link_edges", "link", "link_relabel"} <= set(planned)
    assert not {"ingest", "labels", "tiles", "train", "predict", "flow", "objects"} & set(planned)


def test_proofread_cells_rerun_propagation_and_what_follows(finished_run, volume):
    """Also when a slice of them was labelled before, and for training."""
    config = copy.deepcopy(finished_run.config)
    config["volumes"]["tiny"]["corrections"] = "corrections"
    with restored(finished_run.folder / "config.yaml"):
        finished_run.write_config(config)
        assert set(finished_run.planned()) <= {"report_run", "report"}  # which tell the configuration
        proofread = [sys.executable, "-m", "ultraseg.cli.main", "proofread"]
        own_code = os.environ | {"PYTHONPATH": str(finished_run.code / "workflow")}
        common = ["--configfile", "config.yaml", "--directory", "."]
        export = [*proofread, "export", *common, "--slices", "8-9"]
        subprocess.run(export, cwd=finished_run.folder, check=True, capture_output=True, env=own_code)
        file = finished_run.folder / "proofread/tiny/cells.tif"
        labels = tifffile.imread(file).astype(np.uint16)
        labels[:, 10:20, 10:20] = 500
        tifffile.imwrite(file, labels, photometric="minisblack")
        done = subprocess.run(
            [*proofread, "import", *common],
            cwd=finished_run.folder,
            check=True,
            capture_output=True,
            text=True,
            env=own_code,
        )
        assert "cells: slice(s) 8-9" in done.stdout
        planned = finished_run.planned()
        shutil.rmtree(finished_run.folder / "corrections")
    assert (
        set(planned)
        == {"labels_corrected", "propagate", "cells", "link_edges", "link", "link_relabel"} | AFTER_LINKS
    )


def test_edits_of_cells_rerun_linking_alone_and_reach_every_slice(finished_run, cells, tmp_path):
    """Two cells become one and one becomes two, in the slices between the labelled ones as in these."""
    keep, gone, cut = sorted(np.unique(cells[4]))[1:4]
    config = copy.deepcopy(finished_run.config)
    config["volumes"]["tiny"]["cell_edits"] = str(tmp_path / "edits.yaml")
    edits = f"- merge: [{keep}, {gone}]  # by hand\n- split: {{cell: {cut}, slice: 6, new: 900}}\n"
    (tmp_path / "edits.yaml").write_text(edits)
    with restored(finished_run.folder / "config.yaml"):
        finished_run.write_config(config)
        assert set(finished_run.planned()) == {"link", "link_relabel"} | AFTER_LINKS
    shutil.copytree(finished_run.folder.parent, tmp_path / "copy", symlinks=True)
    run = Run(tmp_path / "copy/run", config, finished_run.code)
    slabs = [f"results/tiny/image.zarr/labels/cells/0/c/{slab}/0/0" for slab in range(3)]
    run.snakemake(*slabs)
    found = zarr.open_array(run.results / "tiny/image.zarr/labels/cells/0", mode="r")[:]
    wanted = np.where(cells == gone, keep, cells)
    wanted[6:][cells[6:] == cut] = 900
    assert np.array_equal(found[LABELLED], wanted[LABELLED])
    # Between them smooth outlines shift a little where a border is gone, and fragments may have a clear owner now.
    assert (
        (found == wanted).mean() > 0.99
        and gone not in found
        and cut not in found[6:]
        and 900 not in found[:6]
    )
    assert (found[[5, 6, 7]] == wanted[[5, 6, 7]]).mean() > 0.99
    (tmp_path / "edits.yaml").write_text("- merge: [1, 5000]\n- assign: {fragment: [3, 0, 5000], cell: 1}\n")
    text = run.snakemake("--dry-run", check=False)
    assert "edits.yaml, edit 2" in text and "lies outside the volume" in text
    (tmp_path / "edits.yaml").write_text(f"- merge: [{keep}, 5000]\n")
    run.snakemake(*slabs, "--retries", "0", check=False)
    assert "there is no cell 5000" in (run.folder / "logs/link/tiny.log").read_text()


def test_deleted_slab_of_maps_remakes_it_and_what_depends_on_it(finished_run):
    slab = finished_run.results / "tiny/work/probability/detail/c/1/0/0/0"
    with restored(slab):
        slab.unlink()
        planned = finished_run.planned()
    assert planned.pop("predict") == 1
    assert planned.pop("objects_label") == 3  # maps are averaged with those of the slabs beside it
    assert set(planned) == {"objects_merge", "objects"} | AFTER_CELLS


@pytest.mark.parametrize("level", [0, 1])
def test_deleted_final_slab_is_made_alone(finished_run, level):
    slab = finished_run.results / f"tiny/image.zarr/labels/mitochondria/{level}/c/2/0/0"
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
    [
        ("link/groups", "link"),
        ("cells/propagate", "propagate"),
        ("objects/organelles", "objects_merge"),
        ("evaluate/metrics", "evaluate"),
    ],
)
def test_edited_module_reruns_its_step(finished_run, module, first):
    file = finished_run.code / f"workflow/ultraseg/{module}.py"
    with restored(file):
        file.write_text(file.read_text() + "\n_EDITED = 1\n")
        planned = finished_run.planned()
    assert first in planned
    assert not {"ingest", "tiles", "train", "predict"} & set(planned)


def test_comment_in_a_module_reruns_nothing(finished_run):
    file = finished_run.code / "workflow/ultraseg/link/groups.py"
    with restored(file):
        file.write_text(file.read_text() + "\n# a remark\n")
        assert finished_run.planned() == {}


@pytest.mark.parametrize("level", [0, 1])
def test_deleted_slab_is_made_again_and_is_the_same(finished_run, level):
    """Really runs: the slab comes back bit for bit, and afterwards nothing is left to do."""
    slab = finished_run.results / f"tiny/image.zarr/labels/cells/{level}/c/1/0/0"
    before = slab.read_bytes()
    slab.unlink()
    finished_run.snakemake()
    assert slab.read_bytes() == before
    assert finished_run.planned() == {}


@pytest.mark.parametrize("view", ["--dag", "--rulegraph", "--summary"])
def test_views_of_the_plan_work(finished_run, view):
    text = finished_run.snakemake(view)
    assert re.search("digraph" if view != "--summary" else "results/report.zip", text)


def test_verify_finds_damage_and_its_command_repairs_it(finished_run):
    run = finished_run
    assert "every file is as its job wrote it" in run.snakemake("verify")
    slab, table = run.results / "tiny/work/pieces/c/1/0/0", run.results / "tiny/work/edges/0.parquet"
    content = bytearray(slab.read_bytes())
    content[len(content) // 2] ^= 1
    slab.write_bytes(content)
    table.unlink()
    text = run.snakemake("verify", check=False)
    assert "2 file(s) are damaged" in text
    assert "work/pieces/c/1/0/0: its content is not what was written" in text
    command = re.search(r"^ +(snakemake .*--forcerun.*)$", text, re.M)[1]
    files = command.split("--forcerun ")[1].split()
    assert files == [str(file.relative_to(run.folder)) for file in sorted((slab, table))]
    run.snakemake("--forcerun", *files)
    assert "every file is as its job wrote it" in run.snakemake("verify")


def test_every_file_leads_to_the_record_of_the_job_that_made_it(finished_run):
    """Names and order of wildcards as Snakemake has them."""
    run, led = finished_run, set()
    for file in sorted((run.folder / CHECKSUMS).rglob("*.json")):
        name = file.relative_to(run.folder)
        for made in json.loads(file.read_text())["files"]:
            if not name.parts[2].startswith("phantom_"):
                assert name in [maker.record for maker in makers(made)], made
                led.add(name.parts[2])
    assert len(led) > 25


def test_a_flipped_bit_between_stages_is_told_and_cured(finished_run):
    """It changed cells and tables without a word."""
    run = finished_run
    nodes = run.results / "tiny/work/link/nodes.parquet"
    slab = run.results / "tiny/image.zarr/labels/cells/0/c/1/0/0"
    wanted, before = slab.read_bytes(), nodes.read_bytes()
    nodes.write_bytes(before[:-30] + bytes([before[-30] ^ 1]) + before[-29:])
    slab.unlink()
    text = run.snakemake(check=False)
    assert "nodes.parquet: this file is not what its job wrote" in text and "Traceback" not in text
    assert "Delete results/tiny/work/link/nodes.parquet and run snakemake again: link makes it anew" in text
    nodes.unlink()
    run.snakemake()
    assert slab.read_bytes() == wanted and nodes.read_bytes() == before
    assert run.planned() == {}


def test_integers_instead_of_floating_point_train_nothing_again(finished_run):
    config = copy.deepcopy(finished_run.config)
    config["networks"]["detail"]["int8"] = True
    with restored(finished_run.folder / "config.yaml"):
        finished_run.write_config(config)
        planned = finished_run.planned()
    assert planned["quantise"] == 1 and planned["predict"] == 3 and not {"tiles", "train"} & set(planned)


def test_a_network_of_one_run_is_applied_in_another(finished_run, tmp_path):
    """Nothing is trained; the maps are those of the run that trained it. Pixels of another size are refused."""
    config = copy.deepcopy(finished_run.config)
    detail = config["networks"]["detail"]
    detail["model"] = str(finished_run.results / "models/detail.keras")
    config["volumes"]["tiny"]["image"] = str(finished_run.data / "image")
    config["volumes"]["tiny"]["labels"] = config["volumes"]["tiny"]["truth"] = {}
    del config["networks"]["context"], config["structures"]["cells"]
    other = Run(tmp_path / "other", config, finished_run.code)
    slab = "tiny/work/probability/detail/c/1/0/0/0"
    planned = other.planned()
    assert planned["adopt"] == 1 and not {"tiles", "train", "augmentation"} & set(planned)
    other.snakemake(f"results/{slab}")
    assert (other.results / slab).read_bytes() == (finished_run.results / slab).read_bytes()
    card = json.loads((other.results / "models/detail.json").read_text())
    own = json.loads((finished_run.results / "models/detail.json").read_text())
    assert card["taken_from"] == detail["model"] and card["weights_blake2b"] == own["weights_blake2b"]
    other.write_config(config | {"networks": {"detail": detail | {"downsample": 2}}})
    text = other.snakemake("--dry-run", check=False)
    assert "was trained on pixels of 16 nm" in text and "Set networks.detail.downsample to 1" in text
