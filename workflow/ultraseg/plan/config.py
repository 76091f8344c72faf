"""The configuration: checked against the schema, filled with defaults, and across its sections."""

from __future__ import annotations

import copy
import difflib
import math
from functools import lru_cache
from pathlib import Path

import jsonschema
import yaml

from ultraseg.base.errors import UserError
from ultraseg.networks.sizes import tile_stride

RESERVED = ("models", "checksums")  # folders in results/ beside those of the volumes
MAX_PHANTOM = 10**11
SCHEMA_FILE = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"


@lru_cache
def schema() -> dict:
    """The JSON schema of the configuration."""
    return yaml.safe_load(SCHEMA_FILE.read_text())


def load_config(given: dict) -> dict:
    """Check a configuration and return it with all defaults filled in.

    Raises one UserError that lists every problem: unknown keys with the nearest known one, values out of bounds,
    names that do not fit together.
    """
    config = copy.deepcopy(given)
    validator = jsonschema.Draft202012Validator(schema())
    problems = list(_unquoted_names(config))
    if not problems:
        errors = sorted(validator.iter_errors(config), key=_where)
        problems = list(dict.fromkeys(_describe(error) for error in errors))
    if not problems:
        config = _fill(config, schema())
        problems = list(_cross_checks(config))
    if problems:
        listed = "\n".join(f"  - {text}" for text in problems)
        raise UserError(
            f"The configuration has {len(problems)} problem(s):\n{listed}",
            "Correct the keys named above; config/README.md describes every key.",
        )
    return config


def valid_parts(given: dict) -> dict:
    """What of a faulty configuration still names files that can be checked: its valid volumes and structures.

    With all defaults, without networks and unknown keys.
    """
    config: dict = {"volumes": {}, "structures": {}, "networks": {}}
    for key, node in schema()["properties"].items():
        value = given.get(key)
        if key in ("volumes", "structures"):
            known = node["additionalProperties"]["properties"]
            for name, entry in value.items() if isinstance(value, dict) else ():
                entry = {k: v for k, v in entry.items() if k in known} if isinstance(entry, dict) else entry
                if isinstance(name, str) and _is_valid({name: entry}, node):
                    config[key][name] = entry
        elif key in given and key != "networks" and _is_valid(value, node):
            config[key] = value
    config = _fill(copy.deepcopy(config), schema())
    whole = {name: v for name, v in config["volumes"].items() if ("image" in v) + ("phantom" in v) == 1}
    return config | {"volumes": whole}


def _is_valid(value, node: dict) -> bool:
    part = jsonschema.Draft202012Validator(node | {"$defs": schema()["$defs"]})
    return not any(part.iter_errors(value))


def _unquoted_names(config: dict):
    for section in ("volumes", "structures", "networks"):
        names = config.get(section)
        for name in names if isinstance(names, dict) else []:
            if not isinstance(name, str):
                yield f"{section}: the name {name!r} is not text; put it in quotes: '{name}'"


def _where(error: jsonschema.ValidationError) -> str:
    return ".".join(str(part) for part in error.absolute_path)


def _describe(error: jsonschema.ValidationError) -> str:
    where = _where(error) or "top level"
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        texts = []
        for key in sorted(set(error.instance) - set(known), key=str):
            near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"known keys are {', '.join(known)}"
            texts.append(f"{where}: unknown key '{key}'; {hint}")
        return "; ".join(texts)
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"{where}: missing key {', '.join(repr(key) for key in missing)}"
    if error.validator == "enum":
        near = difflib.get_close_matches(str(error.instance), [str(v) for v in error.validator_value], n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return f"{where}: {error.instance!r} is not one of {', '.join(map(str, error.validator_value))}{hint}"
    if error.validator == "oneOf" and error.context:
        # Of the alternatives show the one that has the value's own type.
        best = [e for e in error.context if e.validator != "type"] or error.context
        return "; ".join(dict.fromkeys(_describe(e) for e in best))
    return f"{where}: {error.message}"


def _resolve(node: dict) -> dict:
    return schema()["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node


def _fill(value, node: dict):
    """Defaults of ``node`` filled into ``value``; alternatives are left alone but for objects among them."""
    node = _resolve(node)
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


def _cross_checks(config: dict):
    structures, networks, volumes = config["structures"], config["networks"], config["volumes"]
    cells = [name for name, s in structures.items() if s["kind"] == "cells"]
    if len(cells) > 1:
        yield f"structures: {', '.join(cells)} are all of kind cells; only one may be"
    for name, structure in structures.items():
        if structure["kind"] != "cells" and not structure["ids_consistent"]:
            yield f"structures.{name}.ids_consistent: only cells have ids that go through the slices; remove it"
    if "protrusions" in structures:
        yield "structures.protrusions: protrusions are found by linking cells; choose another name"
    for name in config["meshes"]["structures"]:
        if name not in structures:
            yield f"meshes.structures: {_unknown(name, structures)}"
        elif structures[name]["kind"] == "mask":
            yield f"meshes.structures: '{name}' is a mask, whose objects are not told apart; remove it"
    owner: dict[str, str] = {}
    for name, network in networks.items():
        for structure in network["structures"]:
            if structure not in structures:
                yield f"networks.{name}.structures: {_unknown(structure, structures)}"
            elif structure in owner:
                yield f"networks.{name}.structures: '{structure}' is already predicted by '{owner[structure]}'"
            owner[structure] = name
        for key in ("train_on", "apply_to"):
            for volume in network.get(key, []):
                if volume not in volumes:
                    yield f"networks.{name}.{key}: {_unknown(volume, volumes)}"
        if "model" in network and "init_from" in network:
            yield f"networks.{name}: give either model, which is applied, or init_from, from which training starts"
        if network["int8"] and "model" in network:
            yield f"networks.{name}.int8: only for networks that this run trains, as it needs their tiles; remove it"
        if network["int8"] and config["device"] == "gpu":
            yield f"networks.{name}.int8: only for the CPU; remove it, or set device: cpu"
        stride = tile_stride(network["architecture"], network.get("filters"))
        for key in ("tile", "crop", "predict_tile"):
            if network[key] % stride:
                yield f"networks.{name}.{key}: {network[key]} is no multiple of {stride}, which its filters ask for"
        if network["overlap"] > network["predict_tile"] - stride:
            most = network["predict_tile"] - stride
            yield f"networks.{name}.overlap: {network['overlap']} is too much for predict_tile, at most {most}"
        if config["device"] == "gpu" and network["batch"] % config["gpus"]:
            yield f"networks.{name}.batch: {network['batch']} crops cannot be spread over {config['gpus']} GPUs evenly"
        if network["crop"] > network["tile"]:
            yield f"networks.{name}.crop: {network['crop']} is larger than tile {network['tile']}"
    for structure in structures:
        if structure not in owner:
            yield f"structures.{structure}: no network predicts it"
    for name, volume in volumes.items():
        if name in RESERVED:
            yield f"volumes.{name}: results/{name} is taken by the run itself; choose another name"
        if "phantom" in volume and math.prod(volume["phantom"]["shape"]) > MAX_PHANTOM:
            shape = " x ".join(map(str, volume["phantom"]["shape"]))
            yield f"volumes.{name}.phantom.shape: {shape} voxels are too many to make (at most {MAX_PHANTOM:g})"
        made = [key for key in ("image", "phantom", "planned") if key in volume]
        if len(made) != 1:
            yield f"volumes.{name}: give one of image, phantom and planned"
        for key in {"phantom", "planned"} & {*made}:
            if volume["labels"] or volume["truth"]:
                yield f"volumes.{name}: a {key} volume brings its own labels and truth"
        if "intensity_window" in volume and "window_percentiles" in volume:
            yield f"volumes.{name}: give either intensity_window or window_percentiles"
        for key in ("intensity_window", "window_percentiles"):
            if key in volume and not volume[key][0] < volume[key][1]:
                yield f"volumes.{name}.{key}: {volume[key]} does not rise"
        for key, extra in (("labels", ()), ("truth", ("protrusions",))):
            for structure in volume[key]:
                if structure not in structures and structure not in extra:
                    yield f"volumes.{name}.{key}: {_unknown(structure, [*structures, *extra])}"
                yield from _source_checks(f"volumes.{name}.{key}.{structure}", volume[key][structure])


def _source_checks(where: str, source: str | dict):
    source = {} if isinstance(source, str) else source
    region = source.get("region", {})
    for axis, (start, stop) in region.items() if isinstance(region, dict) else ():
        if start >= stop:
            yield f"{where}.region.{axis}: [{start}, {stop}] is empty; give the first pixel and the one after the last"
    if source.get("ignore_value") in source.get("values", []):
        yield f"{where}: {source['ignore_value']!r} is among values and is ignore_value; it can be one of them"


def _unknown(name: str, known) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"'{name}' is not known; " + (
        f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
    )
