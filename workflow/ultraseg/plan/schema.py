"""The JSON schema of the configuration: every key with its type, bounds, default and description."""

from __future__ import annotations

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
