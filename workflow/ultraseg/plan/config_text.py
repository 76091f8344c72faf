"""The text of the configuration: what YAML reads in another way than the author means, with its line.

Snakemake hands over the values alone, in which ``0010`` has become 8 and the second of two equal keys has replaced the
first one. So the text is read again here.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import yaml

from ultraseg.base.errors import UserError
from ultraseg.base.yaml_file import MOST_DIGITS, OCTAL, read_text
from ultraseg.plan.schema import Node, items_of, schema, value_of

log = logging.getLogger(__name__)

TAG = "tag:yaml.org,2002:"
MOST_NODES = 1_000_000  # a text of a few lines can name itself so often that reading it never ends
# What looks like a number and is a text to YAML 1.1: 1e3 and 1.5e3 (for 1.0e+3), 0089, 0o17, 1,5 and 01:30.
LIKE_A_NUMBER = re.compile(
    r"[-+]?(\d[\d_]*\.?\d*[eE][-+]?\d+|\.\d+[eE][-+]?\d+|0\d+|0o[0-7]+|\d+,\d+|\d+(:\d+)+)$"
)
COLOUR = re.compile(r"\s*#[0-9a-fA-F]{6}\b")


class _Loader(yaml.FullLoader):
    """Reads the text as Snakemake does."""


def check_text(files: Iterable[str | os.PathLike[str]]) -> None:
    """Raise one UserError with every place where YAML reads something else than stands there; files of JSON too.

    Warns where a merged section (``<<``) is replaced by a shorter one. Files that do not exist are left out.
    """
    problems: list[str] = []
    for file in [os.fspath(one) for one in files]:
        if os.path.isfile(file):
            problems += _problems(file)
    if problems:
        listed = "\n".join(f"  - {text}" for text in problems)
        raise UserError(
            f"The text of the configuration has {len(problems)} problem(s):\n{listed}",
            "Write these lines so that they can be read in one way only.",
        )


def _problems(file: str) -> list[str]:
    text = read_text(file)
    try:
        json.loads(text)  # Snakemake tries JSON first
    except (ValueError, RecursionError):
        pass
    else:
        return list(dict.fromkeys(_json_problems(file, text)))
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        return list(dict.fromkeys(_Reader(file, text, loader).problems(root))) if root is not None else []
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UserError(
            f"{file}{line}: is not valid YAML ({getattr(error, 'problem', None) or error})",
            "Indent with spaces, not tabs, and put texts with a colon or a special first character in quotes.",
        ) from error
    except RecursionError:
        raise UserError(f"{file}: is nested too deeply", "Write what config/README.md describes.") from None


def _json_problems(file: str, text: str) -> Iterator[str]:
    found: list[str] = []

    def pairs(given: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in given]
        for name in dict.fromkeys(n for n in names if names.count(n) > 1):
            if len({json.dumps(value) for key, value in given if key == name}) > 1:
                found.append(
                    f"{file}: the key '{name}' is given {names.count(name)} times, and the last one would hold"
                )
        return dict(given)

    json.loads(text, object_pairs_hook=pairs)
    yield from found


class _Reader:
    """Walks the nodes of one YAML text together with the schema."""

    def __init__(self, file: str, text: str, loader: _Loader):
        self.file, self.lines, self.loader = file, text.splitlines(), loader
        self.left = MOST_NODES

    def problems(self, root: yaml.Node) -> Iterator[str]:
        """All problems of the text, in its order."""
        yield from self._walk(root, [schema()], "", ())

    def _at(self, node: yaml.Node, path: str) -> str:
        where = f"{self.file}, line {node.start_mark.line + 1}"
        return f"{where}: {path}" if path else where

    def _walk(self, node: yaml.Node, rules: list[Node], path: str, above: tuple[int, ...]) -> Iterator[str]:
        self.left -= 1
        if id(node) in above or self.left < 0:
            yield f"{self._at(node, path)}: the section refers to itself, or is repeated without end; write it out"
            return
        above = (*above, id(node))
        if isinstance(node, yaml.ScalarNode):
            yield from self._scalar(node, rules, path)
        elif isinstance(node, yaml.SequenceNode):
            items = items_of(rules)
            for number, item in enumerate(node.value):
                yield from self._walk(item, items, f"{path}.{number}", above)
        elif isinstance(node, yaml.MappingNode):
            yield from self._keys(node, path)
            self._warn_of_merges(node, path)
            for key, value in node.value:
                name = str(key.value)
                if key.tag == f"{TAG}merge":
                    for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                        yield from self._walk(merged, rules, path, above)
                else:
                    yield from self._walk(value, value_of(rules, name), f"{path}.{name}".lstrip("."), above)

    def _keys(self, node: yaml.MappingNode, path: str) -> Iterator[str]:
        """Keys that are given twice with different values, and names that YAML takes for something else."""
        first: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == f"{TAG}merge":
                continue
            name = key.value
            if key.tag != f"{TAG}str":
                read = f"is read as {self._value(key)!r}"
                yield f"{self._at(key, path)}: the name {name} {read}; put it in quotes: '{name}'"
            before = first.setdefault(name, (key, value))
            if before[0] is not key and not _equal(before[1], value):
                yield (
                    f"{self._at(key, path)}: the key '{name}' is given again (first on line "
                    f"{before[0].start_mark.line + 1}), and the last one would hold; remove or rename one of them"
                )

    def _warn_of_merges(self, node: yaml.MappingNode, path: str) -> None:
        own = {
            key.value: value
            for key, value in node.value
            if isinstance(key, yaml.ScalarNode) and key.tag != f"{TAG}merge"
        }
        for key, value in node.value:
            if key.tag != f"{TAG}merge":
                continue
            for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                for name, below in merged.value if isinstance(merged, yaml.MappingNode) else ():
                    here = own.get(name.value) if isinstance(name, yaml.ScalarNode) else None
                    if isinstance(here, yaml.MappingNode) and isinstance(below, yaml.MappingNode):
                        known = {k.value for k, _ in here.value}
                        lost = [str(k.value) for k, _ in below.value if k.value not in known]
                        if lost and not any(k.tag == f"{TAG}merge" for k, _ in here.value):
                            log.warning(
                                "%s: replaces the merged section of line %d as a whole, so its %s do not hold here; "
                                "merge that section as well (<<: *name), or write them again",
                                self._at(here, f"{path}.{name.value}".lstrip(".")),
                                below.start_mark.line + 1, ", ".join(lost),
                            )  # fmt: skip

    def _scalar(self, node: yaml.ScalarNode, rules: list[Node], path: str) -> Iterator[str]:
        if node.style is not None:  # in quotes, or a block of text
            return
        text, kinds = node.value, {kind for rule in rules for kind in _types(rule)}
        kind = node.tag.removeprefix(TAG)
        if kind in ("int", "float") and len(text) > MOST_DIGITS:
            yield f"{self._at(node, path)}: a number of {len(text)} characters is too long"
        elif kind == "int" and OCTAL.match(text) and int(text.replace("_", "")) != self._value(node):
            yield (
                f"{self._at(node, path)}: {text} is read as {self._value(node)}, for a 0 in front makes it octal; "
                f"write {int(text.replace('_', ''))} for the number, '{text}' in quotes for a name"
            )
        elif kind in ("int", "float") and ":" in text:
            yield (
                f"{self._at(node, path)}: {text} is read as {self._value(node):g}, for a colon makes it a number to "
                f"the base 60; write the number itself, or '{text}' in quotes for a text"
            )
        elif kind == "str" and kinds and "string" not in kinds and LIKE_A_NUMBER.match(text):
            yield f"{self._at(node, path)}: {text} is read as a text, not as a number; {_number_of(text)}"
        elif kind not in ("str", "null") and kinds - {"object", "array"} == {"string"}:
            yield f"{self._at(node, path)}: {text} is read as {self._value(node)!r}; put it in quotes: '{text}'"
        elif kind == "null" and not text and COLOUR.match(self._after(node)):
            yield (
                f"{self._at(node, path)}: {self._after(node).strip()[:7]} is read as a comment; put colours in "
                f"quotes: '{self._after(node).strip()[:7]}'"
            )

    def _after(self, node: yaml.Node) -> str:
        mark = node.start_mark
        return self.lines[mark.line][mark.column :] if mark.line < len(self.lines) else ""

    def _value(self, node: yaml.Node) -> Any:
        try:
            return self.loader.construct_object(node)
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            OverflowError,
        ) as error:  # such as 2024-13-45
            return f"nothing that can be read ({error})"


def _number_of(text: str) -> str:
    """How a text that looks like a number is written so that YAML takes it for one."""
    if re.match(r"[-+]?0\d+$", text):
        return f"write {int(text)}"
    if "," in text:
        return f"write {text.replace(',', '.')} for one number, or [{text.replace(',', ', ')}] for two"
    try:
        return f"write {float(text):.15g}"
    except ValueError:
        return "write it with the digits 0 to 9"


def _equal(a: yaml.Node, b: yaml.Node) -> bool:
    return bool(yaml.serialize(a) == yaml.serialize(b))


def _types(rule: Node) -> list[str]:
    """Types that a rule of the schema accepts."""
    if "enum" in rule:
        names = {bool: "boolean", int: "number", float: "number", str: "string"}
        return [names[type(value)] for value in rule["enum"]]
    # A text of numbers and colours is a colour, which stands in quotes.
    found = rule.get("type", [])
    kinds: Sequence[str] = [found] if isinstance(found, str) else found
    return [kind for kind in kinds if kind != "string" or len(kinds) == 1]
