"""Ways to bring ultraseg to another computer: container recipes, and a workflow of one's own that uses this one."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKER, APPTAINER = ROOT / "envs/Dockerfile", ROOT / "envs/ultraseg.def"
# What python:3.12-slim-bookworm has, as parts of Debian that are essential, or that apt needs.
IN_THE_IMAGE = {
    "libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "librt.so.1", "libstdc++.so.6",
    "libz.so.1", "libutil.so.1",
}  # fmt: skip


def copied_by_docker() -> dict[str, str]:
    """What the Dockerfile copies: source -> place."""
    found = {}
    for words in re.findall(r"^COPY (.*)$", DOCKER.read_text(), re.M):
        *sources, place = words.split()
        found |= {s: f"{place}{s}" if place.endswith("/") else place for s in sources}
    return found


def section(name: str) -> list[str]:
    """The lines of a section of the Apptainer definition."""
    found = re.search(rf"^%{name}\n(.*?)(?=^%|\Z)", APPTAINER.read_text(), re.M | re.S)
    assert found
    return [line.strip() for line in found[1].splitlines() if line.strip()]


def test_both_recipes_make_the_same_image():
    docker = DOCKER.read_text()
    assert (
        re.search(r"^FROM (.*)$", docker, re.M)[1]
        == re.search(r"^From: (.*)$", APPTAINER.read_text(), re.M)[1]
    )
    assert re.findall(r"^RUN (.*)$", docker, re.M) == section("post")
    assert re.findall(r"^ENV (.*)$", docker, re.M) == [
        line.removeprefix("export ") for line in section("environment")
    ]
    assert copied_by_docker() == dict(line.split() for line in section("files"))


def test_the_image_has_the_software_that_make_env_installs():
    make = (ROOT / "Makefile").read_text()
    ours = [line.replace(" --no-cache-dir", "").replace("/opt/ultraseg/", "") for line in section("post")]
    assert "--require-hashes -r envs/$(ENV).lock" in make and "--require-hashes -r envs/cpu.lock" in ours[0]
    assert re.search(r"--no-index .* --editable \.", make)[0] in ours[1].replace("/opt/ultraseg", ".")


@pytest.mark.skipif(not shutil.which("ldd"), reason="needs ldd")
def test_the_software_needs_no_library_that_the_image_lacks():
    packages = next(Path(folder) for folder in sys.path if folder.endswith("site-packages"))
    files = [str(file) for file in packages.rglob("*.so*") if file.is_file() and "/tests/" not in str(file)]
    assert len(files) > 100
    needed = set()
    for start in range(0, len(files), 100):
        said = subprocess.run(["ldd", *files[start : start + 100]], capture_output=True, text=True).stdout
        needed |= {Path(path).name for path in re.findall(r"=> (/\S+)", said) if "site-packages" not in path}
    assert needed <= IN_THE_IMAGE, needed - IN_THE_IMAGE


@pytest.fixture
def image(tmp_path) -> Path:
    """The folder /opt/ultraseg of the image."""
    for source, place in copied_by_docker().items():
        target = tmp_path / place.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(ROOT / source, target)
    (tmp_path / "work").mkdir()
    return tmp_path / "opt/ultraseg"


def dry_run(folder: Path, *words: str, **environment: str) -> str:
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "SNAKEMAKE_PROFILE")} | environment
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=env, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_the_image_has_all_files_that_the_demo_needs(image):
    """The demo is planned from the files of the image alone, in a folder of its own."""
    said = dry_run(
        image.parents[1] / "work", "--snakefile", str(image / "Snakefile"),
        "--configfile", str(image / "config/demo.yaml"), SNAKEMAKE_PROFILE=str(image / "profiles/local"),
    )  # fmt: skip
    assert re.search(r"^evaluate +1$", said, re.M) and re.search(r"^ultraseg +1$", said, re.M)


def test_a_workflow_that_snakedeploy_writes_plans_the_whole_run(tmp_path):
    """As snakedeploy 0.17 deploys from a copy on this computer, with the path put right (docs/running.md)."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    shutil.copy(tmp_path / "config/demo.yaml", tmp_path / "config/config.yaml")
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow/Snakefile").write_text(
        "from snakemake.utils import min_version\n\n\n"
        'min_version("6.10.0")\n\n\n'
        'configfile: "config/config.yaml"\n\n\n'
        f'module ultraseg:\n    snakefile:\n        "{ROOT}/workflow/Snakefile"\n    config:\n        config\n\n\n'
        "use rule * from ultraseg\n"
    )
    said = dry_run(tmp_path, "--cores", "2")
    assert re.search(r"^all +1$", said, re.M) and re.search(r"^evaluate +1$", said, re.M)
