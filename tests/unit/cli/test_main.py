"""The command ``ultraseg`` as a program: how it ends, what it loads, and what it prints of errors."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from ultraseg.base.errors import UserError
from ultraseg.cli import main as module
from ultraseg.cli.main import main
from written_volume import write_volume

WORKFLOW = Path(module.__file__).parents[2]
HEAVY = {"numpy", "tornado", "neuroglancer", "matplotlib", "tensorflow", "keras", "skimage", "pandas"}


def loaded(*words: str, folder: Path | None = None) -> set[str]:
    """Top modules that a process holds after it has run a command, which must succeed."""
    code = (
        "import sys\nfrom ultraseg.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('loaded', *{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=folder,
        env=os.environ | {"PYTHONPATH": str(WORKFLOW)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("loaded ")[2].split())


def test_help_loads_nothing_heavy():
    assert not loaded("--help") & HEAVY and not loaded("export", "--help") & HEAVY


def test_export_loads_neither_viewer_nor_figures(tmp_path):
    stacks = {"image": np.zeros((4, 16, 16), np.uint8), "cells": np.ones((4, 16, 16), np.uint32)}
    write_volume(tmp_path / "results/v/image.zarr", stacks, voxel_nm=(20, 10, 10), depth=4)
    found = loaded("export", "slices", folder=tmp_path)
    assert (tmp_path / "export/v/cells/z00003.tif").exists() and "numpy" in found
    assert not found & {"tornado", "neuroglancer", "matplotlib", "skimage", "tensorflow", "keras"}


def test_without_a_command_the_page_is_printed(capsys):
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2 and "before a run:" in capsys.readouterr().out


def test_an_error_that_the_user_can_put_right_is_told_without_a_traceback(tmp_path):
    with pytest.raises(SystemExit) as end:
        main(["status", "--directory", str(tmp_path)])
    text = str(end.value.code)
    assert text.startswith("ultraseg status: ") and "no run was started" in text and "Cure:" in text


@pytest.mark.parametrize(
    "error, words",
    [
        (UserError("a", "b"), "ultraseg status: a\n  Cure: b"),
        (OSError(28, "No space left on device"), "the disk is full"),
        (PermissionError(13, "Permission denied", "/x"), "/x: no permission"),
        (MemoryError(), "out of memory"),
    ],
)
def test_errors_of_the_system_are_explained(monkeypatch, error, words):
    def fail(given):
        raise error

    monkeypatch.setitem(module.COMMANDS, "status", fail)
    with pytest.raises(SystemExit, match=words):
        main(["status"])


def test_an_error_of_another_kind_is_a_traceback(monkeypatch):
    def fail(given):
        raise FileNotFoundError(2, "No such file", "/x")

    monkeypatch.setitem(module.COMMANDS, "status", fail)
    with pytest.raises(FileNotFoundError):
        main(["status"])


# ---------------------------------------------------------------- commands whose work is tested elsewhere
def test_phantom_writes_what_it_prints(tmp_path, capsys):
    main(
        [
            "phantom",
            str(tmp_path / "p"),
            "--shape",
            "3",
            "32",
            "32",
            "--label-slices",
            "0",
            "2",
            "--scale",
            "0.4",
        ]
    )
    assert len(list((tmp_path / "p/image").glob("*.tif"))) == 3
    assert len(list((tmp_path / "p/labels/cells").glob("*.tif"))) == 2
    assert f"{tmp_path / 'p'}/image: 3 file(s)" in capsys.readouterr().out


def test_check_prints_problems_and_ends_with_status_1(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["phantom", "p", "--shape", "8", "96", "96", "--label-slices", "0", "4", "7", "--scale", "0.35"])
    config = {
        "volumes": {"v": {"image": "p/image", "voxel_size_nm": [9, 9, 9], "labels": {"cells": "p/labels/cells"}}},
        "structures": {"cells": {"kind": "cells"}},
        "networks": {"n": {"structures": ["cells"]}},
        "slab_depth": 4,
    }  # fmt: skip
    Path("my.yaml").write_text(yaml.safe_dump(config))
    main(["check", "--configfile", "my.yaml"])
    assert "no problem found" in capsys.readouterr().out
    Path("p/image/z0003.tif").unlink()
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(SystemExit) as end:
        main(["check", "--configfile", "my.yaml", "--directory", "elsewhere", "--data-root", "."])
    assert end.value.code == 1 and "missing" in capsys.readouterr().out


def test_check_reads_the_text_of_the_configuration_too(tmp_path, capsys):
    (tmp_path / "my.yaml").write_text(
        "volumes:\n  a:\n    image: raw\n    voxel_size_nm: [4, 4, 4]\n    bad_slices: [0010]\n"
        "structures: {cells: {kind: cells}}\nnetworks: {n: {structures: [cells]}}\n"
    )
    with pytest.raises(SystemExit):
        main(["check", "--configfile", str(tmp_path / "my.yaml"), "--directory", str(tmp_path)])
    assert "my.yaml, line 5: volumes.a.bad_slices.0: 0010 is read as 8" in capsys.readouterr().out
