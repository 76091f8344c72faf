"""From what a label slice stores to the labels of one structure and the pixels where they are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fastremap
import numpy as np
from numpy.typing import NDArray

from ultraseg.base.errors import UserError
from ultraseg.base.ids import check_id
from ultraseg.formats.slice_source import SliceRef
from ultraseg.labels.doubts import Doubts
from ultraseg.labels.pixels import PLANES, Pixels, colour_name, read_array_pixels, read_pixels
from ultraseg.labels.source import LabelSource, is_roi

KINDS = ("cells", "organelle", "mask")
MOST_NUMBERS = 4096  # numbers of masks that are remembered for messages


class LabelReader:
    """Reads the label slices of one source, and remembers which numbers it met.

    shape: (Y, X) of a whole slice; kind: 'cells', 'organelle', 'mask', or 'truth', whose ids are taken as they are;
    crop: ((y0, y1), (x0, x1)) of the slice that is wanted; one_colour: whether truth may be the pixels of one colour,
    as it may where its numbers are no ids.
    """

    def __init__(
        self,
        source: LabelSource,
        shape: Sequence[int],
        kind: str,
        crop: Sequence[Sequence[int]] | None = None,
        one_colour: bool = True,
    ):
        if kind not in (*KINDS, "truth"):
            raise ValueError(f"kind is {kind!r}, not one of {KINDS}")
        height, width = shape
        self.source, self.shape, self.kind = source, (height, width), kind
        self.one_colour = one_colour and kind != "cells"
        (y0, y1), (x0, x1) = crop or ((0, height), (0, width))
        self.crop = ((y0, y1), (x0, x1))
        self.met: set[int | str] = set()
        self.background_met = False
        self.doubts = Doubts(kind, strokes=source.ignore_value is not None)

    def read(self, ref: SliceRef) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Labels (Y, X) of a slice and where they are known: bool (Y, X), None where all are.

        Labels are uint32 ids for cells and truth, uint8 0/1 for the others, and 0 where nothing is known. Raises
        UserError for what cannot be labels of this kind.
        """
        if ref.file in self.source.corrected:
            return LabelReader(LabelSource.of([ref]), self.shape, self.kind, self.crop).read(ref)
        pixels = self._pixels(ref)
        known = self._known(ref, pixels)
        pixels = self._background_as_0(pixels, ref.file)
        numbers = pixels.numbers
        present = fastremap.unique(numbers if known is None else numbers[known])
        self._remember(pixels, present)
        if not is_roi(ref.file):
            self.doubts.add(ref.z + self.source.first_number, numbers, present, known)
        labels = self._labels(pixels, present.astype(object).tolist(), ref.file, whole=known is None)
        if known is not None:
            labels[~known] = 0
            known = np.ascontiguousarray(self._cropped(known))
            if not known.any():
                raise UserError(
                    f"{ref.file}: slice {ref.z + self.source.first_number}: no pixel is labelled, because all have "
                    "the ignore value or lie outside the region",
                    "Correct ignore_value or region, or remove the slice.",
                )
            known = None if known.all() else known
        return np.ascontiguousarray(self._cropped(labels)), known

    def _cropped(self, values: NDArray[Any]) -> NDArray[Any]:
        return values[slice(*self.crop[0]), slice(*self.crop[1])]

    # ---- what is stored
    def _pixels(self, ref: SliceRef) -> Pixels:
        array = self.source.array
        if array is not None and ref.file == array.path:
            return read_array_pixels(array, ref.page or 0, self.shape)
        if not is_roi(ref.file):
            return read_pixels(ref.file, ref.page, self.shape)
        from ultraseg.labels.imagej_rois import rasterise

        single = self.kind in ("organelle", "mask") and self.source.roi_ids is None and not self.source.values
        return Pixels(rasterise(ref.file, ref.page, self.shape, ids=self.source.roi_ids, single=single))

    def _background_as_0(self, pixels: Pixels, file: str) -> Pixels:
        if self.source.background is None:
            return pixels
        codes = pixels.codes([self.source.background], file)
        numbers = np.where(np.isin(pixels.numbers, codes), 0, pixels.numbers).astype(pixels.numbers.dtype)
        return Pixels(numbers, pixels.coloured)

    def _known(self, ref: SliceRef, pixels: Pixels) -> NDArray[Any] | None:
        parts, source = [], self.source
        if source.ignore_value is not None:
            codes = pixels.codes([source.ignore_value], ref.file)
            parts.append(~np.isin(pixels.numbers, codes))
        if source.rectangle is not None:
            inside = np.zeros(self.shape, bool)
            inside[tuple(slice(*ends) for ends in source.rectangle)] = True
            parts.append(inside)
        if source.region:
            number = ref.z + source.first_number
            file, page = next((f, p) for n, f, p in source.region if n in (None, number))
            parts.append(read_region(file, page, self.shape))
        return np.logical_and.reduce(parts) if parts else None

    # ---- what it means
    def _labels(self, pixels: Pixels, present: list[int], file: str, *, whole: bool) -> NDArray[Any]:
        numbers, values = pixels.numbers, self.source.values
        if present and min(present) < 0:
            raise UserError(
                f"{file}: holds negative label {min(present)}",
                "Labels are 0 for background and positive numbers for structures: save unsigned integers, or name "
                "the number that stands for 'not labelled' as ignore_value, or that of the background as background.",
            )
        if values:
            codes = set(pixels.codes(values, file))
            self.background_met |= any(n not in codes for n in present)
            chosen = np.isin(numbers, list(codes))
        else:
            self.background_met |= 0 in present
            self._check_unsaid(pixels, present, file)
            chosen = numbers != 0
        if self.kind in ("organelle", "mask"):
            return chosen.astype(np.uint8)
        kept = [n for n in present if n and (not values or n in codes)]
        check_id(max(kept, default=0), f"{file}: a cell")
        labels = np.where(chosen, numbers, 0).astype(np.uint32)
        if self.kind == "cells":
            _check_cells(sorted({n if (not values or n in codes) else 0 for n in present}), file, whole)
        return labels

    def _check_unsaid(self, pixels: Pixels, present: list[int], file: str) -> None:
        """Refuse what has more than one meaning as long as ``values`` does not say which number is the structure."""
        counts = "Say with 'values' which of them are this structure; the others are background then"
        others = [n for n in present if n]
        if self.kind == "truth" and not pixels.coloured:
            return
        if pixels.coloured and (len(others) > 1 or not self.one_colour):
            listed = ", ".join(map(colour_name, present[:12]))
            if self.kind != "mask" and self.kind != "organelle":
                raise UserError(
                    f"{file}: holds colours ({listed}), which are no cell ids",
                    "Export the numbers of the cells." + (f" {PLANES}" if pixels.planar else ""),
                )
            raise UserError(
                f"{file}: holds {len(present)} colours: {listed}",
                f"{counts}: values: ['#ff0000']." + (f" {PLANES}" if pixels.planar else ""),
            )
        palette = pixels.palette or {}
        if palette.get(0) and 0 in palette.values() and self.kind != "cells":
            shown = ", ".join(f"{n} = {colour_name(c)}" for n, c in list(palette.items())[:8])
            raise UserError(
                f"{file}: in its palette black is not number 0 ({shown}), so the background is unclear",
                f"{counts}.",
            )
        if self.kind in ("organelle", "mask"):
            if len(present) > 1 and 0 not in present:
                listed = ", ".join(map(str, present[:12]))
                raise UserError(
                    f"{file}: holds {listed} and no 0, so the background is unclear", f"{counts}."
                )
            _check_blurred(pixels.numbers, others, file)

    # ---- over all slices
    def _remember(self, pixels: Pixels, present: NDArray[Any]) -> None:
        if self.kind == "truth" or (self.kind == "cells" and not self.source.values):
            return
        as_colours = pixels.coloured or (
            pixels.palette and any(isinstance(v, str) for v in self.source.values)
        )
        table = pixels.palette or {}
        for number in present[:MOST_NUMBERS].astype(object).tolist():
            self.met.add(colour_name(table.get(number, number)) if as_colours else number)

    def problems(self) -> list[UserError]:
        """What is wrong with the numbers of all slices together, after all were read."""
        source = self.source
        found: list[UserError] = []
        if not source.slices:
            return found
        name = source.slices[0].file
        name += f" and {len(source.slices) - 1} more slices" if len(source.slices) > 1 else ""
        seen = ", ".join(map(str, sorted(self.met, key=str)[:12])) or "nothing"
        wanted = [v.lower() if isinstance(v, str) else v for v in source.values]
        lacking = [str(v) for v in wanted if v not in self.met]
        if lacking:
            found.append(
                UserError(
                    f"{name}: value {', '.join(lacking)} does not occur; stored are {seen}",
                    "Correct 'values': it lists the stored numbers that are this structure.",
                )
            )
        if self.kind in ("organelle", "mask") and self.met and not self.background_met:
            found.append(
                UserError(
                    f"{name}: all labelled pixels are the structure; stored are {seen}",
                    "Say with 'values' which stored number is the structure; the others are background then.",
                )
            )
        return found


def read_region(file: str, page: int | None, shape: tuple[int, int]) -> NDArray[Any]:
    """Where a region mask is not 0: bool (Y, X)."""
    if is_roi(file):
        from ultraseg.labels.imagej_rois import rasterise

        return rasterise(file, page, shape, single=True) != 0
    return read_pixels(file, page, shape).numbers != 0


def _check_cells(present: list[int], file: str, whole: bool) -> None:
    """Refuse the ids of a slice that can be no cells: one id on the whole slice, and a mask of 0 and 255."""
    if whole and len(present) == 1 and present[0] != 0:
        raise UserError(
            f"{file}: all pixels have cell id {present[0]}",
            f"If {present[0]} is the background, say background: {present[0]} for these labels. Else check that the "
            "file holds cell ids; a slice inside one cell has no boundary to learn from.",
        )
    if present == [0, 255]:
        raise UserError(
            f"{file}: holds only 0 and 255, so it is a mask, not one id per cell",
            "Give each cell a number of its own, the same in all slices; use kind 'mask' for a mask.",
        )


def _check_blurred(numbers: NDArray[Any], others: list[int], file: str) -> None:
    """Refuse a mask of 0 and 255 that was scaled or smoothed, so that its edges are neither."""
    if len(others) < 3 or others[-1] != 255:
        return
    full, some = np.count_nonzero(numbers == 255), np.count_nonzero(numbers)
    if full >= some / 2:
        raise UserError(
            f"{file}: holds 0, 255 and {len(others) - 1} numbers between on {some - full} pixels: a mask with "
            "smoothed edges",
            "Export the mask without anti-aliasing or interpolation, or threshold it (Fiji: Image > Adjust > "
            "Threshold).",
        )
