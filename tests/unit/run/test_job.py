"""What a job leaves behind: its log, its exit code and, for people, one message."""

import errno
import logging
import os
import re
import subprocess
import sys
import time
from types import SimpleNamespace

import cv2
import pytest
from snakemake.iocontainers import Params, Wildcards
from ultraseg.base.checksums import read_records, write_record
from ultraseg.base.errors import UserError
from ultraseg.base.files import write_text
from ultraseg.grid.paths import CHECKSUMS
from ultraseg.jobs.spec import SlabJob, VolumeJob
from ultraseg.run.job import job


@pytest.fixture(autouse=True)
def logging_as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers, root.level = handlers, level


@pytest.fixture
def snakemake(tmp_path, monkeypatch):
    """A job as a script sees it, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ultraseg.run.inputs.AGAIN_AFTER", 0)
    return SimpleNamespace(
        rule="predict",
        log=[str(tmp_path / "job.log")],
        wildcards=Wildcards(fromdict={"volume": "a", "slab": "3"}),
        input=["in.tif"],
        output=[str(tmp_path / "out.bin")],
        params=Params(fromdict={"job": {"volume": "a", "slab": (12, 16)}, "code": "0123"}),
        threads=2,
    )


def text(snakemake):
    return open(snakemake.log[0]).read()


IMPORTS_LATE = """
from ultraseg.run.job import _keep_opencv_to
_keep_opencv_to(3)
import cv2
print(cv2.getNumThreads())
"""


def test_opencv_takes_no_more_threads_than_the_job_has(snakemake, monkeypatch):
    monkeypatch.setenv("OPENCV_FOR_THREADS_NUM", "0")  # put back afterwards
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(4)
        with job(snakemake, dict):
            assert cv2.getNumThreads() == 2
            open(snakemake.output[0], "wb").close()
    finally:
        cv2.setNumThreads(before)
    late = subprocess.run([sys.executable, "-c", IMPORTS_LATE], capture_output=True, text=True, check=True)
    assert late.stdout == "3\n"


def test_a_job_logs_what_it_read_wrote_and_how_long_it_took(snakemake):
    with job(snakemake, dict) as (_, log):
        log.info("mean grey value 12")
        with open(snakemake.output[0], "wb") as file:
            file.write(b"x" * 2_340_000)
    written = text(snakemake)
    assert "predict: volume a, slab 3, 2 thread(s)" in written
    assert "reads in.tif" in written and "mean grey value 12" in written
    assert f"wrote {snakemake.output[0]}: 2.34 MB" in written
    seconds = re.search(r"INFO took (\d+\.\d) s\n\Z", written)
    assert seconds and float(seconds[1]) < 10


def test_modules_log_into_the_file_of_the_job(snakemake):
    with job(snakemake, dict):
        logging.getLogger("ultraseg.train").info("epoch 1 of 40")
        logging.getLogger("h5py").info("noise")
    assert "epoch 1 of 40" in text(snakemake) and "noise" not in text(snakemake)


def test_an_error_of_the_user_ends_the_job_with_its_message_alone(snakemake, capsys):
    with pytest.raises(SystemExit) as caught, job(snakemake, dict):
        raise UserError("z0007.tif: holds 2 slices", "Give one-slice TIFFs.")
    assert caught.value.code == 1
    for shown in (text(snakemake), capsys.readouterr().err):
        assert "ERROR predict: z0007.tif: holds 2 slices" in shown
        assert "Cure: Give one-slice TIFFs." in shown
        assert "Traceback" not in shown
    assert "took" not in text(snakemake) and "wrote" not in text(snakemake)


def test_any_other_error_is_raised_and_its_traceback_logged(snakemake):
    with pytest.raises(ZeroDivisionError), job(snakemake, dict):
        print(1 / 0)
    assert "predict failed" in text(snakemake)
    assert "Traceback" in text(snakemake) and "ZeroDivisionError" in text(snakemake)


def test_a_job_records_its_files_and_forgets_them_when_it_starts_again(snakemake):
    with job(snakemake, dict):
        write_text(snakemake.output[0], "whole")
    ((_, record),) = read_records(CHECKSUMS)
    assert record["rule"] == "predict" and record["wildcards"] == {"volume": "a", "slab": "3"}
    assert record["files"][snakemake.output[0]]["bytes"] == 5
    with pytest.raises(ZeroDivisionError), job(snakemake, dict):
        print(1 / 0)
    assert list(read_records(CHECKSUMS)) == []


def test_a_job_removes_what_a_killed_one_left_half_written(snakemake, tmp_path):
    left = [tmp_path / ".part-0123abcd-out.bin", tmp_path / "out.0123abcd.partial"]
    other = tmp_path / ".part-0123abcd-other.bin"
    for file in (*left, other):
        file.write_bytes(b"half")
    with job(snakemake, dict):
        pass
    assert not any(file.exists() for file in left) and other.exists()
    assert "left by a job that was cut off" in text(snakemake)


def test_a_full_disk_is_a_message_and_not_a_traceback(snakemake, capsys):
    with pytest.raises(SystemExit) as caught, job(snakemake, dict):
        raise OSError(errno.ENOSPC, "No space left on device", "results/a/slab")
    assert caught.value.code == 1
    shown = capsys.readouterr().err
    assert f"{snakemake.output[0]}: the disk is full" in shown and "MB free" in shown and "Cure:" in shown
    assert "Traceback" not in shown


def test_a_job_whose_log_finds_no_room_still_runs_and_speaks(snakemake, tmp_path, capsys):
    snakemake.log = [str(tmp_path / "missing/job.log")]
    with pytest.raises(SystemExit), job(snakemake, dict):
        raise UserError("a.tif: is empty", "Copy it again.")
    assert "a.tif: is empty" in capsys.readouterr().err


def test_only_warnings_reach_the_screen(snakemake, capsys):
    with job(snakemake, dict) as (_, log):
        log.info("quiet")
        log.warning("loud")
    shown = capsys.readouterr().err
    assert "loud" in shown and "quiet" not in shown


def test_a_second_job_in_the_same_process_has_its_own_log(snakemake, tmp_path):
    with job(snakemake, dict) as (_, log):
        log.info("words of one")
    snakemake.log = [str(tmp_path / "second.log")]
    with job(snakemake, dict) as (_, log):
        log.info("words of two")
    assert "words of one" not in text(snakemake) and "words of two" in text(snakemake)
    assert "words of two" not in open(tmp_path / "job.log").read()


def test_long_lists_of_files_are_shortened_and_missing_wildcards_named(snakemake):
    snakemake.input = [f"z{z}.tif" for z in range(500)]
    snakemake.wildcards = Wildcards(fromdict={})
    with job(snakemake, dict):
        pass
    assert "reads z0.tif, z1.tif ... z499.tif (500 files)" in text(snakemake)
    assert "predict: one job" in text(snakemake)


def test_a_script_gets_the_job_that_its_rule_made(snakemake):
    with job(snakemake, SlabJob) as (spec, _):
        assert spec == SlabJob("a", (12, 16)) and spec.depth == 4
    with job(snakemake, dict) as (spec, _):
        assert spec == {"volume": "a", "slab": (12, 16)}


def test_what_the_class_does_not_know_is_an_error(snakemake):
    with pytest.raises(TypeError, match="slab"), job(snakemake, VolumeJob):
        pass
    assert "Traceback" in text(snakemake)


def test_a_job_does_not_read_what_another_job_did_not_write(snakemake, tmp_path, capsys):
    """One flipped bit in a network changed the voxels of cells without a word."""
    network = "results/models/context.tflite"
    write_text(network, "weights")
    write_record("train", {"network": "context"}, [network], CHECKSUMS)
    snakemake.input = [network, "in.tif"]
    with job(snakemake, dict):
        pass
    assert "compared 0.00 MB of them" in text(snakemake)
    (tmp_path / network).write_text("weighty")
    capsys.readouterr()
    with pytest.raises(SystemExit), job(snakemake, dict):
        pytest.fail("the work began")
    shown = capsys.readouterr().err
    assert (
        f"{network}: this file is not what its job wrote (its content" in shown and "Traceback" not in shown
    )
    assert f"Cure: Delete {network} and run snakemake again: train makes it anew" in shown


def test_a_job_removes_the_records_of_another_rule_that_made_its_files_before(snakemake):
    network = "results/models/context.tflite"
    write_text(network, "weights")
    write_record("train", {"network": "context"}, [network], CHECKSUMS)
    snakemake.rule, snakemake.wildcards = "adopt", Wildcards(fromdict={"network": "context"})
    snakemake.output = [network]
    with job(snakemake, dict):
        write_text(network, "others")
    assert [record["rule"] for _, record in read_records(CHECKSUMS)] == ["adopt"]


def test_a_job_refuses_to_make_what_snakemake_would_delete(snakemake, tmp_path, capsys):
    (tmp_path / "in.tif").touch()
    os.utime(tmp_path / "in.tif", (time.time() + 86_400,) * 2)
    with pytest.raises(SystemExit), job(snakemake, dict):
        pytest.fail("the work began")
    shown = capsys.readouterr().err
    assert "in.tif: dated in the future" in shown and "touch -h in.tif" in shown and "Traceback" not in shown
    os.utime(tmp_path / "in.tif", (time.time() + 0.5,) * 2)
    with job(snakemake, dict):
        write_text(snakemake.output[0], "x")
    assert time.time() > os.stat(tmp_path / "in.tif").st_mtime
