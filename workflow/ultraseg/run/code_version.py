"""Hashes of the code that makes the numbers, so that a change of code reruns the steps it touches, and only these."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import sys
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.util import cache_from_source
from pathlib import Path

from ultraseg.base.files import write_text

PACKAGE = Path(__file__).parents[1]
SCRIPTS = PACKAGE.parent / "scripts"
# Beside what Python keeps of this module, so where the user may write, and where nobody looks for results.
KEPT = Path(cache_from_source(__file__)).with_name("code_version.json")
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # parts of a statement that hold statements
WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# Words for people, how a file gets its name at the end, and the names of files: a rule's outputs say these.
WITHOUT_NUMBERS = {"base.errors", "base.files", "grid.paths"}
# What scripts import around their numbers. What a job is told (``jobs``) Snakemake itself compares.
AROUND = {"run.job", "networks.devices", "storage.arrays"}
# The card only writes down what training found: no reason to train anew.
AROUND_ONE = {"train/train": {"networks.card"}}


@lru_cache
def code_version(*modules: str, package: Path = PACKAGE) -> str:
    """Hash of the named modules of the package ("cells.flow") and of all its modules that they import, directly or not.

    Comments, docstrings and layout do not count. Raises FileNotFoundError for an unknown module.
    """
    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(imported_modules(modules, package)):
        digest.update(name.encode() + _read(module_file(name, package), package)[1])
    return digest.hexdigest()


def script_version(script: str) -> str:
    """Hash of all modules that make the numbers of a script in workflow/scripts, such as "cells/flow".

    Raises FileNotFoundError for an unknown script.
    """
    known = versions(KEPT)
    if script not in known:
        raise FileNotFoundError(SCRIPTS / f"{script}.py")
    return known[script]


@cache
def versions(kept: Path) -> dict[str, str]:
    """The hashes of all scripts, from the file ``kept`` if the code is still that of the file; else it is written anew.

    To parse all modules takes longer than all else that this package does when Snakemake starts, and on a cluster
    Snakemake starts twice for every job.
    """
    code = _all_code()
    with contextlib.suppress(OSError, ValueError):
        known: dict[str, dict[str, str]] = json.loads(kept.read_text())
        if [*known] == [code]:
            return known[code]
    found = {script: code_version(*modules_of(script)) for script in _scripts()}
    with contextlib.suppress(OSError):  # where nobody may write beside the code, every start parses it
        write_text(kept, json.dumps({code: found}))
    return found


def _scripts() -> list[str]:
    return sorted(str(file.relative_to(SCRIPTS).with_suffix("")) for file in SCRIPTS.rglob("*.py"))


def _all_code() -> str:
    """Hash of the bytes of all modules and scripts, and of the Python that parses them."""
    digest = hashlib.blake2b(sys.version.encode(), digest_size=16)
    for root in (PACKAGE, SCRIPTS):
        for file in sorted(root.rglob("*.py")):
            content = file.read_bytes()
            digest.update(f"{file.relative_to(root)} {len(content)} ".encode() + content)
    return digest.hexdigest()


def modules_of(script: str) -> list[str]:
    """The modules that a script imports for its numbers."""
    around = AROUND | AROUND_ONE.get(script, set())
    imports = _read(SCRIPTS / f"{script}.py", PACKAGE)[0]
    return [name for name in imports if name not in around and not name.startswith("jobs.")]


def imported_modules(modules: tuple[str, ...], package: Path = PACKAGE) -> set[str]:
    """The named modules and those of the same package that they import, transitively."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _read(module_file(name, package), package)[0]
    return found - WITHOUT_NUMBERS


def module_file(name: str, package: Path = PACKAGE) -> Path:
    """The file of a module by its dotted name within the package."""
    return package.joinpath(*name.split(".")).with_suffix(".py")


@cache  # each job of a cluster pays for it, so each file is parsed once
def _read(file: Path, package: Path) -> tuple[list[str], bytes]:
    """The modules of its package that a file imports, and its code without comments, docstrings and layout."""
    tree, imports = ast.parse(file.read_text()), []
    for node in _statements(tree):
        imports += imports_of(node, package)
        if isinstance(node, WITH_DOCSTRING) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return imports, ast.dump(tree).encode()


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """The module and all its statements, nested ones too; expressions, which are most of a file, are passed over."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for part in BLOCKS:
            waiting += getattr(node, part, ())


def imports_of(node: ast.AST, package: Path = PACKAGE) -> list[str]:
    """The modules of the package that one statement imports, as dotted names within it."""
    names: list[str] = []
    if isinstance(node, ast.ImportFrom) and node.module:
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    elif isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    within = [name.removeprefix("ultraseg.") for name in names if name.startswith("ultraseg.")]
    return [name for name in within if module_file(name, package).exists()]
