"""What a job reads is what another job wrote, or the job stops with a message."""

import os
import re
import subprocess
import time

import numpy as np
import pandas as pd
import pytest
from rule_texts import rules_with_scripts
from ultraseg.base.checksums import record_file, write_record
from ultraseg.base.errors import UserError, UserErrors
from ultraseg.base.files import write_arrays, write_table, write_text
from ultraseg.grid.paths import (
    CHECKSUMS,
    REPORT,
    RUN_PAGE,
    NetworkFiles,
    VolumeFiles,
    metadata,
    shard_file,
)
from ultraseg.jobs.measure import TABLES
from ultraseg.jobs.report import OF_ALL, OF_CELLS
from ultraseg.run import inputs
from ultraseg.run.inputs import (
    CLOCKS_DIFFER,
    MADE,
    check_dates,
    compare_inputs,
    drop_other_records,
    is_slab,
    makers,
    outputs_of,
    wait_for_dates,
)
from ultraseg.storage.label_slices import write_slices

NODES = "results/a/work/link/nodes.parquet"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inputs, "AGAIN_AFTER", 0)


def record(rule, wildcards, *files):
    write_record(rule, wildcards, files, CHECKSUMS)


# ---- which job makes a file
def outputs_in_rules() -> dict[str, list[str]]:
    """The outputs of all rules with a script, found in the rule files apart from ``MADE``."""

    def collect(*files, **named):
        for file in (*files, *named.values()):
            yield from collect(*file) if isinstance(file, list) else [file]

    known = {
        "V": VolumeFiles.of("{volume}"), "N": NetworkFiles("{network}"), "LEVELS": ["{level}"], "MEASURED": TABLES,
        "OF_ALL": OF_ALL, "OF_CELLS": OF_CELLS, "RUN_PAGE": RUN_PAGE, "REPORT": REPORT, "shard_file": shard_file,
        "metadata": metadata, "report": lambda file, **_: file, "collect": collect, "directory": lambda folder: None,
    }  # fmt: skip
    found = {}
    for rule in rules_with_scripts():
        block = re.search(r"^( +)output:\n((?:\1 +.*\n|\n)+)", rule.text, re.M)
        if block and rule.name not in ("phantom", "label_groups"):  # theirs are known to the plan alone
            made = eval(f"[*collect({block[2]})]", known)  # noqa: S307 - of this repository
            found[rule.name] = [file for file in made if file]
    return found


def test_the_outputs_of_all_rules_are_known():
    found = {rule: sorted(files) for rule, files in outputs_in_rules().items() if files}
    assert len(found) > 35
    known = {rule: sorted(files) for rule, files in MADE.items() if rule != "label_groups_{volume}"}
    assert known == found


def test_records_are_looked_for_where_jobs_write_them():
    """Wildcards in the order of Snakemake, which is that of the log's name."""
    for rule in rules_with_scripts():
        named = re.search(rf'log_file\("{rule.name}"((?:, "\{{\w+\}}")*)\)', rule.text)
        if rule.name in MADE and named:
            order = re.findall(r"\{(\w+)\}", named[1])
            for pattern in MADE[rule.name]:
                found = list(dict.fromkeys(re.findall(r"\{(\w+)\}", pattern)))
                assert [name for name in found if name != "level"] == order, pattern


EXAMPLES = {
    "results/a/work/labels/cells.corrected.h5": ("labels_corrected", "a/cells"),
    "results/a/work/labels/cells.h5": ("labels", "a/cells"),
    "results/a/work/labels/cells.fit.csv": ("labels_fit", "a/cells"),
    "results/a-b/work/propagated/00000x-00004.h5": ("propagate", "a-b/00000x-00004"),
    "results/a/work/carried/00000-00004.up.h5": ("propagate_ends", "a/00000-00004/up"),
    "results/a/work/measures/12.joint.parquet": ("measure_slab", "a/12"),
    "results/a/work/devices/context/3.json": ("predict", "a/context/3"),
    "results/a/image.zarr/2/zarr.json": ("image_layout", "a"),
    "results/a/image.zarr/zarr.json": ("image_group", "a"),
    "results/a/image.zarr/labels/cells/zarr.json": ("label_groups_a", "job"),
    "results/a/image.zarr/labels/zarr.json": ("label_groups_a", "job"),
    "results/a/image.zarr/labels/cells/1/zarr.json": ("structure_layout", "a/cells"),
    "results/models/context.int8.tflite": ("quantise", "context"),
    "results/models/context.tiles.h5": ("tiles", "context"),
    "results/run.html": ("report_run", "job"),
}


@pytest.mark.parametrize("file", EXAMPLES)
def test_a_file_leads_to_the_record_of_its_job(file):
    rule, record = EXAMPLES[file]
    assert [(maker.rule, str(maker.record)) for maker in makers(file)] == [
        (rule, f"{CHECKSUMS}/{rule}/{record}.json")
    ]


def test_a_network_is_trained_or_taken_over_and_files_of_the_user_have_no_job():
    assert [maker.rule for maker in makers("results/models/context.keras")] == ["train", "adopt"]
    for file in ("data/a/z0001.tif", "/data/results/a/metrics.csv", "results/a/other.csv", ""):
        assert list(makers(file)) == []


def test_a_record_leads_to_the_files_of_its_job():
    for rule, wildcards in (("link", {"volume": "a"}), ("measure_slab", {"volume": "a", "slab": "3"})):
        made = outputs_of(str(record_file(rule, wildcards, CHECKSUMS)))
        assert {maker for file in made for maker in [m.rule for m in makers(file)]} == {rule}
    assert outputs_of(f"{CHECKSUMS}/ingest/a/3.json") == ["results/a/image.zarr/0/c/3/0/0"]
    for unknown in ("some/a/3", "ingest/a", "report/job", "label_groups_a/job"):
        assert outputs_of(f"{CHECKSUMS}/{unknown}.json") == []


# ---- comparing
def make_files():
    """One small file of every kind that lies between stages, each with its record."""
    table = pd.DataFrame({"z": range(60), "cell": np.arange(60) % 7})
    write_table(NODES, table)
    record("link", {"volume": "a"}, NODES)
    write_table("results/a/work/labels/cells.csv", table)
    write_slices(
        "results/a/work/labels/cells.h5", (4, 5), [(z, {"labels": np.eye(4, 5, dtype="uint32")}) for z in (0, 4)]
    )  # fmt: skip
    record("labels", {"volume": "a", "structure": "cells"}, *EXAMPLES_OF_LABELS)
    write_arrays("results/a/work/objects/cells/0.npz", sizes=np.arange(30))
    record(
        "objects_label",
        {"volume": "a", "structure": "cells", "slab": "0"},
        "results/a/work/objects/cells/0.npz",
    )
    write_text("results/a/work/devices/context/0.json", '{"device": "cpu", "seconds": 1.25}')
    record(
        "predict", {"volume": "a", "network": "context", "slab": "0"}, "results/a/work/devices/context/0.json"
    )
    for suffix in ("keras", "tflite", "json"):
        write_text(f"results/models/context.{suffix}", "0.123 " * 20)
    record(
        "train", {"network": "context"}, *(f"results/models/context.{s}" for s in ("keras", "tflite", "json"))
    )
    return [NODES, *EXAMPLES_OF_LABELS, "results/a/work/objects/cells/0.npz", "results/a/work/devices/context/0.json",
            *(f"results/models/context.{s}" for s in ("keras", "tflite", "json"))]  # fmt: skip


EXAMPLES_OF_LABELS = ("results/a/work/labels/cells.csv", "results/a/work/labels/cells.h5")


def test_no_flipped_bit_of_any_kind_of_file_is_read(tmp_path):
    made, rng = make_files(), np.random.default_rng(0)
    assert compare_inputs(made) == sum((tmp_path / file).stat().st_size for file in made)
    for file in made:
        content = (tmp_path / file).read_bytes()
        for place in rng.integers(0, len(content), 120):
            flipped = bytearray(content)
            flipped[place] ^= 1 << rng.integers(8)
            (tmp_path / file).write_bytes(flipped)
            with pytest.raises(UserError) as caught:
                compare_inputs(made)
            assert f"{file}: this file is not what its job wrote (its content is not" in caught.value.problem
            assert f"Delete {file} and run snakemake again" in caught.value.cure
        (tmp_path / file).write_bytes(content)
    assert compare_inputs(made) > 0


def test_all_wrong_files_are_named_together(tmp_path):
    made = make_files()
    for file in made[:2]:
        (tmp_path / file).write_bytes(b"")
    with pytest.raises(UserErrors) as caught:
        compare_inputs(made)
    assert all(file in str(caught.value) for file in made[:2]) and "has 0 bytes" in str(caught.value)


def test_a_damaged_record_leaves_its_files_in_doubt(tmp_path):
    made = make_files()
    file = record_file("link", {"volume": "a"}, CHECKSUMS)
    file.write_text(file.read_text().replace("bytes", "bites"))
    with pytest.raises(UserError, match="the record of its checksum, .*link/a.json, is damaged") as caught:
        compare_inputs(made)
    assert f"Delete {NODES}" in caught.value.cure and "link makes it anew" in caught.value.cure


def test_files_without_a_record_slabs_and_files_that_are_not_there_are_left_alone(tmp_path):
    write_text(NODES, "x")
    write_text("data/z0001.tif", "x")
    slab = "results/a/work/pieces/c/0/0/0"
    write_text(slab, "x")
    record("cells", {"volume": "a", "slab": "0"}, slab)
    write_text(slab, "y")  # its chunks carry checksums
    assert is_slab(slab) and not is_slab(NODES)
    assert compare_inputs([NODES, "data/z0001.tif", slab, "results/a/work/link/ids.parquet"]) == 0


def test_one_right_record_is_enough(tmp_path):
    """A configuration that takes a network over that it trained before left the record of the training."""
    network = "results/models/context.keras"
    write_text(network, "trained")
    record("train", {"network": "context"}, network)
    write_text(network, "taken over")
    record("adopt", {"network": "context"}, network)
    assert compare_inputs([network]) == len("taken over")
    write_text(network, "damaged!!!")
    with pytest.raises(UserError):
        compare_inputs([network])


def test_records_of_other_rules_that_made_a_file_go():
    network = "results/models/context.keras"
    write_text(network, "trained")
    record("train", {"network": "context"}, network)
    drop_other_records([network], "train")
    assert record_file("train", {"network": "context"}, CHECKSUMS).exists()
    drop_other_records([network], "adopt")
    assert not record_file("train", {"network": "context"}, CHECKSUMS).exists()


def test_a_file_that_comes_before_its_record_on_a_slow_disk_is_compared_again(tmp_path, monkeypatch):
    write_text(NODES, "old")
    record("link", {"volume": "a"}, NODES)
    write_text(NODES, "new")
    monkeypatch.setattr(inputs.time, "sleep", lambda seconds: record("link", {"volume": "a"}, NODES))
    assert compare_inputs([NODES]) == 3


def test_large_files_that_carry_checksums_are_not_read_as_a_whole(tmp_path, monkeypatch):
    made = make_files()
    monkeypatch.setattr(inputs, "LARGE", 10)
    parts = [file for file in made if file.endswith((".h5", ".parquet"))]
    assert compare_inputs(parts) == 0 < compare_inputs([file for file in made if file not in parts])
    tiles = "results/models/context.tiles.h5"  # read as a whole
    write_text(tiles, "x" * 20)
    record("tiles", {"network": "context"}, tiles)
    assert compare_inputs([tiles]) == 20


# ---- dates
def dated(file, ahead):
    write_text(file, "x")
    os.utime(file, (time.time() + ahead,) * 2)
    return file


def test_a_file_of_the_future_is_named_with_the_command_that_cures_it(tmp_path):
    one = dated("data/slice 1.tif", 86_400)
    sound = [dated("data/z2.tif", -10), dated("data/z3.tif", CLOCKS_DIFFER - 60), "data/none.tif"]
    check_dates(sound)
    with pytest.raises(UserError, match="data/slice 1.tif: dated in the future") as caught:
        check_dates([one, *sound])
    command = caught.value.cure.split(": ", 1)[1]
    assert command == "touch -h 'data/slice 1.tif'"
    subprocess.run(command, shell=True, check=True)
    check_dates([one, *sound])


@pytest.mark.parametrize("folders", [5, 1])
def test_many_files_of_the_future_are_cured_by_one_command(tmp_path, monkeypatch, folders):
    monkeypatch.setattr(inputs, "NAMED_FOLDERS", folders)
    files = [
        dated(f"data/a b/{name}", 86_400 * 365) for name in ("cells/z1.tif", "cells/z2.tif", "image/z1.tif")
    ]
    os.symlink("z1.tif", "data/a b/image/link.tif")
    os.utime("data/a b/image/link.tif", (time.time() + 86_400,) * 2, follow_symlinks=False)
    with pytest.raises(UserError, match="and 3 more files: dated in the future") as caught:
        check_dates([*files, "data/a b/image/link.tif"])
    subprocess.run(caught.value.cure.split(": ", 1)[1], shell=True, check=True)
    check_dates([*files, "data/a b/image/link.tif"])


def test_a_job_waits_for_a_clock_that_is_a_little_ahead(monkeypatch):
    waited = []
    monkeypatch.setattr(inputs.time, "sleep", waited.append)
    read, written = dated("in.tif", 30), dated("out.bin", 0)
    assert 25 < wait_for_dates([read, "none"], [written]) <= 30 and 25 < waited[0] <= 30
    assert wait_for_dates([dated("old.tif", -30)], [written]) == 0
    # the disk's clock is ahead as well
    assert wait_for_dates([read], [dated("out.bin", 40)]) == 0 and len(waited) == 1
