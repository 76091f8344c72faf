"""Volume annotations of webKnossos as labels or corrections: one label file for each slice that was annotated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.base.errors import UserError
from ultraseg.base.ids import check_id
from ultraseg.base.text import format_numbers
from ultraseg.exchange.label_target import Target, find_target
from ultraseg.exchange.webknossos_read import (
    Annotation,
    VolumeLayer,
    Voxels,
    open_voxels,
    read_annotation,
    run_layer,
)
from ultraseg.grid.paths import VolumeFiles, metadata
from ultraseg.plan.config import load_config
from ultraseg.plan.config_file import enter_run
from ultraseg.plan.open_volume import open_volume
from ultraseg.plan.volume import Volume
from ultraseg.storage.arrays import read_slice, shape_of
from ultraseg.storage.finished_runs import choose

TOLERANCE = 0.01  # by which voxel sizes may differ


def take_annotation(
    file: Path,
    configfile: Path,
    directory: Path,
    volume: str | None = None,
    structure: str | None = None,
    place: str | None = None,
    layer: str | None = None,
    whole_stack: bool = False,
    data_root: str | None = None,
) -> list[str]:
    """Save the annotated slices of a structure, by default the cells; returns what to tell the user.

    place: labels or corrections, as of `label_target.find_target`; layer: of the annotation, where it has several;
    whole_stack: whether the dataset in webKnossos shows the whole stack rather than the volume, of which roi leaves a
    part. An annotation that began from a segmentation, or from an export of the run, is compared with the labels of
    the run, and slices that differ are saved; of any other the slices that show something. Changes to ``directory``.
    Raises UserError where the annotation does not fit.
    """
    path = str(file.absolute())
    given, typed = enter_run(configfile, directory, data_root)
    config = load_config(given)
    name = choose(volume, [*config["volumes"]], str(configfile))
    settings = config["volumes"][name]
    bare = {key: value for key, value in settings.items() if key not in ("corrections", "cell_edits")}
    shown = open_volume(name, bare | {"labels": {}, "truth": {}}, config)
    chosen = _structure(config, structure)
    target, _ = find_target(config, name, chosen, place)
    annotation = read_annotation(path)
    found = annotation.layer(layer)
    _check_structure(found, chosen, config)
    _check_size(annotation, shown, settings)
    with open_voxels(annotation, found) as voxels:
        saved = save_slices(voxels, found, shown, chosen, target, whole_stack)
    if not saved:
        return ["No slice was annotated: nothing to take."]
    told = f"{chosen}: slice(s) {format_numbers(saved)} -> {target.folder}"
    return [told, f"Then: snakemake {typed}"]


def save_slices(
    voxels: Voxels, layer: VolumeLayer, volume: Volume, structure: str, target: Target, whole_stack: bool
) -> list[int]:
    """Save the annotated slices; returns their numbers in the whole stack. All are looked at before one is saved."""
    for _ in annotated_slices(voxels, layer, volume, structure, whole_stack):
        pass
    saved = []
    first = volume.roi[0][0]
    for z, labels in annotated_slices(voxels, layer, volume, structure, whole_stack):
        target.save(volume, z, labels)
        saved.append(z + first)
    return saved


def annotated_slices(
    voxels: Voxels, layer: VolumeLayer, volume: Volume, structure: str, whole_stack: bool
) -> Iterator[tuple[int, NDArray[np.uint32]]]:
    """Slices of the volume that were annotated, with their labels (Y, X)."""
    n, *plane = volume.shape
    (z0, _), (y0, _), (x0, _) = volume.roi if whole_stack else ((0, 0), (0, 0), (0, 0))
    # The export of a run holds all its labels: what it does not store was erased.
    complete = layer.fallback is None and layer.name == run_layer(structure)
    stored, none = {*voxels.slices}, np.zeros((0, 0), np.uint32)
    for z in sorted(stored | {*range(z0, z0 + n)}) if complete else sorted(stored):
        ids, known = voxels.plane(z) if z in stored else (none, none)
        inside = _part(ids, y0, x0, plane), _part(known, y0, x0, plane)
        if not whole_stack:
            _check_inside(layer, ids, z, (n, *plane))
        if not z0 <= z < z0 + n:
            continue
        labels = inside[0]
        check_id(int(labels.max(initial=0)), f"layer '{layer.name}', slice {z}: a segment")
        labels = labels.astype(np.uint32)
        if layer.fallback is None and not complete:
            if labels.any():
                yield z - z0, labels
            continue
        before = _of_run(volume, structure, z - z0)
        after = labels if complete else np.where(inside[1], labels, before)
        if not np.array_equal(before, after):
            yield z - z0, after


def _part(values: NDArray[Any], y0: int, x0: int, plane: list[int]) -> NDArray[Any]:
    """The part (Y, X) of a slice of the annotation; 0 where it is smaller."""
    found = np.zeros(plane, values.dtype)
    part = values[y0 : y0 + plane[0], x0 : x0 + plane[1]]
    found[: part.shape[0], : part.shape[1]] = part
    return found


def _check_inside(layer: VolumeLayer, ids: NDArray[Any], z: int, shape: tuple[int, ...]) -> None:
    n, height, width = shape
    if (z >= n and ids.any()) or ids[height:].any() or ids[:, width:].any():
        raise UserError(
            f"layer '{layer.name}' has segments beyond the volume, which has {n} x {height} x {width} voxels (z, y, "
            f"x), in slice {z}",
            "Name the volume that was annotated with --volume. If the dataset in webKnossos shows the whole stack and "
            "the configuration has roi, add --whole-stack.",
        )


def _of_run(volume: Volume, structure: str, z: int) -> NDArray[np.uint32]:
    """The labels of the run, from which the annotation began."""
    path = VolumeFiles(volume.folder).labels_level(structure)
    if not Path(metadata(path)).exists() or shape_of(path) != volume.shape:
        raise UserError(
            f"{path}: no labels of {structure} are there, from which the annotation began",
            "Finish the run first, or give the --directory of the run whose segmentation was annotated.",
        )
    found: NDArray[np.uint32] = read_slice(path, z)
    return found


def _structure(config: Mapping[str, Any], structure: str | None) -> str:
    known: dict[str, Any] = config["structures"]
    cells = [name for name, about in known.items() if about["kind"] == "cells"]
    chosen = structure or (cells or [*known])[0]
    if chosen not in known:
        raise UserError(
            f"--structure: {chosen} is no structure of the configuration", f"Choose among {', '.join(known)}."
        )
    return chosen


def _check_structure(layer: VolumeLayer, structure: str, config: Mapping[str, Any]) -> None:
    for name in config["structures"]:
        if layer.name == run_layer(name) and name != structure:
            raise UserError(
                f"layer '{layer.name}' holds {name} of the run, not {structure}", f"Add --structure {name}."
            )


def _check_size(annotation: Annotation, volume: Volume, settings: Mapping[str, Any]) -> None:
    told = annotation.voxel_size_nm
    if told is None or not settings["check_pixel_size"]:
        return
    if any(abs(a / b - 1) > TOLERANCE for a, b in zip(told, volume.voxel_size_nm, strict=True)):
        sizes = (" x ".join(f"{size:g}" for size in one) for one in (told, volume.voxel_size_nm))
        raise UserError(
            f"{annotation.path}: its voxels are {next(sizes)} nm (z, y, x), those of volume {volume.name} "
            f"{next(sizes)}",
            "Name the volume that was annotated with --volume, or correct voxel_size_nm.",
        )
