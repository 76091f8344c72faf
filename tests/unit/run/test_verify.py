"""Verification finds every kind of damage, names it, and gives the command that makes the file anew."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from job_records import RecordsIn
from tiny_plan import make_config, write_labels
from ultraseg.base.files import write_table, write_text
from ultraseg.grid.paths import CHECKSUMS
from ultraseg.jobs.layout import arrays_of
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan
from ultraseg.run.verify import remake_command, verify_results
from ultraseg.storage.arrays import write_slab
from ultraseg.storage.create import create_array

ARRAY = "results/a/work/flow"


RECORDS = RecordsIn(CHECKSUMS)
write_record, drop_record, record_file = RECORDS.write, RECORDS.drop, RECORDS.file


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """A plan with one whole array, a table and a network's files, each recorded by its job."""
    config = make_config(tmp_path)
    write_labels(tmp_path)
    monkeypatch.chdir(tmp_path)
    plan = Plan(load_config(config))
    about = arrays_of(plan, "a")[ARRAY]
    create_array(ARRAY, **about)
    v, shape = plan.volumes["a"], about["shape"]
    for slab in v.slabs:
        start, stop = v.slab(slab)
        write_slab(
            ARRAY, start, np.random.default_rng(slab).random((stop - start, *shape[1:])).astype("float16")
        )
        write_record("flow", {"volume": "a", "slab": str(slab)}, [f"{ARRAY}/c/{slab}/0/0/0"])
    write_record("cell_layout", {"volume": "a"}, [f"{ARRAY}/zarr.json"])
    write_table("results/a/work/edges/0.parquet", pd.DataFrame({"z": range(1000)}))
    write_record("link_edges", {"volume": "a", "slab": "0"}, ["results/a/work/edges/0.parquet"])
    return plan


def slab_file(slab):
    return f"{ARRAY}/c/{slab}/0/0/0"


def flip_a_bit(file):
    content = bytearray(open(file, "rb").read())
    content[len(content) // 2] ^= 1
    open(file, "wb").write(content)


def test_whole_results_are_whole(plan):
    found = verify_results(plan, threads=3)
    assert found.wrong == {} and found.leftovers == []
    assert found.arrays == 1 and found.unmade == 0
    assert found.files == len(plan.volumes["a"].slabs) + 2 and found.bytes > 10_000


@pytest.mark.parametrize(
    "damage, words",
    [
        (os.remove, "missing"),
        (lambda file: os.truncate(file, 100), "has 100 bytes"),
        (flip_a_bit, "checksum"),
        (lambda file: os.truncate(file, 0), "has 0 bytes"),
    ],
)
@pytest.mark.parametrize("file", [slab_file(2), "results/a/work/edges/0.parquet"])
def test_every_damage_is_found_in_slabs_and_in_tables(plan, damage, words, file):
    damage(file)
    wrong = verify_results(plan, threads=2).wrong
    assert list(wrong) == [file] and words in wrong[file]


def test_a_file_that_was_wrong_when_it_was_recorded_is_found_too(plan):
    flip_a_bit(slab_file(1))
    write_record("flow", {"volume": "a", "slab": "1"}, [slab_file(1)])
    write_text("results/a/work/edges/0.parquet", "no table")
    write_record("link_edges", {"volume": "a", "slab": "0"}, ["results/a/work/edges/0.parquet"])
    wrong = verify_results(plan).wrong
    assert set(wrong) == {slab_file(1), "results/a/work/edges/0.parquet"}
    assert (
        "do not decode" in wrong[slab_file(1)] and "cannot be read" in wrong["results/a/work/edges/0.parquet"]
    )


def test_a_slab_whose_job_did_not_end_is_in_doubt_and_one_that_was_never_made_is_not(plan):
    drop_record("flow", {"volume": "a", "slab": "3"})
    found = verify_results(plan)
    assert list(found.wrong) == [slab_file(3)] and "did not end" in found.wrong[slab_file(3)]
    os.remove(slab_file(3))
    found = verify_results(plan)
    assert found.wrong == {} and found.unmade == 1


def test_an_array_of_another_shape_is_found(plan):
    file = f"{ARRAY}/zarr.json"
    about = json.loads(open(file).read())
    about["shape"][0] += 4
    write_text(file, json.dumps(about))
    write_record("cell_layout", {"volume": "a"}, [file])
    assert "shape, type and slab" in verify_results(plan).wrong[file]


def test_a_damaged_record_is_found(plan):
    file = record_file("flow", {"volume": "a", "slab": "0"})
    file.write_text("{")
    wrong = verify_results(plan).wrong
    assert "damaged record" in wrong[str(file)] and "did not end" in wrong[slab_file(0)]


def flips(file):
    """A file with one flipped bit, in place after place; test_checksums flips every bit of a record."""
    content = Path(file).read_bytes()
    for number, place in enumerate(range(0, len(content), 7)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << (number % 8)
        Path(file).write_bytes(flipped)
        yield place
    Path(file).write_bytes(content)


@pytest.mark.parametrize("recorded", [True, False])
def test_no_flipped_bit_in_the_metadata_of_an_array_is_missed_or_ends_in_a_traceback(plan, recorded):
    file = f"{ARRAY}/zarr.json"
    if not recorded:
        drop_record("cell_layout", {"volume": "a"})
    for place in flips(file):
        wrong = verify_results(plan, threads=2).wrong
        if recorded:
            assert wrong == {file: "its content is not what was written (checksum)"}, place
    assert verify_results(plan).wrong == {}


@pytest.mark.parametrize(
    "job", [("flow", {"volume": "a", "slab": "2"}), ("link_edges", {"volume": "a", "slab": "0"})]
)
@pytest.mark.parametrize("old", [False, True])
def test_no_flipped_bit_in_a_record_is_missed_or_ends_in_a_traceback(plan, job, old):
    file = record_file(*job)
    if old:  # as versions before the checksum of itself wrote it
        whole = json.loads(file.read_text())
        file.write_text(json.dumps({key: whole[key] for key in ("rule", "wildcards", "files")}, indent=1))
    assert verify_results(plan).wrong == {}
    unseen = [place for place in flips(file) if not verify_results(plan).wrong]
    assert unseen == []


def test_an_unreadable_array_is_reported_and_its_slabs_are_compared(plan):
    Path(f"{ARRAY}/zarr.json").write_text('{"zarr_format": 3, "node_type": "array", "shape": "x"}')
    write_record("cell_layout", {"volume": "a"}, [f"{ARRAY}/zarr.json"])
    flip_a_bit(slab_file(1))
    wrong = verify_results(plan).wrong
    assert set(wrong) == {f"{ARRAY}/zarr.json", slab_file(1)} and "checksum" in wrong[slab_file(1)]


@pytest.mark.parametrize(
    "wildcards",
    [
        {"slab": "1"}, {"gap": "00000-00004"}, {"volume": "a", "slab": "x"}, {"volume": "a", "slabs": "77"},
        {"volume": "a", "slab": "\u00b2"},
    ],
)  # fmt: skip
def test_a_record_that_belongs_to_nothing_is_damaged(plan, wildcards):
    write_record("flow", wildcards, [])
    file = record_file("flow", wildcards)
    assert verify_results(plan).wrong == {str(file): "damaged record of checksums"}


def test_a_record_in_a_place_of_another_job_is_damaged(plan):
    content = record_file("flow", {"volume": "a", "slab": "2"}).read_text()
    other = record_file("flow", {"volume": "a", "slab": "77"})
    other.write_text(content)
    assert verify_results(plan).wrong == {str(other): "damaged record of checksums"}


def test_a_damaged_record_is_cured_by_making_the_files_of_its_job(plan):
    file = str(record_file("flow", {"volume": "a", "slab": "2"}))
    assert remake_command("snakemake", {file: "x"}, "") == f"snakemake --forcerun {slab_file(2)}"


def test_results_that_the_configuration_no_longer_names_are_left_alone(plan):
    for wildcards in (
        {"volume": "old"}, {"volume": "a", "structure": "old"}, {"network": "old"}, {"volume": "a", "slab": "99"},
        {"volume": "a", "gap": "00000-00099"},
    ):  # fmt: skip
        write_text("x.txt", "x")
        write_record("some", wildcards, ["x.txt"])
        os.remove("x.txt")
    write_text("x.txt", "x")
    write_record("phantom_old", {}, ["x.txt"])
    os.remove("x.txt")
    assert verify_results(plan).wrong == {}


def test_leftovers_are_named(plan):
    left = ["results/a/work/edges/.part-0123abcd-0.parquet", f"{ARRAY}/c/1/0/0/0.0123.partial"]
    left += [f"{CHECKSUMS}/flow/a/.part-0123abcd-0.json"]
    for file in left:
        open(file, "w").close()
    found = verify_results(plan)
    assert sorted(found.leftovers) == sorted(left) and found.wrong == {}


def test_the_command_names_the_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = remake_command("snakemake --configfile 'my file.yaml'", {"b": "x", "a": "y"}, "list.txt")
    assert command == "snakemake --configfile 'my file.yaml' --forcerun a b"
    assert (
        remake_command("snakemake", {"results/checksums/flow/a/0.json": "x"}, "")
        == "snakemake --forcerun flow"
    )
    many = {f"results/{i}": "x" for i in range(100)}
    assert remake_command("snakemake", many, "list.txt") == "snakemake --forcerun $(cat list.txt)"
    assert open("list.txt").read().split() == sorted(many)
