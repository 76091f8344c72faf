"""A row of the comparison is a file: made once, kept with its error where it failed, taken up where it was cut off."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from peers import environments, methods
from peers.environments import InstallError
from peers.volumes import Task

RUN = """
import sys
from pathlib import Path
import numpy as np
given, out = Path(sys.argv[1]), Path(sys.argv[2])
with open(out / "calls", "a") as calls:
    calls.write("x")
{body}
"""
COPY = """labels = np.load(given / 'labels-cells.npy')
np.save(out / 'result-cells.npy', labels.max(axis=0) + 0 * labels)"""


@pytest.fixture
def peer(tmp_path, monkeypatch):
    """A comparison of one method, `mine`, on one task of three slices; returns how to write its script."""
    truth = np.ones((3, 60, 60), np.uint32)
    truth[:, :, 30:] = 2
    labels = truth.copy()
    labels[1] = 0
    task = Task("cells", "tiny", np.zeros(truth.shape, np.uint8), {"cells": labels}, [0, 2], {"cells": truth})
    mine = {"mine": methods.Method("Mine", "mine"), "links": methods.Method("Links", "mine", after="mine")}
    monkeypatch.setattr(methods, "METHODS", {"cells": mine})
    monkeypatch.setattr(methods, "HERE", tmp_path / "peers")
    monkeypatch.setattr(methods, "python_of", lambda folder: Path(sys.executable))
    monkeypatch.setattr(methods, "read", lambda job, name, _: {("cells", "tiny"): task}[job, name])
    (tmp_path / "peers/mine").mkdir(parents=True)

    def write(body: str) -> None:
        (tmp_path / "peers/mine/run.py").write_text(RUN.format(body=body))

    return write


def run(tmp_path: Path, method: str = "mine", **how) -> str:
    return methods.run(tmp_path / "runs", "cells", "tiny", method, tmp_path, **how)


def calls(tmp_path: Path) -> int:
    return len((tmp_path / "runs/cells/tiny/mine/calls").read_text())


def test_a_row_is_scored_kept_and_not_made_again(tmp_path, peer):
    peer(COPY)
    assert run(tmp_path).startswith("done")
    about = json.loads((tmp_path / "runs/cells/tiny/mine/result.json").read_text())
    assert (
        about["scores"]["cells dice"] == 1
        and about["cpu_seconds"] > 0
        and about["peak_mb"] > 0
        and about["commit"]
    )
    assert run(tmp_path) == "is there"
    assert calls(tmp_path) == 1


def test_a_failure_is_kept_with_its_words_and_tried_again_only_when_asked(tmp_path, peer):
    peer("sys.exit('no OpenCL device')")
    assert run(tmp_path) == "failed"
    about = json.loads((tmp_path / "runs/cells/tiny/mine/failed.json").read_text())
    assert about["step"] == "run" and about["error"].endswith("no OpenCL device")
    assert run(tmp_path) == "failed before" and calls(tmp_path) == 1
    peer(COPY)
    assert run(tmp_path, again=True).startswith("done")
    assert not (tmp_path / "runs/cells/tiny/mine/failed.json").exists()


def test_of_a_traceback_only_the_error_is_kept(tmp_path, peer):
    peer("def inner():\n    raise OSError('no weights')\ninner()")
    run(tmp_path)
    error = json.loads((tmp_path / "runs/cells/tiny/mine/failed.json").read_text())["error"]
    assert error == "OSError: no weights"
    assert methods.last_words("one\n  two\n") == ["one", "  two"]


def test_an_error_is_shown_without_the_folders_of_this_computer():
    text = f"{methods.ROOT}/.venv-peers/x, {sys.base_prefix}/lib, {Path.home()}/data"
    assert methods.plain(text) == "./.venv-peers/x, python/lib, ~/data"


def test_a_home_beside_the_repository_is_named_as_well(monkeypatch):
    monkeypatch.setattr(methods.Path, "home", lambda: Path(f"{methods.ROOT}-home"))
    assert methods.plain(f"{methods.ROOT}-home/data in {methods.ROOT}") == "~/data in ."


def test_a_failed_try_leaves_nothing_behind(tmp_path, peer):
    """Neither its time nor a result of it."""
    peer(COPY + "\nimport time; time.sleep(1.5); sys.exit('after its result')")
    assert run(tmp_path) == "failed"
    peer("pass")
    assert run(tmp_path, again=True) == "failed"  # no result of its own
    peer(COPY)
    assert run(tmp_path, again=True).startswith("done")
    assert json.loads((tmp_path / "runs/cells/tiny/mine/result.json").read_text())["seconds"] < 1.5


def test_a_program_that_ends_well_without_a_result_is_no_row(tmp_path, peer):
    peer("pass")
    assert run(tmp_path) == "failed"
    assert (
        "result-cells.npy" in json.loads((tmp_path / "runs/cells/tiny/mine/failed.json").read_text())["error"]
    )


def test_what_was_cut_off_goes_on_and_its_time_counts(tmp_path, peer):
    peer("import time\nif not (out / 'half').exists():\n    (out / 'half').touch(); time.sleep(60)\n" + COPY)
    assert run(tmp_path, minutes=1.5 / 60).startswith("cut off")
    assert not (tmp_path / "runs/cells/tiny/mine/result.json").exists()
    assert run(tmp_path).startswith("done") and calls(tmp_path) == 2
    about = json.loads((tmp_path / "runs/cells/tiny/mine/result.json").read_text())
    assert about["seconds"] > 1.5  # both parts


def test_an_installation_that_fails_is_a_failure_with_its_words(tmp_path, peer, monkeypatch):
    def broken(folder):
        raise InstallError("No matching distribution found for mine==1")

    monkeypatch.setattr(methods, "python_of", broken)
    assert run(tmp_path) == "installation failed"
    about = json.loads((tmp_path / "runs/cells/tiny/mine/failed.json").read_text())
    assert about == {"step": "installation", "error": "No matching distribution found for mine==1"}


def test_a_method_that_needs_another_one_waits_for_it_and_gets_what_it_found(tmp_path, peer):
    peer(COPY + "\nfor n in ('pieces', 'maps'): np.save(out / f'{n}.npy', np.arange(3))")
    assert run(tmp_path, "links") == "waits for mine"
    run(tmp_path)
    peer("assert (np.load(given / 'pieces.npy') == np.arange(3)).all()\n" + COPY.replace("result", "objects"))
    assert run(tmp_path, "links").startswith("done")


def test_every_method_has_a_script_and_its_own_pinned_environment():
    for job in methods.METHODS.values():
        for how in job.values():
            folder = methods.HERE / how.folder
            assert (folder / "run.py").exists()
            lock = folder / "requirements.lock"
            assert lock.exists() != (how.folder in methods.OWN_PYTHON)
            if lock.exists():
                lines = [
                    line for line in lock.read_text().splitlines() if line and not line.startswith(("#", "-"))
                ]
                assert lines and all("==" in line for line in lines)


@pytest.fixture
def installer(monkeypatch):
    """A stand-in for venv and pip, which take half a minute: notes what it is called with, and fails where told so."""
    called, broken = [], []

    def fake(command, **_):
        called.append(command)
        Path(command[-1]).mkdir(parents=True, exist_ok=True) if "venv" in command else None
        failed = "pip" in command and broken
        return subprocess.CompletedProcess(command, int(bool(failed)), "", "\n".join(broken))

    monkeypatch.setattr(environments.subprocess, "run", fake)
    return called, broken


def lock_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "peers/none").mkdir(parents=True, exist_ok=True)
    (tmp_path / "peers/none/requirements.lock").write_text(text)


def environment(tmp_path: Path) -> Path:
    return environments.python_of("none", tmp_path / "venvs", tmp_path / "peers")


def test_an_environment_that_cannot_be_made_tells_what_the_installer_said(tmp_path, installer):
    _, broken = installer
    broken.append("ERROR: No matching distribution found for none==1.0")
    lock_file(tmp_path, "none==1.0")
    with pytest.raises(InstallError, match="No matching distribution found for none==1.0"):
        environment(tmp_path)
    broken.clear()  # what failed is no environment: the next call makes it
    assert environment(tmp_path).is_relative_to(tmp_path / "venvs/none")


def test_an_environment_is_made_once_and_again_when_its_lock_changes(tmp_path, installer):
    called, _ = installer
    lock_file(tmp_path, "none==1.0")
    environment(tmp_path)
    assert len(called) == 2 and str(tmp_path / "peers/none/requirements.lock") in called[1]
    environment(tmp_path)
    assert len(called) == 2
    lock_file(tmp_path, "none==2.0")
    environment(tmp_path)
    assert len(called) == 4


def test_a_torch_for_the_processor_is_looked_for_where_pytorch_has_it(tmp_path, installer):
    called, broken = installer
    broken.append("ERROR: No matching distribution found for torch==2.13.0+cpu")
    lock_file(tmp_path, "torch==2.13.0+cpu")
    with pytest.raises(InstallError, match="torch"):
        environment(tmp_path)
    assert [environments.TORCH_FOR_CPU in command for command in called] == [False, False, True]


def test_a_method_without_a_lock_file_runs_in_our_environment(tmp_path):
    assert environments.python_of("none", tmp_path / "venvs", tmp_path / "peers") == Path(sys.executable)


def test_objects_at_the_scale_of_a_network_are_enlarged_to_the_image():
    objects = np.arange(6, dtype=np.uint32).reshape(1, 2, 3)
    assert methods.enlarged(objects, (1, 2, 3)) is objects
    np.testing.assert_array_equal(
        methods.enlarged(objects, (1, 4, 5)),
        [[[0, 0, 1, 1, 2], [0, 0, 1, 1, 2], [3, 3, 4, 4, 5], [3, 3, 4, 4, 5]]],
    )
