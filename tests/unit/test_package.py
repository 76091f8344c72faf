"""The package as it is installed: one version, its files, and dependencies that are declared."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import ultraseg
import yaml

ROOT = Path(__file__).parents[2]
PACKAGE = Path(ultraseg.__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_version_is_written_once():
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "ultraseg.__version__"}
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == ultraseg.__version__


def test_every_file_that_is_no_code_is_installed_with_the_package():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["ultraseg"]
    data = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    found = (path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".py")
    files = {
        path for path in found if path.parent.name != "__pycache__"
    }  # what Python and run.code_version keep
    assert files == data and len(files) >= 2


def test_every_folder_of_the_package_is_a_package():
    """Others would be left out of what is installed."""
    folders = {file.parent for file in PACKAGE.rglob("*.py")}
    assert len(folders) > 20 and all((folder / "__init__.py").exists() for folder in folders)


def imported(file: Path) -> set[str]:
    """The top modules that a file imports."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {
        node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level
    }
    return {name.partition(".")[0] for name in names}


def names_of(requirements: list[str]) -> set[str]:
    ends = str.maketrans("[<>=~!; ", "\n" * 8)
    return {text.translate(ends).partition("\n")[0].lower() for text in requirements}


def test_what_the_code_imports_is_declared():
    """And so in the lock files, which are resolved from there."""
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "workflow/scripts").rglob("*.py")]
    used = set().union(*(imported(file) for file in files)) - set(sys.stdlib_module_names) - {"ultraseg"}
    assert {"numpy", "snakemake", "tornado"} <= used
    used -= {
        "napari",
        "qtpy",
        "napari_layers",
        "kimimaro",
        "rocrate",
        "bioimageio",
        "onnx",
        "onnxruntime",
        "pydantic",
    }  # in environments of their own; a script beside another
    # Parts of Snakemake's own, which come with it.
    used -= {"snakemake_interface_logger_plugins", "snakemake_interface_report_plugins"}
    project = PROJECT["project"]
    declared = names_of(project["dependencies"] + sum(project["optional-dependencies"].values(), []))
    names = packages_distributions()
    missing = {
        module
        for module in used
        if not {name.lower().replace("_", "-") for name in names.get(module, [module])} & declared
    }
    assert not missing


@pytest.mark.parametrize("device", ["cpu", "gpu", "jax"])
def test_every_declared_dependency_is_locked_with_hashes(device):
    lock = (ROOT / f"envs/{device}.lock").read_text()
    locked = {line.partition("==")[0] for line in lock.splitlines() if "==" in line}
    project = PROJECT["project"]
    wanted = names_of(
        [
            *project["dependencies"],
            *project["optional-dependencies"][device],
            *project["optional-dependencies"]["dev"],
        ]
    )
    assert wanted <= locked and lock.count("--hash=sha256:") > 2 * len(locked)
    assert names_of(PROJECT["build-system"]["requires"]) <= locked
