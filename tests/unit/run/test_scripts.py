"""The scripts of the rules: what they import exists, and they stay short."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "workflow/scripts"
FILES = sorted(SCRIPTS.rglob("*.py"))
LONGEST = 42  # lines, of which about half are imports


def test_there_are_scripts():
    assert len(FILES) > 35


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SCRIPTS)))
def test_what_a_script_imports_exists(file):
    tree = ast.parse(file.read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    for node in imports:
        if node.module and node.module.startswith("ultraseg"):
            module = import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name) or import_module(f"{node.module}.{alias.name}")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SCRIPTS)))
def test_a_script_is_short_and_defines_nothing(file):
    text = file.read_text()
    assert len(text.splitlines()) <= LONGEST
    defined = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert not defined
