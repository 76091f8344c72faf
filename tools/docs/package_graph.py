"""The picture and the table of the packages in docs/design.md, from their imports and docstrings.

python tools/docs/package_graph.py docs/design.md
"""

from __future__ import annotations

import ast
import sys
import tomllib
from functools import lru_cache
from pathlib import Path

from rule_graph import reduced
from ultraseg.base.files import write_text

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "workflow/ultraseg"
BEGIN, END = "<!-- packages: written by `make docs` -->\n", "<!-- end of the packages -->\n"


def packages() -> dict[str, str]:
    """What belongs into each package, by its name, as the package itself says."""
    found = {}
    for file in sorted(PACKAGE.glob("*/__init__.py")):
        found[file.parent.name] = ast.get_docstring(ast.parse(file.read_text())) or ""
    if not found:
        raise RuntimeError(f"no package in {PACKAGE}")
    return found


def layers() -> list[list[str]]:
    """The lines on which the packages stand, the highest first, as the contract in pyproject.toml has them."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    return [line.split(" | ") for line in contract["layers"]]


@lru_cache
def imports() -> dict[str, set[str]]:
    """For each package the other packages that any of its modules imports, within functions and for types as well."""
    names = packages()
    found: dict[str, set[str]] = {name: set() for name in names}
    for file in PACKAGE.glob("*/**/*.py"):
        own = file.relative_to(PACKAGE).parts[0]
        for node in ast.walk(ast.parse(file.read_text())):
            modules = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            for module in modules:
                parts = module.split(".")
                if parts[0] == "ultraseg" and len(parts) > 1 and parts[1] in names and parts[1] != own:
                    found[own].add(parts[1])
    return found


def page() -> str:
    """Picture and table in Markdown."""
    about, lines = packages(), ["```mermaid", "flowchart TB"]
    for number, line in enumerate(layers()):
        lines += [f'    subgraph line{number}[" "]', *(f"        {name}" for name in line), "    end"]
    lines += [f"    {user} --> {used}" for used, user in reduced(imports())]
    lines += ["```", "", "| package | what belongs there | imports |", "|---|---|---|"]
    used = imports()
    for line in layers():
        for name in line:
            lines.append(f"| `{name}` | {about[name]} | {', '.join(sorted(used[name])) or '-'} |")
    return "\n".join(lines) + "\n"


def insert(text: str) -> str:
    """The page of the design with the part between the marks written anew. Raises ValueError without the marks."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + page() + END + rest.split(END)[1]


if __name__ == "__main__":
    file = Path(sys.argv[1])
    write_text(file, insert(file.read_text()))
