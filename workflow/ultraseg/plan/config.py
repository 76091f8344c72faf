"""The configuration: checked against the schema, filled with defaults, and checked across its sections."""

from __future__ import annotations

import copy
import difflib
import math
from collections.abc import Iterator
from typing import Any

import jsonschema

from ultraseg.base.errors import UserError
from ultraseg.plan.config_sections import cross_checks, patterns
from ultraseg.plan.schema import Node, items_of, resolved, schema, value_of

Config = dict[str, Any]

LARGEST = 2**63 - 1  # of whole numbers
MOST_VALUES, MOST_LEVELS = 1_000_000, 50


def load_config(given: Config) -> Config:
    """Check a configuration and return it with all defaults filled in.

    Raises one UserError that lists every problem: unknown keys with the nearest known one, values out of bounds,
    names that do not fit together.
    """
    if not _ends(given):
        raise UserError(
            "The configuration refers to itself, repeats itself without end, or is nested too deeply",
            "Write its sections out; config/README.md describes every key.",
        )
    config = _whole_numbers(copy.deepcopy(given), [schema()])
    validator = jsonschema.Draft202012Validator(schema())
    problems = [*_unquoted_names(config), *_no_values(config)]
    if not problems:
        errors = sorted(validator.iter_errors(config), key=_where)
        problems = list(dict.fromkeys(_describe(error) for error in errors))
    if not problems:
        config = _fill(_with_batches(config), schema())
        problems = list(cross_checks(config))
    if problems:
        listed = "\n".join(f"  - {text}" for text in problems)
        raise UserError(
            f"The configuration has {len(problems)} problem(s):\n{listed}",
            "Correct the keys named above; config/README.md describes every key.",
        )
    return config


def valid_parts(given: Config) -> Config:
    """What of a faulty configuration still names files that can be checked: its valid volumes and structures.

    With all defaults, without networks and unknown keys.
    """
    config: Config = {"volumes": {}, "structures": {}, "networks": {}}
    given = _whole_numbers(copy.deepcopy(given), [schema()]) if _ends(given) else {}
    for key, node in schema()["properties"].items():
        value = given.get(key)
        if key in ("volumes", "structures"):
            known = node["additionalProperties"]["properties"]
            for name, entry in value.items() if isinstance(value, dict) else ():
                entry = {k: v for k, v in entry.items() if k in known} if isinstance(entry, dict) else entry
                if isinstance(name, str) and _is_valid({name: entry}, node) and not any(_no_values(entry)):
                    config[key][name] = entry
        elif key in given and key != "networks" and _is_valid(value, node):
            config[key] = value
    config = _fill(copy.deepcopy(config), schema())
    whole = {
        name: volume
        for name, volume in config["volumes"].items()
        if ("image" in volume) + ("phantom" in volume) == 1 and not any(patterns(name, volume))
    }
    return config | {"volumes": whole}


def _ends(given: Any) -> bool:
    """Whether a configuration is a tree of reasonable size: aliases of YAML can name a section inside itself."""
    left, level = MOST_VALUES, [given]
    for _ in range(MOST_LEVELS):
        inner: list[Any] = []
        for value in level:
            inner += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
            if len(inner) > left:
                return False
        if not inner:
            return True
        left, level = left - len(inner), inner
    return False


def _is_valid(value: Any, node: Node) -> bool:
    part = jsonschema.Draft202012Validator(node | {"$defs": schema()["$defs"]})
    return not any(part.iter_errors(value))


def _unquoted_names(config: Config) -> Iterator[str]:
    for section in ("volumes", "structures", "networks"):
        names = config.get(section)
        for name in names if isinstance(names, dict) else []:
            if not isinstance(name, str):
                yield f"{section}: the name {name!r} is not text; put it in quotes: '{name}'"


def _no_values(value: Any, path: str = "") -> Iterator[str]:
    """Places of values that no bound of the schema refuses: NaN, infinity (but for a limit of time), numbers of 64 bits
    and more, and texts that can be no name of a file."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _no_values(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _no_values(item, f"{path}.{number}")
    elif isinstance(value, str):
        if "\0" in value or any("\ud800" <= letter < "\udc80" for letter in value):
            yield f"{path}: {value!r} holds a character that no text or name of a file may have"
    elif isinstance(value, int) and not -LARGEST <= value <= LARGEST:
        yield f"{path}: a number of {value.bit_length()} bits is too large"
    elif isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value) or not path.endswith(".max_minutes"):
            yield f"{path}: {value} is no number that can be used here"


def _whole_numbers(value: Any, rules: list[Node]) -> Any:
    """The value with whole numbers that have a point, such as 4.0, as integers wherever the schema asks for these."""
    if isinstance(value, dict):
        return {key: _whole_numbers(item, value_of(rules, str(key))) for key, item in value.items()}
    if isinstance(value, list):
        items = items_of(rules)
        return [_whole_numbers(item, items) for item in value]
    wants = any("integer" in _as_list(rule.get("type")) or "enum" in rule for rule in rules)
    takes_any = any("number" in _as_list(rule.get("type")) for rule in rules)
    if isinstance(value, float) and wants and not takes_any and value.is_integer():
        return int(value)
    return value


def _as_list(kinds: str | list[str] | None) -> list[str]:
    return [kinds] if isinstance(kinds, str) else kinds or []


def _where(error: jsonschema.ValidationError) -> str:
    return ".".join(str(part) for part in error.absolute_path)


def _describe(error: jsonschema.ValidationError) -> str:
    where = _where(error) or "top level"
    # jsonschema leaves these open; a schema's own keywords are plain values.
    rule: Any = error.schema
    wanted: Any = error.validator_value
    found: Any = error.instance
    if error.validator == "additionalProperties":
        known = rule.get("properties", {})
        texts = []
        for key in sorted(set(found) - set(known), key=str):
            near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"known keys are {', '.join(known)}"
            texts.append(f"{where}: unknown key '{key}'; {hint}")
        return "; ".join(texts)
    if error.validator == "required":
        missing = [key for key in wanted if key not in found]
        return f"{where}: missing key {', '.join(repr(key) for key in missing)}"
    if error.validator == "enum":
        near = difflib.get_close_matches(str(found), [str(v) for v in wanted], n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return f"{where}: {found!r} is not one of {', '.join(map(str, wanted))}{hint}"
    if error.validator == "oneOf" and error.context:
        # Of the alternatives show the one that has the value's own type.
        best = [e for e in error.context if e.validator != "type"] or error.context
        return "; ".join(dict.fromkeys(_describe(e) for e in best))
    return f"{where}: {error.message}"


def _with_batches(config: Config) -> Config:
    """Give each GPU of a training one crop at least, where the configuration does not say how large batches are."""
    gpus = config.get("gpus", 1) if config.get("device") == "gpu" else 1
    if gpus > 1:
        networks = {name: {"batch": gpus} | network for name, network in config.get("networks", {}).items()}
        return config | {"networks": networks}
    return config


def _fill(value: Any, node: Node) -> Any:
    """Defaults of ``node`` filled into ``value``; alternatives are left alone but for objects among them."""
    node = resolved(node)
    if "oneOf" in node and isinstance(value, dict):
        node = next(n for n in node["oneOf"] if n.get("type") == "object")
    if not isinstance(value, dict) or node.get("type") != "object":
        return value
    known = node.get("properties", {})
    filled = {key: copy.deepcopy(sub["default"]) for key, sub in known.items() if "default" in sub} | value
    others = node.get("additionalProperties")
    return {
        key: _fill(item, known[key] if key in known else others if isinstance(others, dict) else {})
        for key, item in filled.items()
    }
