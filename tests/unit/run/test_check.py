"""The check before a run: all problems at once, each with its cure."""

import os
import shutil
import time

import h5py
import numpy as np
import pytest
import tifffile
from tiny_plan import config_of_affinities, config_of_ready_cells, make_config, write_labels
from ultraseg.run.check import check_config, files_of, start_check
from ultraseg.run.check_table import format_problems, format_tables


@pytest.fixture
def config(tmp_path):
    made = make_config(tmp_path)
    write_labels(tmp_path)
    return made


def image_file(folder, z):
    return sorted((folder / "image").glob("*.tif"))[z]


def test_a_sound_configuration_has_no_problem_and_a_table(config, tmp_path):
    checked = check_config(config)
    assert checked.problems == [] and checked.plan is not None
    v = checked.volumes["a"]
    assert checked.files == len(files_of(v)) > 21
    text = format_tables(checked)
    for words in (
        "Volume a", "slices", "21, in 6 slabs of 4",
        "24 x 40 pixels", "uint8", "nm (z, y, x)", "2 to 2 instances per slice",
        "labels: cells", "split: context", "validation", "disk", "memory per job", "jobs", "ingest", "The whole run",
        "64 at a time",
    ):  # fmt: skip
        assert words in text, text


def test_every_problem_of_every_kind_and_volume_is_named_at_once(config, tmp_path):
    other = make_config(tmp_path / "b")["volumes"]["a"]
    other["image"] = str(tmp_path / "b/image")
    other["labels"] = {s: str(tmp_path / "b" / s) for s in other["labels"]}
    write_labels(tmp_path / "b")
    config["volumes"]["b"] = other
    image_file(tmp_path, 1).write_bytes(image_file(tmp_path, 1).read_bytes()[:300])
    for z in (3, 4):
        tifffile.imwrite(image_file(tmp_path, z), np.zeros((20, 40), np.uint8))
    tifffile.imwrite(image_file(tmp_path / "b", 5), np.zeros((24, 40), np.uint16))
    image_file(tmp_path / "b", 6).write_bytes(b"")
    first = sorted((tmp_path / "cells").glob("*.tif"))[0]
    tifffile.imwrite(first, np.zeros((24, 40), np.float32))
    for file in (tmp_path / "b/nuclei").glob("*.tif"):
        tifffile.imwrite(file, np.zeros((24, 40), np.uint8))
    checked = check_config(config)
    text = format_problems(checked.problems)
    for words in (
        "truncated",
        "20 x 40 pixels", "the same", "pixel type is uint16, expected uint8", "is empty (0 bytes)",
        "float32",
        "volumes.b.labels.nuclei: all",
    ):  # fmt: skip
        assert words in text, text
    assert len(checked.problems) == 7 and all(error.cure for error in checked.problems)


def test_missing_files_of_several_sources_are_named_together(config, tmp_path):
    shutil.rmtree(tmp_path / "image")
    shutil.rmtree(tmp_path / "cells")
    checked = check_config(config)
    assert {"volumes.a.image", "volumes.a.labels.cells"} == {
        error.problem.split(":")[0] for error in checked.problems
    }
    assert checked.plan is None and checked.volumes == {}


def test_problems_of_the_configuration_do_not_hide_those_of_the_files(config, tmp_path):
    config["slab_dept"] = 3
    config["volumes"]["a"]["voxelsize"] = 3
    image_file(tmp_path, 6).write_bytes(b"")
    text = format_problems(check_config(config).problems)
    assert "did you mean 'slab_depth'?" in text and "voxelsize" in text and "is empty (0 bytes)" in text
    for broken in (
        {},
        {"volumes": 3},
        {"volumes": {"a": 3, "../b": {}}},
        {"volumes": None, "structures": []},
    ):
        assert len(check_config(broken).problems) == 1


def test_only_the_files_that_a_run_will_read_are_read(config, tmp_path):
    for z in (3, 7):
        image_file(tmp_path, z).write_bytes(b"")
    checked = check_config(config, only={str(image_file(tmp_path, 7))})
    assert [error.problem.split(":")[0] for error in checked.problems] == [str(image_file(tmp_path, 7))]
    assert checked.files == 1


def test_the_start_of_a_run_stops_at_a_problem_and_is_silent_when_no_file_of_the_user_is_read(
    config, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("ULTRASEG_CHECKED", "")  # so that what is set here ends with the test
    monkeypatch.delenv("ULTRASEG_CHECKED")
    start_check(config, {"link"}, {"results/a/work/edges/0.parquet"})
    assert capsys.readouterr().out == ""
    start_check(config, {"ingest"}, {str(image_file(tmp_path, 2))})
    shown = capsys.readouterr().out
    assert "Checked 1 files" in shown and "no problem" in shown and "Volume a" not in shown
    image_file(tmp_path, 2).write_bytes(b"")
    with pytest.raises(SystemExit) as caught:
        start_check(config, {"ingest"}, {str(image_file(tmp_path, 2))})
    assert caught.value.code == 1
    start_check(config, {"ingest"}, {str(image_file(tmp_path, 3))})
    with pytest.raises(SystemExit):
        start_check(config, {"check"}, set())
    assert "Volume a" in capsys.readouterr().out


def test_a_run_that_cannot_write_its_logs_stops_before_the_first_job(config, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("ULTRASEG_CHECKED", "")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(SystemExit) as caught:
        start_check(config, {"link"}, set())
    shown = capsys.readouterr().out
    assert (
        caught.value.code == 1
        and f"{tmp_path}/logs: is no folder" in shown
        and "Cure: Move or rename it" in shown
    )


def in_the_future(file):
    os.utime(file, (time.time() + 86_400,) * 2)
    return str(file)


def test_files_that_are_dated_in_the_future_are_named_with_the_cure(config, tmp_path):
    image = in_the_future(image_file(tmp_path, 3))
    (problem,) = check_config(config).problems
    assert image in problem.problem and "dated in the future" in problem.problem and "touch" in problem.cure
    in_the_future(sorted((tmp_path / "cells").glob("*.tif"))[0])
    (problem,) = check_config(config).problems
    assert "and 1 more files" in problem.problem


@pytest.mark.parametrize("of_user", [True, False])
def test_a_run_does_not_start_on_files_of_the_future(config, tmp_path, capsys, monkeypatch, of_user):
    monkeypatch.setenv("ULTRASEG_CHECKED", "")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/a/work/edges").mkdir(parents=True)
    result = tmp_path / "results/a/work/edges/0.parquet"
    result.touch()
    file = image_file(tmp_path, 2) if of_user else result.relative_to(tmp_path)
    start_check(config, {"link"}, {str(file)})
    in_the_future(file)
    with pytest.raises(SystemExit) as caught:
        start_check(config, {"link"}, {str(file)})
    shown = capsys.readouterr().out
    assert caught.value.code == 1 and shown.count("dated in the future") == 1 and str(file) in shown


def test_a_phantom_is_planned_and_not_read():
    config = {
        "volumes": {"demo": {"voxel_size_nm": [16, 16, 16], "phantom": {"shape": [16, 64, 64]}}},
        "structures": {"cells": {"kind": "cells"}},
        "networks": {"context": {"structures": ["cells"]}},
    }
    checked = check_config(config)
    assert checked.problems == [] and "made by the workflow" in format_tables(checked)


def test_a_run_that_needs_absurd_memory_or_size_is_refused(config):
    config["max_memory_gb"] = 1
    config["networks"]["context"]["crop"] = config["networks"]["context"]["tile"] = 4096
    text = format_problems(check_config(config).problems)
    assert "max_memory_gb" in text and "train" in text
    config["volumes"]["models"] = {"voxel_size_nm": [1, 1, 1], "phantom": {"shape": [10_000, 10_000, 20_000]}}
    text = format_problems(check_config(config).problems)
    assert "results/models is taken" in text and "too many to make" in text


def test_a_header_that_claims_an_absurd_size_is_refused(config, tmp_path):
    for z in range(21):
        tifffile.imwrite(image_file(tmp_path, z), np.zeros((8, 8), np.uint8), compression="deflate")
        with tifffile.TiffFile(image_file(tmp_path, z), mode="r+") as tif:
            tif.pages[0].tags["ImageWidth"].overwrite(1_000_000)
            tif.pages[0].tags["ImageLength"].overwrite(1_000_000)
    text = format_problems(check_config(config).problems)
    assert "1000000" in text and "Traceback" not in text


def test_nothing_is_written(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(os.walk(tmp_path))
    check_config(config)
    assert sorted(os.walk(tmp_path)) == before


def test_a_planned_volume_has_costs_and_no_files():
    config = {
        "volumes": {"big": {"voxel_size_nm": [4, 4, 4], "planned": {"shape": [1000, 6000, 4000]}}},
        "structures": {"cells": {"kind": "cells"}, "nuclei": {"kind": "organelle"}},
        "networks": {"context": {"structures": ["cells", "nuclei"], "downsample": 4}},
    }
    checked = check_config(config)
    text = format_tables(checked)
    assert checked.problems == [] and checked.files == 0
    assert "Volume big  (planned)" in text and "21 slices: 0, 50" in text and "24 billion voxels" in text
    config["volumes"]["big"]["image"] = "somewhere"
    assert "give one of image, phantom and planned" in check_config(config).problems[0].problem


def test_names_that_snakemake_would_take_for_wildcards_are_refused(config, tmp_path):
    file = image_file(tmp_path, 0)
    file.rename(file.with_name("{slab} z0000.tif"))
    (error,) = check_config(config).problems
    assert "{slab} z0000.tif" in error.problem and "wildcard" in error.cure


def test_numbers_in_maps_and_objects_of_other_programs_are_looked_at(config, tmp_path):
    stack = np.zeros((21, 24, 40), np.float32)
    stack[:, 4:8] = -3
    for name in ("logits", "halves"):
        tifffile.imwrite(
            tmp_path / f"{name}.tif", stack / (1 if name == "logits" else -6), photometric="minisblack"
        )
    config["structures"]["spots"] = {"kind": "organelle", "objects": {"a": "halves.tif"}}
    config["networks"]["detail"] = {"structures": ["membrane"], "maps": {"a": {"membrane": "logits.tif"}}}
    first, second = check_config(config).problems
    assert "networks.detail.maps.a.membrane" in first.problem and "no probabilities" in first.problem
    assert "structures.spots.objects.a" in second.problem and "no ids" in second.problem
    assert check_config(config, only={str(tmp_path / "image/z0000.tif")}).problems == []
    assert len(check_config(config, only={str(tmp_path / "logits.tif")}).problems) == 1


def test_affinities_of_other_programs_are_looked_at_once(tmp_path, caplog):
    """Interior and boundary that are made of them ask for nothing more."""
    config = config_of_affinities(tmp_path)
    config["networks"].pop("detail"), config["structures"].pop("membrane")
    config["volumes"]["a"]["labels"].pop("membrane")
    write_labels(tmp_path)
    (problem,) = check_config(config).problems  # all are 0
    assert (
        "maps.a.cells/affinities" in problem.problem and "not clear which number means 1" in problem.problem
    )
    with h5py.File(tmp_path / "affs.h5", "r+") as file:
        file["main"][:, :, ::8] = 255  # as a file of cuts looks
    assert check_config(config).problems == []
    assert caplog.text.count("say so with range: [255, 0]") == 1
    with h5py.File(tmp_path / "affs.h5", "r+") as file:
        file["main"][...] = 255
    caplog.clear()
    assert check_config(config).problems == [] and "range" not in caplog.text


def test_ids_of_ready_cells_are_looked_at(tmp_path):
    config = config_of_ready_cells(tmp_path)
    assert check_config(config).problems == []
    large = np.full((21, 24, 40), 2**31, np.uint32)
    tifffile.imwrite(tmp_path / "large.tif", large, photometric="minisblack")
    config["structures"]["cells"]["objects"]["a"] = "large.tif"
    text = format_problems(check_config(config).problems)
    assert "structures.cells.objects.a" in text and "a cell has id 2147483648, which is too large" in text
