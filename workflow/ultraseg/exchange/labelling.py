"""Labelling by hand, slice by slice: what a slice shows at the start, and where it goes when it is done.

The desk knows nothing of the window that shows it (``label_window``).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

from ultraseg.arrays.grey_values import stored_as, to_stored
from ultraseg.base.colours import structure_colours
from ultraseg.base.errors import UserError
from ultraseg.base.files import read_table, whole_file
from ultraseg.base.ids import LARGEST_ID
from ultraseg.base.text import format_numbers
from ultraseg.exchange.label_target import Target, find_target
from ultraseg.formats.slice_source import SliceRef
from ultraseg.grid.paths import metadata
from ultraseg.ingest.crop import resolve_roi
from ultraseg.ingest.read_slices import read_source_slices
from ultraseg.labels.planes import iterate_planes, resolve_planes
from ultraseg.labels.reader import LabelReader
from ultraseg.labels.source import LabelSource, with_corrections
from ultraseg.plan.config import load_config
from ultraseg.plan.config_file import enter_run
from ultraseg.plan.open_volume import located, open_volume
from ultraseg.storage.arrays import read_slice, shape_of
from ultraseg.storage.finished_runs import choose

FIRST = 8  # slices that are advised before there is a run
HELD = 8  # slices of the image that are kept in memory
DRAFTS = "labelling"  # folder of slices that were begun and not finished


class Start(NamedTuple):
    """What a slice shows before it is drawn on: labels uint32 (Y, X), and whose they are."""

    labels: NDArray[np.uint32]
    origin: str  # draft, yours, run or empty


class Desk:
    """One volume on the desk of the person who labels it. Slices count from the volume's first slice."""

    def __init__(
        self,
        configfile: Path,
        directory: Path,
        volume: str | None = None,
        structures: Sequence[str] | None = None,
        place: str | None = None,
        data_root: str | None = None,
    ):
        """``place``: where labels are saved, see ``label_target.find_target``; ``structures``: by default all of them.

        Changes to ``directory``, as relative paths of data and results start there. No labels need to be there yet.
        Raises UserError when the configuration is at fault, or names no folder for a structure.
        """
        given, self.typed = enter_run(configfile, directory, data_root)
        config = load_config(given)
        known = [name for name, entry in config["volumes"].items() if "planned" not in entry]
        self.name = choose(volume, known, str(configfile))
        settings = config["volumes"][self.name]
        bare = {key: value for key, value in settings.items() if key not in ("corrections", "cell_edits")}
        self.volume = open_volume(self.name, bare | {"labels": {}, "truth": {}}, config)
        self.left_out: dict[str, str] = {}
        self.targets: dict[str, Target] = {}
        self._sources: dict[str, LabelSource] = {}
        self._find(config, structures, place)
        self.kinds = {name: config["structures"][name]["kind"] for name in self.targets}
        self._done: dict[str, set[int]] = {name: set() for name in self.targets}
        self._image, self._highest = lru_cache(HELD)(self._read_image), lru_cache(None)(self._read_highest)
        self._config, self._across = config, lru_cache(None)(self._read_across)

    def _find(self, config: dict[str, Any], structures: Sequence[str] | None, place: str | None) -> None:
        unknown = [name for name in structures or () if name not in config["structures"]]
        if unknown:
            raise UserError(
                f"--structures: {unknown[0]} is no structure of the configuration",
                f"Choose among {', '.join(config['structures'])}.",
            )
        found: dict[str, LabelSource] = {}
        for name in structures or config["structures"]:
            try:
                self.targets[name], source = find_target(config, self.name, name, place)
            except UserError as error:
                if structures or len(config["structures"]) == 1:
                    raise
                self.left_out[name] = str(error)
                continue
            if source is not None:
                found[name] = source
        if not self.targets:
            raise UserError(
                "no structure can be labelled:\n" + "\n".join(self.left_out.values()), "See above."
            )
        settings = config["volumes"][self.name]
        if "corrections" in settings:
            found = with_corrections(found, located(settings["corrections"], config), config["structures"])
        cropped = {name: source.cropped(self.volume.roi) for name, source in found.items()}
        self._sources = self.volume.labels | cropped  # those of a phantom, and the user's

    # ---- what is there
    def labelled(self, structure: str) -> list[int]:
        """Slices with labels of a structure, those that were saved here included."""
        source = self._sources.get(structure)
        return sorted({*(source.zs if source else ()), *self._done[structure]})

    def drafts(self, structure: str) -> list[int]:
        """Slices that were begun and not finished."""
        start = self.volume.roi[0][0]
        folder = Path(DRAFTS, self.name, structure)
        zs = (int(file.stem[1:]) - start for file in folder.glob("z*.tif"))
        return sorted(z for z in zs if 0 <= z < self.volume.n_slices)

    def advised(self) -> list[tuple[int, str]]:
        """Slices to label, the most helpful first, each with the reason; those that a run advised, where it did.

        Without a run: the first and the last good slice, and others evenly spaced between them.
        """
        table = Path(self.volume.files.table("label_next"))
        if table.exists():
            rows = read_table(table, columns=["z", "rank", "relief_um3"]).dropna(subset=["rank"])
            return [
                (int(row.z), f"advised by the run: a label should clear up {row.relief_um3:.3g} µm³")
                for row in rows.sort_values("rank").itertuples()
            ]
        good = self.volume.good_slices.good
        count = min(FIRST, len(good))
        chosen = {good[round(i * (len(good) - 1) / max(count - 1, 1))] for i in range(count)}
        return [(z, "evenly spaced: there is no advice of a run yet") for z in sorted(chosen)]

    def start(self, structure: str, z: int) -> Start:
        """What slice z shows: the draft, the labels, what the run made of it, or nothing. Raises UserError."""
        shape = self.volume.shape[1:]
        draft = self._draft(structure, z)
        if draft.exists():
            found = tifffile.imread(draft)
            if found.shape != shape:
                raise UserError(
                    f"{draft}: has {found.shape} pixels, but slices have {shape}",
                    "It was begun with another roi: remove it, or take the roi of before.",
                )
            return Start(found.astype(np.uint32), "draft")
        made, source = self._made(structure, z), self._source(structure, z)
        if source is not None:
            reader = LabelReader(
                source, self.volume.full_shape[1:], self.kinds[structure], self.volume.plane_crop
            )
            labels, known = reader.read(next(ref for ref in source.slices if ref.z == z))
            if known is not None and made is not None:
                labels = np.where(known, labels, made)
            return Start(labels.astype(np.uint32), "yours")
        return Start(np.zeros(shape, np.uint32), "empty") if made is None else Start(made, "run")

    def _source(self, structure: str, z: int) -> LabelSource | None:
        """Where the labels of slice z are; None where it has none."""
        if z in self._done[structure]:
            file = self.targets[structure].file(z + self.volume.roi[0][0])
            return LabelSource.of([SliceRef(z, str(file), None)])
        source = self._sources.get(structure)
        return source if source and z in source.zs else None

    def _made(self, structure: str, z: int) -> NDArray[np.uint32] | None:
        """The final labels of a run; None where there are none of this slice."""
        array = self.volume.files.labels_level(structure)
        if not Path(metadata(array)).exists() or shape_of(array) != self.volume.shape:
            return None
        try:
            return read_slice(array, z).astype(np.uint32)
        except UserError:  # the run has not come to this slab yet
            return None

    def image(self, z: int) -> NDArray[np.uint8]:
        """Grey values (Y, X) of a slice of the source, its window spread over 0 to 255; a missing slice is black."""
        return self._image(z)

    def _read_image(self, z: int) -> NDArray[np.uint8]:
        volume = self.volume
        refs = volume.stack.range(z, z + 1)
        if not refs:
            return np.zeros(volume.shape[1:], np.uint8)
        plane = next(read_source_slices(refs, volume.full_shape[1:], volume.dtype, volume.plane_crop))
        window = volume.window
        if window is None:
            low, high = np.percentile(plane[::4, ::4], volume.percentiles)
            window = (float(low), float(max(high, low + 1)))
        return to_stored(plane, stored_as(volume.dtype, window, 8))

    def new_id(self, structure: str, at_least: int = 0) -> int:
        """An id that no cell has: above ``at_least`` and all ids of labels, drafts and the run. Raises UserError."""
        highest = at_least
        for z in [*self.labelled(structure), *self.drafts(structure)]:
            highest = max(highest, self._highest(structure, z))
        highest = max(highest, self._across(structure))
        table = Path(self.volume.files.table("cells"))
        if self.kinds[structure] == "cells" and table.exists():
            highest = max(highest, int(read_table(table, columns=["cell"])["cell"].max()))
        if highest >= LARGEST_ID:
            raise UserError(
                f"{structure}: {highest} is the highest id that a cell may have", "Choose an id yourself."
            )
        return highest + 1

    def _read_highest(self, structure: str, z: int) -> int:
        return int(self.start(structure, z).labels.max(initial=0))

    def _read_across(self, structure: str) -> int:
        """The highest id on planes across the slices; 0 where there are none."""
        entry, shape = self._config["volumes"][self.name]["labels"].get(structure, ""), self.volume.full_shape
        if isinstance(entry, str):
            return 0
        where = f"volumes.{self.name}.labels.{structure}"
        found = resolve_planes(entry, lambda path: located(path, self._config), shape, where)
        whole, kind = resolve_roi(None, shape, where), self.kinds[structure]
        return max(
            (
                int(one.labels.max(initial=0))
                for plane, source in found.items()
                for one in iterate_planes(source, plane, shape, whole, kind)
            ),
            default=0,
        )

    # ---- what comes back
    def keep(self, structure: str, z: int, labels: NDArray[Any]) -> Path:
        """Keep a slice that is not finished; it is the start of this slice the next time."""
        draft = self._draft(structure, z)
        with whole_file(draft) as part:
            tifffile.imwrite(part, labels.astype(np.uint32), compression="zlib", photometric="minisblack")
        return draft

    def save(self, structure: str, z: int, labels: NDArray[Any]) -> Path:
        """Save a finished slice as labels, or as a correction; returns the file. Raises UserError."""
        if z in self.volume.bad:
            raise UserError(
                f"slice {z + self.volume.roi[0][0]} is bad or missing, and labels of such slices are not used",
                "Label another slice, or take the slice out of bad_slices.",
            )
        path = self.targets[structure].save(self.volume, z, labels)
        self._draft(structure, z).unlink(missing_ok=True)
        self._done[structure].add(z)
        return path

    def _draft(self, structure: str, z: int) -> Path:
        return Path(DRAFTS, self.name, structure, f"z{z + self.volume.roi[0][0]:05d}.tif")

    def farewell(self) -> list[str]:
        """What was saved, what is unfinished, and what to type to go on."""
        start, lines, saved = self.volume.roi[0][0], [], False
        for name, target in self.targets.items():
            if self._done[name]:
                zs, saved = format_numbers(sorted(z + start for z in self._done[name])), True
                lines.append(f"{name}: slice(s) {zs} -> {target.folder} ({target.place})")
            if begun := self.drafts(name):
                zs = format_numbers([z + start for z in begun])
                lines.append(
                    f"{name}: slice(s) {zs} begun, not finished; they are kept in {DRAFTS}/{self.name}/{name}"
                )
        if not saved:
            return [*lines, "No slice was saved: nothing changes for the run."]
        return [*lines, f"Then: snakemake check {self.typed}", f"and:  snakemake {self.typed}"]

    def colours(self) -> dict[str, str]:
        """The colour of each structure, as in the report."""
        return structure_colours(list(self.targets))
