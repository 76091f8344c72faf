"""Runs that are disturbed in every way end with the files of an undisturbed one, and what was finished stays.

The commands are those of docs/recovery.md. One file, so that one process makes the undisturbed run for all tests.
"""

import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from small_disk import no_mount
from ultraseg.phantom.volume import write_phantom
from workflow_run import Run, tiny_config

# Two networks would only take longer; few epochs, as it is the equality that counts here.
NETWORK = {
    "epochs": 4, "steps_per_epoch": 8, "batch": 4, "crop": 48, "tile": 64, "filters": [8, 16, 24], "predict_tile": 64,
    "overlap": 16, "downsample": 1, "structures": ["cells", "mitochondria"],
}  # fmt: skip
SEED = 11


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    write_phantom(str(folder), (12, 64, 64), seed=3, label_slices=[0, 4, 8, 11], scale=0.3)
    return folder


def new_run(tmp_path_factory, data: Path, name: str) -> Run:
    """A run of two slabs over data that no run writes to."""
    config = tiny_config(data, slab_depth=6, networks={"context": NETWORK})
    return Run(tmp_path_factory.mktemp(name), config, alone=True)  # scripts are killed by their process


# ---------------------------------------------------------------- what a run left
def digests(run: Run) -> dict[str, str]:
    """Digest of every slab of all label arrays and of the image, and of the trained network's predictions."""
    files = [
        *run.results.glob("tiny/image.zarr/**/c/**/0"),
        *run.results.glob("tiny/work/probability/**/c/**/0"),
    ]
    return {
        str(f.relative_to(run.results)): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in files
        if f.is_file()
    }


def unfinished(run: Run) -> list[Path]:
    return [f for f in run.results.rglob("*") if f.name.startswith(".part-") or f.name.endswith(".partial")]


class Jobs:
    """The jobs in what Snakemake printed, each by its rule and its first output file."""

    def __init__(self, text: str):
        self.text = text
        by_number = {}
        self.started: list[str] = []
        for block in re.split(r"\n\[[^\n]*\]\n", text):
            head = re.match(r"(?:local)?rule (\w+):\n", block)
            if head:
                output = re.search(r"^    output: ([^,\n]*)", block, re.M)
                job = f"{head[1]} {output[1] if output else ''}"
                by_number[re.search(r"^    jobid: (\d+)", block, re.M)[1]] = job
                self.started.append(job)
        done = re.findall(r"^Finished jobid: (\d+)", text, re.M)
        self.finished = [by_number[number] for number in done if number in by_number]


# ---------------------------------------------------------------- who kills
def scripts_of(run: Run) -> dict[int, str]:
    """Running scripts of a run's rules: process id -> name of the script."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().decode().split("\0")
            if any(word.startswith(f"{run.folder}/.snakemake/scripts/") for word in words[1:2]):
                found[int(place.name)] = words[1].split(".")[-2]
        except OSError:
            continue  # it ended meanwhile
    return found


class Watch(threading.Thread):
    """Watches the scripts of a run; kills the first job of each at a moment drawn from its expected length.

    Without ``expected`` it only measures: ``length`` is the shortest life of each script in seconds.
    """

    def __init__(self, run: Run, expected: dict[str, float] | None = None):
        super().__init__(daemon=True)
        self.run_, self.expected, self.stopped = run, expected or {}, threading.Event()
        self.random = random.Random(SEED)
        self.born: dict[int, tuple[str, float, float]] = {}
        self.length: dict[str, float] = {}
        self.killed: dict[str, float] = {}

    def run(self) -> None:
        while not self.stopped.wait(0.02):
            alive, now = scripts_of(self.run_), time.monotonic()
            for process, name in alive.items():
                if process not in self.born:
                    self.born[process] = (
                        name,
                        now,
                        self.random.uniform(0.05, 0.75) * self.expected.get(name, 0),
                    )
                _, start, after = self.born[process]
                if name in self.expected and name not in self.killed and now - start >= after:
                    try:
                        os.kill(process, signal.SIGKILL)
                    except ProcessLookupError:
                        continue
                    self.killed[name] = now - start
            for process in set(self.born) - set(alive):
                name, start, _ = self.born.pop(process)
                self.length[name] = min(now - start, self.length.get(name, 1e9))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.stopped.set()
        self.join()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, data):
    run = new_run(tmp_path_factory, data, "undisturbed")
    with Watch(run) as watch:
        run.jobs = Jobs(run.snakemake())
    run.lengths = watch.length
    run.digests = digests(run)
    assert len(run.digests) > 12 and len(set(run.jobs.finished)) == len(run.jobs.finished) > 30
    return run


# ---------------------------------------------------------------- a job of each stage is killed
def test_each_stage_loses_a_job_and_the_retry_gives_the_same(undisturbed, tmp_path_factory, data):
    run = new_run(tmp_path_factory, data, "retried")
    started = undisturbed.jobs.started
    job_of = {
        script: next(job for job in started if runs_script(job.split()[0], script))
        for script in undisturbed.lengths
    }
    with Watch(run, undisturbed.lengths) as watch:
        jobs = Jobs(run.snakemake("--retries", "1"))
    missed = set(undisturbed.lengths) - set(watch.killed)
    # Of a stage with one job the kill may come too late; then the stage is made to run again, and killed sooner.
    for script in sorted(missed):
        # Sooner each time: jobs are short, and the computer is not always as busy.
        for share in (0.3, 0.1, 0.02):
            with Watch(run, {script: share * undisturbed.lengths[script]}) as again:
                run.snakemake(job_of[script].split()[1], "--force", "--retries", "1")
            if again.killed:
                break
        assert again.killed, f"no job of {script} could be killed"
    assert len(watch.killed) > 15
    assert digests(run) == undisturbed.digests
    assert not unfinished(run)
    # Every job ended well once; only those that were killed began twice.
    assert sorted(jobs.finished) == sorted(undisturbed.jobs.finished)
    assert len(jobs.started) == len(jobs.finished) + len(watch.killed)
    assert jobs.text.count("Trying to restart job") == len(watch.killed)


def runs_script(rule: str, script: str) -> bool:
    """Whether a rule runs a script; the scripts of layout serve several rules, the others have their rule's name."""
    if rule in ("image_layout", "image_group"):
        return script == "image_layout"
    array_rules = rule.endswith("_layout") or rule.startswith("label_groups")
    return rule == script or (script == "array_layout" and array_rules)


# ---------------------------------------------------------------- Snakemake itself is killed
def start(run: Run, *arguments: str) -> tuple[subprocess.Popen, Path]:
    """Snakemake in a process group of its own, and the file that it prints to."""
    log = run.folder / f"printed{len(list(run.folder.glob('printed*')))}.txt"
    with open(log, "w") as out:
        process = subprocess.Popen(
            run.command(*arguments), stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
    return process, log


def wait_for(condition, process: subprocess.Popen, printed: Path, seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not condition():
        ended = process.poll()
        assert ended is None, f"Snakemake ended with {ended} too soon:\n{printed.read_text()[-3000:]}"
        assert time.monotonic() < end, (
            f"it did not come so far in {seconds} s:\n{printed.read_text()[-3000:]}"
        )
        time.sleep(0.02)


def recover(run: Run) -> None:
    """What docs/recovery.md says after Snakemake was killed."""
    # Without the option it may speak of unfinished files before it looks for the lock.
    assert "Directory cannot be locked" in run.snakemake("--rerun-incomplete", check=False)
    run.snakemake("--unlock")


def wake(training: int, log: Path) -> None:
    """Let a stopped training go on once another one waits for it, or after a minute in any case."""
    for _ in range(600):
        if log.exists() and "already: waiting for it" in log.read_text(errors="replace"):
            break
        time.sleep(0.1)
    os.kill(training, signal.SIGCONT)


@pytest.fixture(scope="module")
def recovered(undisturbed, tmp_path_factory, data):
    """A run through three disturbances, and what Snakemake printed each time."""
    run = new_run(tmp_path_factory, data, "recovered")
    moment = random.Random(SEED)
    # 1. Snakemake is killed in the middle of a training, which lives on.
    process, printed = start(run)
    state = run.results / "models/checkpoints/context/state.json"
    wait_for(state.exists, process, printed)
    (training,) = (p for p, name in scripts_of(run).items() if name == "train")
    os.kill(training, signal.SIGSTOP)  # so that it lives longer than the rerun takes to come to its training
    process.kill()
    process.wait()
    run.printed = [printed.read_text()]
    # 2. The rerun waits for it; then the disk of the predictions is full.
    place = run.results / "tiny/work/probability/context/c"
    recover(run)
    threading.Thread(target=wake, args=(training, run.folder / "logs/train/context.log"), daemon=True).start()
    place.mkdir(parents=True, exist_ok=True)
    run.disk = not no_mount()
    if run.disk:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], check=True)
    try:
        if run.disk:
            (place / "filler").write_bytes(bytes(4 << 20))
            done = run.call("--rerun-incomplete")
            run.full = (
                done.returncode,
                done.stdout + done.stderr,
                [f.name for f in place.rglob("*") if f.is_file()],
            )
            run.printed.append(run.full[1])
            (place / "filler").unlink()
        # 3. With room again it goes on, until Snakemake dies with all its jobs.
        process, printed = start(run, "--rerun-incomplete")
        wanted = moment.choice(["objects_label", "propagate", "cells", "link_edges", "link"])
        wait_for(lambda: wanted in scripts_of(run).values(), process, printed)
        time.sleep(moment.uniform(0, 0.8 * undisturbed.lengths[wanted]))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        run.printed.append(printed.read_text())
        recover(run)
        run.printed.append(run.snakemake("--rerun-incomplete"))
        run.train_log = (run.folder / "logs/train/context.log").read_text()
        if run.disk:  # the slabs move to the disk of the run, so that nothing stays mounted
            shutil.copytree(place, run.folder / "kept")
    finally:
        if run.disk:
            subprocess.run(["umount", place], check=True)
    if run.disk:
        place.rmdir()
        os.rename(run.folder / "kept", place)
    return run


def test_killed_snakemake_ends_with_the_same_files(undisturbed, recovered):
    assert digests(recovered) == undisturbed.digests
    assert not unfinished(recovered)


def test_what_was_finished_before_a_kill_is_not_made_again(undisturbed, recovered):
    finished = [job for text in recovered.printed for job in Jobs(text).finished]
    assert len(finished) == len(set(finished))
    # A job whose end a killed Snakemake did not see counts as cut off; all the others are here once.
    assert set(finished) == set(undisturbed.jobs.finished)


def test_rerun_waits_for_the_training_that_lived_on(recovered):
    assert "is being trained by process" in recovered.train_log
    assert "resuming after epoch 4" in recovered.train_log


def test_full_disk_in_prediction_is_told_and_leaves_nothing(recovered):
    if not recovered.disk:
        pytest.skip(no_mount())
    status, text, files = recovered.full
    assert status != 0
    assert re.search(
        r"results/tiny/work/probability/context/c/[01]/0/0/0: the disk is full \(0.0 MB free\)", text
    )
    assert "Cure: Free space" in text
    assert "Traceback" not in text
    assert files == ["filler"]


# ---------------------------------------------------------------- slabs are lost after the run
def test_truncated_and_deleted_slabs_are_found_and_made_again(undisturbed, recovered):
    run = recovered
    cut = "results/tiny/image.zarr/labels/cells/0/c/1/0/0"
    gone = "results/tiny/image.zarr/labels/mitochondria/1/c/0/0/0"
    os.truncate(run.folder / cut, 100)
    (run.folder / gone).unlink()
    # The jobs that read the truncated slab say so; the deleted one is made again beside them.
    text = run.snakemake("--keep-going", check=False)
    assert f"Delete {cut}" in text
    (run.folder / cut).unlink()
    jobs = Jobs(text).finished + Jobs(run.snakemake()).finished
    made = sorted(job for job in jobs if job.split()[0] in ("link_relabel", "objects"))
    assert made == ["link_relabel " + cut, "objects " + gone.replace("/1/c/", "/0/c/")]
    assert not {job.split()[0] for job in jobs} & {"ingest", "labels", "tiles", "train", "predict", "flow"}
    assert digests(run) == undisturbed.digests
