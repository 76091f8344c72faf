"""The JSON schema of the configuration: every key with its type, bounds, default and description."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

Node = dict[str, Any]

SCHEMA_FILE = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"


@lru_cache
def schema() -> Node:
    """The whole schema."""
    loaded: Node = yaml.safe_load(SCHEMA_FILE.read_text())
    return loaded


def resolved(node: Node, whole: Node | None = None) -> Node:
    """A node of the schema ``whole`` (that of the configuration), or the definition that the node refers to."""
    if "$ref" not in node:
        return node
    definition: Node = (schema() if whole is None else whole)["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return definition


def alternatives(rules: Iterable[Node]) -> list[Node]:
    """The rules themselves, or those that they offer as alternatives (``oneOf``)."""
    return [resolved(one) for rule in map(resolved, rules) for one in rule.get("oneOf", [rule])]


def value_of(rules: Iterable[Node], key: str) -> list[Node]:
    """Rules for the value of a key in an object that keeps to one of ``rules``; none where the key is unknown."""
    found = []
    for rule in rules:
        if key in rule.get("properties", {}):
            found.append(rule["properties"][key])
        elif isinstance(rule.get("additionalProperties"), dict):
            found.append(rule["additionalProperties"])
    return alternatives(found)


def items_of(rules: Iterable[Node]) -> list[Node]:
    """Rules for the items of a list that keeps to one of ``rules``."""
    return alternatives(rule["items"] for rule in rules if isinstance(rule.get("items"), dict))
