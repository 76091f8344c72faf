"""Defaults of the schema are those of the functions that the settings go to."""

import ast
from pathlib import Path

import pytest
from ultraseg.plan.schema import resolved, schema

PACKAGE = Path(__file__).parents[3] / "workflow" / "ultraseg"

# Sections of the configuration and the packages (or modules) whose functions take their keys as keywords.
GOES_TO = {
    "quality": ["quality"],
    "flow": ["cells"],
    "propagate": ["cells"],
    "cells": ["cells"],
    "link": ["link"],
    "networks.*": ["train", "plan/splits.py", "networks/architecture.py"],
    "networks.*.augmentation": ["train/augment.py"],
    "volumes.*.phantom": ["phantom"],
    "volumes.*": ["ingest", "plan/volume.py"],
    "": ["plan/volume.py", "networks/devices.py"],
}
# Keywords of the same name that mean something else, with the reason.
OTHER_MEANING = {
    ("volumes.*", "labels"): "labels of a volume are no number",
    ("networks.*", "batch", "build_network"): "the batch of an input layer, None for any",
    (
        "networks.*",
        "downsample",
        "validate",
    ): "validation slices may come at the scale of the network already",
}


def section(path: str) -> dict:
    """The keys of a section with their defaults."""
    node = schema()
    for part in path.split(".") if path else ():
        node = resolved(node["additionalProperties"] if part == "*" else node["properties"][part])
    return {key: sub["default"] for key, sub in node["properties"].items() if "default" in sub}


def keywords(place: str):
    """(where, keyword, its default) of all functions and data classes of a package or module."""
    files = [PACKAGE / place] if place.endswith(".py") else sorted((PACKAGE / place).rglob("*.py"))
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef):
                given = [*node.args.posonlyargs, *node.args.args]
                pairs = [*zip(given[len(given) - len(node.args.defaults) :], node.args.defaults, strict=True)]
                pairs += zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
                for argument, default in pairs:
                    if default is not None:
                        yield f"{file.stem}.{node.name}", argument.arg, default
            elif isinstance(node, ast.ClassDef):
                for line in node.body:
                    if isinstance(line, ast.AnnAssign) and line.value is not None:
                        yield f"{file.stem}.{node.name}", line.target.id, line.value


def found(path: str) -> list[tuple[str, str, object, object]]:
    defaults, rows = section(path), []
    for place in GOES_TO[path]:
        for where, name, default in keywords(place):
            skip = {(path, name), (path, name, where.rpartition(".")[2])} & set(OTHER_MEANING)
            if name in defaults and not skip and not isinstance(default, ast.Call):
                value = ast.literal_eval(default)
                rows.append((where, name, list(value) if isinstance(value, tuple) else value, defaults[name]))
    return rows


@pytest.mark.parametrize("path", GOES_TO)
def test_signatures_repeat_the_defaults_of_the_schema(path):
    assert [row for row in found(path) if row[2] != row[3]] == []


def test_enough_defaults_are_compared():
    """The comparison above would pass on nothing if names or folders changed."""
    assert len({(path, name) for path in GOES_TO for _, name, _, _ in found(path)}) >= 57


def test_references_are_followed():
    whole = {"$defs": {"a": {"type": "string"}}}
    assert resolved({"$ref": "#/$defs/a"}, whole) == {"type": "string"}
    assert resolved({"type": "object"}, whole) == {"type": "object"}
    assert "oneOf" in resolved({"$ref": "#/$defs/source"})
