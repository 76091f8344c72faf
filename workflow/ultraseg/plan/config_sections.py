"""Checks of the configuration that compare one key or section with another; each gives the texts of its problems."""

from __future__ import annotations

import difflib
import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ultraseg.ingest.name_numbers import fault_of_pattern
from ultraseg.networks.channels import AFFINITIES, CELLS, channels_of
from ultraseg.networks.model_file import TOLERANCE
from ultraseg.networks.sizes import tile_stride
from ultraseg.plan.roles import role_problems

log = logging.getLogger(__name__)

RESERVED = ("models", "checksums")  # folders in results/ beside those of the volumes
# Structures X whose columns n_X, X_volume_um3 and X_volume_fraction the table of cells has already.
COLUMNS = {"slices", "neighbours", "protrusion"}
MAX_PHANTOM = 10**11

Section = Mapping[str, Any]


def cross_checks(config: Section) -> Iterator[str]:
    """All problems of a configuration that the schema finds valid and that has all defaults."""
    yield from _structures(config)
    yield from _meshes(config)
    yield from _networks(config)
    yield from _volumes(config)


def _structures(config: Section) -> Iterator[str]:
    structures = config["structures"]
    cells = [name for name, s in structures.items() if s["kind"] == "cells"]
    if len(cells) > 1:
        yield f"structures: {', '.join(cells)} are all of kind cells; only one may be"
    for name, structure in structures.items():
        if structure["kind"] != "cells" and not structure["ids_consistent"]:
            yield f"structures.{name}.ids_consistent: only cells have ids that go through the slices; remove it"
    yield from role_problems(structures)
    for name in sorted(COLUMNS & {*structures}):
        if structures[name]["kind"] != "cells":
            yield f"structures.{name}: the table of cells has columns of this name; choose another name"
    if "protrusions" in structures:
        yield "structures.protrusions: protrusions are found by linking cells; choose another name"
    predicted = {structure for network in config["networks"].values() for structure in network["structures"]}
    for structure in structures:
        yield from _ready_objects(structure, config, structure in predicted)


def _ready_objects(name: str, config: Section, predicted: bool) -> Iterator[str]:
    structure, where = config["structures"][name], f"structures.{name}"
    if "objects" not in structure:
        if not predicted:
            yield f"{where}: no network predicts it"
        return
    if predicted:
        yield f"{where}: has objects and is predicted by a network; remove it from the structures of the network"
    for volume in structure["objects"]:
        if volume not in config["volumes"]:
            yield f"{where}.objects: {_unknown(volume, config['volumes'])}"
        elif structure["kind"] == "cells" and "cell_edits" in config["volumes"][volume]:
            yield f"volumes.{volume}.cell_edits: {where}.objects are taken as they are; edit them in the other program"


def _meshes(config: Section) -> Iterator[str]:
    structures = config["structures"]
    for name in config["meshes"]["structures"]:
        if name not in structures:
            yield f"meshes.structures: {_unknown(name, structures)}"
        elif structures[name]["kind"] == "mask":
            yield f"meshes.structures: '{name}' is a mask, whose objects are not told apart; remove it"


def _networks(config: Section) -> Iterator[str]:
    owner: dict[str, str] = {}
    for name, network in config["networks"].items():
        for structure in network["structures"]:
            if structure not in config["structures"]:
                yield f"networks.{name}.structures: {_unknown(structure, config['structures'])}"
            elif structure in owner:
                yield f"networks.{name}.structures: '{structure}' is already predicted by '{owner[structure]}'"
            owner[structure] = name
        for key in ("train_on", "apply_to"):
            for volume in network.get(key, []):
                if volume not in config["volumes"]:
                    yield f"networks.{name}.{key}: {_unknown(volume, config['volumes'])}"
        yield from _network_source(name, network, config)
        yield from _network_sizes(name, network, config)
        yield from _network_pixels(name, network, config["volumes"])


def _network_source(name: str, network: Section, config: Section) -> Iterator[str]:
    yield from _network_maps(name, network, config)
    if "model" in network and "init_from" in network:
        yield f"networks.{name}: give either model, which is applied, or init_from, from which training starts"
    if network["int8"] and "model" in network:
        yield f"networks.{name}.int8: only for networks that this run trains, as it needs their tiles; remove it"
    if network["int8"] and config["device"] == "gpu":
        yield f"networks.{name}.int8: only for the CPU; remove it, or set device: cpu"


def _network_maps(name: str, network: Section, config: Section) -> Iterator[str]:
    if "maps" not in network:
        return
    where = f"networks.{name}"
    for key in ("model", "init_from", "train_on", "apply_to"):
        if key in network:
            yield f"{where}.{key}: nothing is trained or predicted where maps are given; remove it"
    if network["int8"]:
        yield f"{where}.int8: nothing is predicted where maps are given; remove it"
    kinds = {s: config["structures"][s]["kind"] for s in network["structures"] if s in config["structures"]}
    wanted = [channel for s, kind in kinds.items() for channel in channels_of(s, kind)]
    affinities = [f"{s}/{AFFINITIES}" for s, kind in kinds.items() if kind == CELLS]
    for volume, maps in network["maps"].items():
        if volume not in config["volumes"]:
            yield f"{where}.maps: {_unknown(volume, config['volumes'])}"
        for channel in maps:
            if channel not in (*wanted, *affinities):
                yield f"{where}.maps.{volume}: {_unknown(channel, [*wanted, *affinities])}"
        # Interior and boundary that are not given are made from affinities.
        made = [channel for s in kinds if f"{s}/{AFFINITIES}" in maps for channel in channels_of(s, CELLS)]
        for channel in wanted:
            if channel not in (*maps, *made):
                yield f"{where}.maps.{volume}: the map of {channel} is missing"
        for channel, source in maps.items():
            limits = {} if isinstance(source, str) else source
            if "range" in limits and limits["range"][0] == limits["range"][1]:
                yield f"{where}.maps.{volume}.{channel}.range: {limits['range']} is empty; give two different numbers"
            if "offsets" in limits and channel not in affinities:
                yield f"{where}.maps.{volume}.{channel}.offsets: only affinities have offsets; remove it"


def _network_sizes(name: str, network: Section, config: Section) -> Iterator[str]:
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


def _network_pixels(name: str, network: Section, volumes: Section) -> Iterator[str]:
    """Volumes whose pixels are larger or smaller than all that the network is trained on, as for one from elsewhere."""
    if "model" in network or "maps" in network:
        return
    labelled = [v for v, volume in volumes.items() if _labels_any(volume, network["structures"])]
    sizes = {v: volume["voxel_size_nm"][1] for v, volume in volumes.items()}
    trained = {v: sizes[v] for v in network.get("train_on", labelled) if v in sizes}
    if not trained:
        return
    for volume in network.get("apply_to", volumes):
        if volume in sizes and not any(_alike(sizes[volume], size) for size in trained.values()):
            known = ", ".join(f"{size:g} nm ({v})" for v, size in trained.items())
            yield (
                f"networks.{name}: is trained on pixels of {known}, and volume {volume} has {sizes[volume]:g} nm; "
                "leave it out of apply_to and give it a network of its own, or resample it"
            )
    if not _alike(min(trained.values()), max(trained.values())):
        log.warning(
            "networks.%s: is trained on pixels of %s alike; if structures look alike only at one size, give volumes of "
            "different sizes a network each (train_on, apply_to), or resample them",
            name, ", ".join(f"{size:g} nm ({v})" for v, size in trained.items()),
        )  # fmt: skip


def _labels_any(volume: Section, structures: Iterable[str]) -> bool:
    made = "phantom" in volume or "planned" in volume or "corrections" in volume
    return made or any(structure in volume["labels"] for structure in structures)


def _alike(a: float, b: float) -> bool:
    return abs(math.log(a / b)) <= math.log(1 + TOLERANCE)


def _volumes(config: Section) -> Iterator[str]:
    for name, volume in config["volumes"].items():
        where = f"volumes.{name}"
        if name in RESERVED:
            yield f"{where}: results/{name} is taken by the run itself; choose another name"
        yield from _volume_image(where, volume)
        for key, extra in (("labels", ()), ("truth", ("protrusions",))):
            for structure, source in volume[key].items():
                known = [*config["structures"], *extra]
                if structure not in known:
                    yield f"{where}.{key}: {_unknown(structure, known)}"
                yield from _source(f"{where}.{key}.{structure}", source)
                yield from _planes(f"{where}.{key}.{structure}", source, config["structures"].get(structure))


def patterns(name: str, volume: Section) -> Iterator[str]:
    """Faults of the patterns of a volume: the texts that ``cross_checks`` gives for them."""
    yield from _pattern(f"volumes.{name}", volume)
    for key in ("labels", "truth"):
        for structure, source in volume[key].items():
            yield from _patterns(f"volumes.{name}.{key}.{structure}", source)


def _volume_image(where: str, volume: Section) -> Iterator[str]:
    if "phantom" in volume and math.prod(volume["phantom"]["shape"]) > MAX_PHANTOM:
        shape = " x ".join(map(str, volume["phantom"]["shape"]))
        yield f"{where}.phantom.shape: {shape} voxels are too many to make (at most {MAX_PHANTOM:g})"
    made = [key for key in ("image", "phantom", "planned") if key in volume]
    if len(made) != 1:
        yield f"{where}: give one of image, phantom and planned"
    for key in {"phantom", "planned"} & {*made}:
        if volume["labels"] or volume["truth"]:
            yield f"{where}: a {key} volume brings its own labels and truth"
    yield from _pattern(where, volume)
    if "intensity_window" in volume and "window_percentiles" in volume:
        yield f"{where}: give either intensity_window or window_percentiles"
    for key in ("intensity_window", "window_percentiles"):
        if key in volume and not volume[key][0] < volume[key][1]:
            yield f"{where}.{key}: {volume[key]} does not rise"


def _pattern(where: str, settings: Section) -> Iterator[str]:
    pattern = settings.get("slice_number_pattern")
    fault = None if pattern is None else fault_of_pattern(pattern)
    if fault:
        yield f"{where}.slice_number_pattern: '{pattern}' {fault}"


def _patterns(where: str, source: str | Section) -> Iterator[str]:
    """Faults of the patterns of labels, those of planes across the slices included."""
    if isinstance(source, str):
        return
    yield from _pattern(where, source)
    for plane, given in source.get("planes", {}).items():
        if not isinstance(given, str):
            yield from _pattern(f"{where}.planes.{plane}", given)


def _planes(where: str, source: str | Section, structure: Section | None) -> Iterator[str]:
    if isinstance(source, str) or "planes" not in source:
        return
    if structure is not None and not structure["ids_consistent"]:
        yield (
            f"{where}.planes: ids that change from slice to slice (ids_consistent: false) cannot agree with those of "
            "planes; give each cell one number everywhere, or remove planes"
        )


def _source(where: str, source: str | Section) -> Iterator[str]:
    yield from _patterns(where, source)
    source = {} if isinstance(source, str) else source
    region = source.get("region", {})
    for axis, (start, stop) in region.items() if isinstance(region, dict) else ():
        if start >= stop:
            yield f"{where}.region.{axis}: [{start}, {stop}] is empty; give the first pixel and the one after the last"
    for key in ("ignore_value", "background"):
        if source.get(key) in source.get("values", []):
            yield f"{where}: {source[key]!r} is among values and is {key}; it can be one of them"
    if "background" in source and source["background"] == source.get("ignore_value"):
        yield f"{where}: {source['background']!r} is background and is ignore_value; it can be one of them"


def _unknown(name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
    return f"'{name}' is not known; {hint}"
