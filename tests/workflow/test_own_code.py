"""A run takes the code beside its rules, whatever other ultraseg the environment holds."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from workflow_run import Run, copy_code, tiny_config

TARGET = "results/tiny/image.zarr/0/c/0/0/0"


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """The Python of an environment in which another ultraseg is installed: it can be imported, and has nothing."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (packages / "ultraseg").mkdir()
    (packages / "ultraseg/__init__.py").write_text("__version__ = '0.0.1'\n")
    found = subprocess.run(
        [folder / "bin/python", "-c", "import ultraseg; print(ultraseg.__version__)"],
        capture_output=True, text=True, env={},
    )  # fmt: skip
    assert found.stdout == "0.0.1\n"
    return folder / "bin/python"


@pytest.fixture
def run(tmp_path, tissue) -> Run:
    """A run over a copy of the workflow, whose ingest says in its log which file it is."""
    copy_code(tmp_path / "code")
    script = tmp_path / "code/workflow/scripts/ingest/ingest.py"
    text = script.read_text()
    begin = "with job(snakemake, Ingest) as (spec, log):\n"
    assert begin in text
    said = "    import ultraseg\n    log.info('code of %s', ultraseg.__file__)\n"
    script.write_text(text.replace(begin, begin + said))
    return Run(tmp_path / "run", tiny_config(tissue), tmp_path / "code")


def said(run: Run) -> set[str]:
    """The package that the jobs of ingest say they ran."""
    lines = [line for log in run.folder.glob("logs/ingest/**/*.log") for line in log.read_text().splitlines()]
    return {line.partition("code of ")[2] for line in lines if "code of " in line}


def call(run: Run, python: Path, snakefile: Path, **environment: str) -> None:
    command = run.command(TARGET)
    command[0] = str(python)
    command[command.index("--snakefile") + 1] = str(snakefile)
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | environment
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_jobs_of_a_copy_run_its_own_code(run, python):
    call(run, python, run.code / "Snakefile")
    assert said(run) == {str(run.code / "workflow/ultraseg/__init__.py")}


def test_a_package_on_pythonpath_does_not_come_first(run, tmp_path):
    (tmp_path / "other/ultraseg").mkdir(parents=True)
    (tmp_path / "other/ultraseg/__init__.py").touch()
    call(run, Path(sys.executable), run.code / "Snakefile", PYTHONPATH=str(tmp_path / "other"))
    assert said(run) == {str(run.code / "workflow/ultraseg/__init__.py")}


def test_a_workflow_that_uses_this_one_as_a_module_runs_its_code(run, python):
    snakefile = run.folder / "Snakefile"
    snakefile.write_text(
        f'module cells:\n    snakefile: "{run.code}/workflow/Snakefile"\n    config: config\n\n\n'
        "use rule * from cells\n"
    )
    call(run, python, snakefile)
    assert said(run) == {str(run.code / "workflow/ultraseg/__init__.py")}
