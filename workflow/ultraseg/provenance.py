"""Hashes of the code that makes the numbers, so that a change of code reruns the steps it touches, and only these."""

from __future__ import annotations

import ast
import hashlib
from functools import lru_cache
from pathlib import Path

PACKAGE = Path(__file__).parent


@lru_cache
def code_version(*modules: str, package: Path = PACKAGE) -> str:
    """Hash of the named modules of the package and of all its modules that they import, directly or not.

    Comments, docstrings and layout do not count. Raises FileNotFoundError for an unknown module.
    """
    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(imported_modules(modules, package)):
        digest.update(name.encode() + _read(package / f"{name}.py")[1])
    return digest.hexdigest()


def imported_modules(modules: tuple[str, ...], package: Path = PACKAGE) -> set[str]:
    """The named modules and those of the same package that they import, transitively."""
    found, waiting = set(), list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _read(package / f"{name}.py")[0]
    return found - {"errors", "files"}  # neither alters a number


@lru_cache  # each job of a cluster pays for it, so each file is parsed once
def _read(file: Path) -> tuple[list[str], bytes]:
    """The modules of its package that a file imports, and its code without comments, docstrings and layout."""
    tree, imports = ast.parse(file.read_text()), []
    for node in ast.walk(tree):
        imports += _names(node, file.parent)
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            if isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
                node.body = body[1:] or [ast.Pass()]
    return imports, ast.dump(tree).encode()


def _names(node: ast.AST, package: Path) -> list[str]:
    names = []
    if isinstance(node, ast.ImportFrom) and node.module:
        if node.module == "ultraseg":
            names = [alias.name for alias in node.names]
        elif node.module.startswith("ultraseg."):
            names = [node.module.split(".")[1]]
    elif isinstance(node, ast.Import):
        names = [alias.name.split(".")[1] for alias in node.names if alias.name.startswith("ultraseg.")]
    return [name for name in names if (package / f"{name}.py").exists()]
