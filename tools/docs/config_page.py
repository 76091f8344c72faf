"""config/README.md, written from the schema: ``python tools/docs/config_page.py > config/README.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

from ultraseg.plan.schema import resolved, schema

INTRODUCTION = """\
# Configuration

<!-- Written by `make docs` from workflow/schemas/config.schema.yaml: change the schema, not this file. -->

One YAML file says what a run of the workflow does. Plain `snakemake` reads `config/config.yaml`; another
file is named with `--configfile FILE` and then stands alone: nothing of `config/config.yaml` is taken over.
Single keys are set with `--config KEY=VALUE`.

Two sections are required: `volumes` (your image stacks and their labels) and `structures` (what is to be
found). `networks` says which network predicts which structures; it is left out only where other programs
found all structures. Every other key has a default that works.

| file | what it runs |
|---|---|
| `config/config.yaml` | the default: the same as the demo; put your own volumes here or in another file |
| `config/demo.yaml` | a synthetic tissue with every structure, used by `make demo` |
| `config/fib25.yaml`, `config/vnc.yaml` | two public data sets, see [docs/data.md](../docs/data.md) |

- The file is checked before anything runs. An unknown key is an error that names the nearest known one.
- Relative paths of images, labels and truth start at `data_root`. A relative `data_root` starts at the
  working directory: the folder where `snakemake` is called, or the one given with `--directory`.
- Orders are always z, y, x. Slices are counted from 0. Sizes are in voxels or pixels unless the key ends in
  `_nm`.
- Every structure is predicted by exactly one network. At most one structure is of kind `cells`.
- **A configuration from somebody else is a program.** Snakemake runs the Python code in a file that says
  `__use_yte__: true`, before ultraseg reads anything, and also for `snakemake check` and `snakemake -n`.
  `ultraseg check --configfile FILE` reads the file as data, and refuses such a file. Call it first.
- Memory, time, cores and partitions are not set here but in a profile, see `profiles/slurm/config.yaml`.

In the tables `<name>`, `<volume>` and `<structure>` stand for names that you choose. A key with default `required` must
be given.
"""

PLAIN = ("required", "see description", "none", "empty")  # what is no value in the column of defaults

ITEMS = {"integer": "integers", "number": "numbers", "string": "names", "array": "lists"}


class Key(NamedTuple):
    """One key of the configuration as a row of the table; the parts are plain text."""

    path: str
    type: str
    default: str
    bounds: str
    description: str


def markdown(whole: dict) -> str:
    """The whole config/README.md for a schema: one table for the general keys, then one per section."""
    general, sections = [], []
    for name, node in whole["properties"].items():
        rows = list(keys(whole, node, name, required=name in whole.get("required", ())))
        if len(rows) == 1:
            general += rows
        else:
            sections.append((name, rows))
    parts = [INTRODUCTION, _table("General", general)]
    parts += [_table(f"`{name}`", rows) for name, rows in sections]
    return "\n".join(parts)


def keys(whole: dict, node: dict, path: str, required: bool = False) -> Iterator[Key]:
    """Rows of a node of the schema and of all that lies in it, in the order of the schema."""
    default = _default(node, required)
    node = resolved(node, whole)
    alternatives = node.get("oneOf", [node])
    described = next((n for n in (node, *alternatives) if "description" in n), None)
    # A free name such as volumes.<name> needs no row of its own unless there is something to say of it.
    if described is not None or not path.endswith(">"):
        yield Key(
            path,
            " or ".join(dict.fromkeys(_type(n) for n in alternatives)),
            default,
            "; ".join(dict.fromkeys(filter(None, map(_bounds, alternatives)))),
            described["description"] if described else "",
        )
    for inner in alternatives:
        for name, child in inner.get("properties", {}).items():
            yield from keys(whole, child, f"{path}.{name}", name in inner.get("required", ()))
        if isinstance(inner.get("additionalProperties"), dict):
            free = "<structure>" if path.endswith((".labels", ".truth", ".maps.<volume>")) else "<name>"
            free = "<volume>" if path.endswith((".maps", ".objects")) else free
            yield from keys(whole, inner["additionalProperties"], f"{path}.{free}")


def _type(node: dict) -> str:
    if "enum" in node:
        return "choice"
    if node.get("type") == "array":
        item = " or ".join(ITEMS[kind] for kind in _kinds(node["items"]))
        least, most = node.get("minItems"), node.get("maxItems")
        return f"list of {least} {item}" if least == most and least else f"list of {item}"
    words = {"string": "text", "object": "section", "boolean": "true or false"}
    return " or ".join(words.get(kind, kind) for kind in _kinds(node))


def _kinds(node: dict) -> list[str]:
    return [node["type"]] if isinstance(node["type"], str) else node["type"]


def _default(node: dict, required: bool) -> str:
    if required:
        return "required"
    if "default" not in node:
        return "see description" if "default - " in node.get("description", "") else "none"
    value = node["default"]
    if value == {}:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _bounds(node: dict) -> str:
    if "enum" in node:
        return ", ".join(str(v).lower() if isinstance(v, bool) else str(v) for v in node["enum"])
    if "propertyNames" in node:
        return f"names match {node['propertyNames']['pattern']}"
    if node.get("type") == "array":
        inner = _bounds(node["items"])
        return f"each {inner}" if inner else ""
    parts = []
    if "minimum" in node and "maximum" in node:
        parts.append(f"{node['minimum']} to {node['maximum']}")
    else:
        for key, word in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "below"),
        ):
            if key in node:
                parts.append(f"{word} {node[key]}")
    if "multipleOf" in node:
        parts.append(f"multiple of {node['multipleOf']}")
    return ", ".join(parts)


def _table(title: str, rows: list[Key]) -> str:
    lines = [f"## {title}", "", "| key | type | default | bounds | description |", "|---|---|---|---|---|"]
    for row in rows:
        default = row.default if row.default in PLAIN else _code(row.default)
        bounds = _code(row.bounds) if row.bounds.startswith("names") else row.bounds.replace("|", r"\|")
        text = row.description.replace("|", r"\|").replace("<", "&lt;")
        lines.append(f"| `{row.path}` | {row.type} | {default} | {bounds} | {text} |")
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    return f"`{text}`"


def main() -> None:
    """Print config/README.md."""
    sys.stdout.write(markdown(schema()))


if __name__ == "__main__":
    main()
