"""The proofreading round trip: chosen slices go out as TIFF stacks, edited ones come back as new sparse labels."""

from __future__ import annotations

import json
import os
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from ultraseg.base.errors import UserError
from ultraseg.base.files import write_text
from ultraseg.base.text import format_numbers
from ultraseg.exchange.imagej_outlines import outline_rois
from ultraseg.exchange.tiff_write import FLOAT_LARGEST, imagej_stack, whole_label_slice
from ultraseg.formats.slice_source import SliceRef
from ultraseg.grid.paths import VolumeFiles
from ultraseg.labels.reader import LabelReader
from ultraseg.labels.source import LabelSource
from ultraseg.plan.config import load_config
from ultraseg.plan.config_file import enter_run
from ultraseg.plan.plan import Plan
from ultraseg.plan.volume import Volume
from ultraseg.storage.arrays import read_image_slice, read_slice
from ultraseg.storage.finished_runs import choose

LIST = "slices.json"  # which slices the pages are, and what was exported


def export_slices(volume: Volume, kinds: Mapping[str, str], zs: Sequence[int], folder: Path) -> list[str]:
    """Write image, labels and a stack with outlines of the slices ``zs`` to ``folder``; returns the files.

    ``zs`` count from the volume's first slice; every file has a page for each. Raises UserError where stacks were
    edited and not imported: they would be written over.
    """
    pending = [name for name, pages in _edited(volume, kinds, folder).items() if pages]
    if pending:
        raise UserError(
            f"{folder}: {', '.join(pending)} edited, but not imported",
            "Import first (proofread import), or remove the folder to drop the edits.",
        )
    start, nm = volume.roi[0][0], volume.voxel_size_nm
    names = [f"slice {z + start}" for z in zs]
    files = VolumeFiles(volume.folder)
    image = np.stack([read_image_slice(files.image_level(), z) for z in zs])
    imagej_stack(folder / "image.tif", image, nm, names)
    exported: dict[str, list[int]] = {}
    for structure in kinds:
        labels = np.stack([read_slice(files.labels_level(structure), z) for z in zs])
        imagej_stack(folder / f"{structure}.tif", labels, nm, names)
        overlays = outline_rois(labels, structure, kinds[structure])
        imagej_stack(folder / f"{structure}.outlines.tif", image, nm, names, overlays)
        # As the reader sees the pages: a program that stores them as another type has not edited them.
        read = _read(folder / f"{structure}.tif", len(zs), labels.shape[1:], kinds[structure])
        exported[structure] = [_checksum(page) for page in read]
    about = {"volume": volume.name, "slices": [z + start for z in zs], "exported": exported}
    write_text(folder / LIST, json.dumps(about, indent=1))
    return [str(folder / name) for name in ("image.tif", *(f"{s}.tif" for s in kinds))]


def import_slices(
    volume: Volume, kinds: Mapping[str, str], folder: Path, corrections: Path, everything: bool = False
) -> dict[str, list[int]]:
    """Take the edited slices of ``folder`` to the folder of corrections; returns the slices by structure.

    With ``everything`` also those that were not edited: the user says that they are right. Raises UserError where
    nothing was exported, or where a stack has another shape than the exported one, or holds no labels.
    """
    about = _about(folder)
    taken = _edited(volume, kinds, folder, everything)
    for structure, pages in taken.items():
        for number, page in pages.items():
            file = corrections / structure / f"z{about['slices'][number]:05d}.tif"
            # Label files hold whole slices of the stack, of which the volume may be a part.
            whole_label_slice(file, page, volume.full_shape[1:], volume.plane_crop)
            about["exported"][structure][number] = _checksum(page)
    write_text(folder / LIST, json.dumps(about, indent=1))
    return {s: [about["slices"][number] for number in pages] for s, pages in taken.items() if pages}


def _edited(
    volume: Volume, kinds: Mapping[str, str], folder: Path, everything: bool = False
) -> dict[str, dict[int, NDArray[Any]]]:
    """Pages that differ from what was exported, by structure and number of the page."""
    if not (folder / LIST).exists():
        return {}
    about, found = _about(folder), {}
    for structure, exported in about["exported"].items():
        if structure not in kinds or not (folder / f"{structure}.tif").exists():
            continue
        pages = _read(folder / f"{structure}.tif", len(exported), volume.shape[1:], kinds[structure])
        found[structure] = {
            number: page
            for number, (page, known) in enumerate(zip(pages, exported, strict=True))
            if everything or _checksum(page) != known
        }
    return found


def _read(file: Path, n_pages: int, shape: Sequence[int], kind: str) -> list[NDArray[Any]]:
    """The pages of a stack as labels. Raises UserError where the number or the size of pages is another one."""
    stack = tifffile.imread(file)
    stack = stack.reshape(-1, *stack.shape[-2:]) if stack.ndim > 1 else stack
    if len(stack) != n_pages:
        raise UserError(
            f"{file}: {len(stack)} slices, but {n_pages} were exported",
            "Save the whole stack again under its name, with the slices in the same order.",
        )
    refs = tuple(SliceRef(number, str(file), number) for number in range(n_pages))
    with tempfile.TemporaryDirectory() as temporary:
        # ImageJ has no integers of 32 bits: ids beyond 65535 come back as float.
        if (
            stack.dtype.kind == "f"
            and (stack == np.floor(stack)).all()
            and (abs(stack) <= FLOAT_LARGEST).all()
        ):
            scratch = f"{temporary}/{file.name}"
            tifffile.imwrite(scratch, stack.astype(np.int32), photometric="minisblack", metadata=None)
            refs = tuple(ref._replace(file=scratch) for ref in refs)
        reader = LabelReader(LabelSource.of(refs), shape, kind)
        return [reader.read(ref)[0] for ref in refs]


def _checksum(page: NDArray[Any]) -> int:
    """A checksum of labels, which does not depend on the type that they are stored as."""
    return zlib.crc32(page.astype("<u4").tobytes())


def _about(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / LIST).read_text())
        return found
    except (FileNotFoundError, ValueError) as error:
        raise UserError(
            f"{folder / LIST}: not there or damaged", "Export slices first: proofread export."
        ) from error


def slice_numbers(words: Sequence[str], volume: Volume) -> list[int]:
    """Numbers of slices in the volume, from words such as 12 and 20-30 that count slices of the stack.

    Raises UserError where a word is no slice, or one that the volume does not have.
    """
    start, stop = volume.roi[0]
    numbers: set[int] = set()
    for word in words:
        first, _, last = word.partition("-")
        if not first.isdecimal() or not (last or first).isdecimal():
            raise UserError(
                f"--slices: {word!r} is no slice", "Give numbers such as 12 or ranges such as 20-30."
            )
        numbers |= {*range(int(first), int(last or first) + 1)}
    beyond = sorted(z for z in numbers if not start <= z < stop)
    if beyond:
        raise UserError(
            f"--slices: {format_numbers(beyond)}, but volume {volume.name} has slices {start} to {stop - 1}",
            "Count from the first slice of the stack, which is 0, as the viewer does.",
        )
    return [z - start for z in sorted(numbers)]


class Proofreading:
    """The command ``ultraseg proofread`` for one volume of a run."""

    def __init__(
        self, configfile: Path, directory: Path, volume: str | None = None, data_root: str | None = None
    ):
        """``configfile``: that of the run, with ``data_root`` in place of its own where one is given.

        Changes to ``directory``, as relative paths of data and results start there. Raises UserError when the
        configuration is at fault or has no such volume.
        """
        self.configfile = configfile
        given, self.typed = enter_run(configfile, directory, data_root)
        self.config = load_config(given)
        self.plan = Plan(self.config)
        self.volume = self.plan.volumes[choose(volume, self.plan.applied)]
        self.folder = Path("proofread", self.volume.name)

    def export(self, slices: Sequence[str], structures: Sequence[str] | None = None) -> None:
        """Write slices (words such as 12 and 20-30) of structures, by default the cells, and say what to do then."""
        known = self.plan.structures_in(self.volume.name)
        cells = self.plan.cells if self.plan.has_cells(self.volume.name) else None
        chosen = structures or ([cells] if cells else known)
        for name in chosen:
            if name not in known:
                raise UserError(
                    f"--structures: {name} is not in volume {self.volume.name}",
                    f"Choose among {', '.join(known)}.",
                )
        kinds = {name: self.plan.structures[name]["kind"] for name in chosen}
        files = export_slices(self.volume, kinds, slice_numbers(slices, self.volume), self.folder)
        print("\n".join(["Edit the labels in ImageJ or napari and save them under their names:", *files[1:]]))
        typed = self.typed.replace("--config data_root=", "--data-root ")
        print(f"Over the image: {files[0]}")
        print(f"Then: ultraseg proofread import {typed} --volume {self.volume.name}")

    def take(self, everything: bool = False) -> None:
        """Take edited slices, or all, to the folder of corrections. Raises UserError where none is configured."""
        settings = self.config["volumes"][self.volume.name]
        if "corrections" not in settings:
            raise UserError(
                f"volumes.{self.volume.name}: {self.configfile} names no folder for corrections",
                f"Add to the volume: corrections: corrections/{self.volume.name}",
            )
        data_root = os.path.expanduser(self.config["data_root"])
        corrections = Path(data_root, os.path.expanduser(settings["corrections"]))
        known = self.plan.structures_in(self.volume.name)
        kinds = {name: self.plan.structures[name]["kind"] for name in known}
        taken = import_slices(self.volume, kinds, self.folder, corrections, everything)
        if not taken:
            print("No slice was edited: nothing to import (--all takes them as they are).")
            return
        for structure, zs in taken.items():
            print(f"{structure}: slice(s) {format_numbers(zs)} -> {corrections / structure}")
        print(f"Then: snakemake {self.typed}")
