"""What the card of a network may say: types, bounds, and what must be there. Light to import."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import ValidationError

NAME = r"^[A-Za-z][A-Za-z0-9_]{0,63}(/[a-z0-9_]{1,32})?$"
SIZE = {"type": "number", "exclusiveMinimum": 0, "maximum": 100000}
WINDOW = {
    "type": "object",
    "required": ["kind", "values", "dtype"],
    "properties": {
        "kind": {"enum": ["whole", "given", "percentiles"]},
        "values": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        "dtype": {"type": "string", "maxLength": 32},
    },
}
SETTINGS = {
    "type": "object",
    "required": ["architecture", "filters"],
    "properties": {
        "architecture": {"enum": ["resunet", "resunet_paper"]},
        "filters": {
            "type": ["array", "null"],
            "items": {"type": "integer", "minimum": 1, "maximum": 4096},
            "minItems": 2,
            "maxItems": 8,
        },
    },
}
DEVICE = {
    "type": "object",
    "required": ["kind", "count", "names", "driver", "framework", "threads", "precision"],
    "properties": {
        "count": {"type": "integer"},
        "names": {"type": "array", "items": {"type": "string"}},
        "memory_mb": {"type": ["array", "null"], "items": {"type": "number"}},
    },
}
CARD = {
    "type": "object",
    "required": ["channels", "downsample", "z_context", "voxel_size_nm", "thresholds", "windows", "settings"],
    "properties": {
        "network": {"type": "string", "maxLength": 64},
        "channels": {
            "type": "array",
            "minItems": 1,
            "maxItems": 256,
            "uniqueItems": True,
            "items": {"type": "string", "pattern": NAME},
        },
        "downsample": {"type": "integer", "minimum": 1, "maximum": 32},
        "z_context": {"type": "integer", "minimum": 0, "maximum": 4},
        "voxel_size_nm": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 10000,
            "additionalProperties": {"type": "array", "items": SIZE, "minItems": 3, "maxItems": 3},
        },
        "thresholds": {
            "type": "object",
            "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1},
        },
        "windows": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 10000,
            "additionalProperties": WINDOW,
        },
        "settings": SETTINGS,
        "device": DEVICE,
    },
}
MOST_LEVELS = 20


def faults_of_card(card: Any) -> list[str]:
    """What is wrong with a card, one text each; no more than five."""
    if not _is_plain(card, MOST_LEVELS):
        return ["it holds numbers that are none (NaN, Infinity), or is nested too deeply"]
    import jsonschema  # longer to import than most jobs need for all else

    errors = jsonschema.Draft202012Validator(CARD).iter_errors(card)
    return [_told(error) for error, _ in zip(errors, range(5), strict=False)]


def _told(error: ValidationError) -> str:
    where = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "required":
        wanted: Any = error.validator_value
        found: Any = error.instance
        lacking = [key for key in wanted if key not in found]
        return f"it does not tell {', '.join(f'{where}.{key}'.lstrip('.') for key in sorted(lacking))}"
    message = error.message if len(error.message) <= 200 else f"{error.message[:200]}..."
    return f"{where}: {message}" if where else message


def _is_plain(value: Any, levels: int) -> bool:
    if levels == 0:
        return False
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return all(_is_plain(item, levels - 1) for item in items)
    return not isinstance(value, float) or math.isfinite(value)
