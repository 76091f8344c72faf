"""Figure of what augmentation does to a tile: each change alone, then all of them together."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.base.colours import PALETTE
from ultraseg.figures.style import INK, new_figure, save_charts
from ultraseg.grid.slabs import ceil_div
from ultraseg.train.augment import NONE, Augmentation, crop_and_augment
from ultraseg.train.tiles import Tiles

COLUMNS, TOGETHER = 6, 5
DRAWS, MOST_DRAWS = 12, 300  # rare changes show in few draws
PANEL = 250  # pixels


def augmentation_figure(tiles: Tiles, settings: Augmentation, crop: int, path: str, title: str = "") -> None:
    """Write a figure with crops around one place of the tile that shows most structures, and their outlines.

    The first crop is unchanged. Then comes each change of ``settings`` that is on, alone and at its strength: of a few
    random draws the one that shows the change most. Then come all changes together, as training sees them. The slice
    shift is shown on the slice before.
    """
    place = _place(tiles, crop)
    panels = [("unchanged", *place.drawn(NONE, 0))]
    for change in fields(Augmentation):
        strength = getattr(settings, change.name)
        if strength and change.name != "warped":  # how often others are made: shown by all together
            alone = replace(NONE, **{change.name: strength})
            channel = _shown(change.name, tiles.image.shape[-1])
            panels.append((f"{change.name} {_text(strength)}", *_strongest(place, alone, channel)))
    panels += [("all together", *place.drawn(settings, seed)) for seed in range(TOGETHER)]
    rows = ceil_div(len(panels), COLUMNS)
    figure = new_figure(COLUMNS * PANEL, rows * (PANEL + 24) + 40)
    for index, (name, image, truth) in enumerate(panels):
        axes = figure.add_subplot(rows, COLUMNS, index + 1)
        axes.imshow(image[..., _shown(name.split()[0], image.shape[-1])], cmap="gray", vmin=0, vmax=255)
        for k in range(truth.shape[-1] // 2):
            if np.ptp(truth[..., k]) > 127:
                axes.contour(truth[..., k], [127], colors=PALETTE[k % len(PALETTE)], linewidths=0.8)
        axes.set_title(name.replace("_", " "), fontsize=9, color=INK)
        axes.set_axis_off()
    figure.suptitle(f"Augmentation of the training crops{': ' + title if title else ''}", color=INK)
    save_charts(figure, path)


def _shown(change: str, channels: int) -> int:
    return 0 if change == "slice_shift" else channels // 2


def _text(strength: float | bool) -> str:
    return "" if strength is True else f"{strength:g}"


@dataclass(frozen=True)
class _Place:
    """The tile that shows most structures, and the middle of what it shows; all crops are drawn around it."""

    image: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    extent: tuple[int, int]
    near: tuple[int, int]
    crop: int

    def drawn(self, settings: Augmentation, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Image and truth of a crop, changed at random."""
        rng = np.random.default_rng(seed)
        return crop_and_augment(self.image, self.truth, self.crop, rng, settings, self.extent, self.near)


def _place(tiles: Tiles, crop: int) -> _Place:
    found = (tiles.target > 127) & (tiles.weight > 0)
    shares = found.mean((1, 2))
    best = int((shares / np.maximum(shares.mean(0), 1e-9)).sum(1).argmax())
    places = np.argwhere(found[best].any(-1))
    middle = places[len(places) // 2] if len(places) else np.array(found.shape[1:3]) // 2
    return _Place(
        tiles.image[best],
        np.concatenate([tiles.target[best], tiles.weight[best]], axis=-1),
        (int(tiles.height[best]), int(tiles.width[best])),
        (int(middle[0]), int(middle[1])),
        crop,
    )


def _strongest(place: _Place, alone: Augmentation, channel: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Of some draws the one that alters the shown slice of the crop most, against the same draw without the change."""
    best, most = place.drawn(alone, 0), 0.0
    for seed in range(MOST_DRAWS):
        drawn = place.drawn(alone, seed)
        without, _ = place.drawn(NONE, seed)
        change = float(np.abs(drawn[0][..., channel].astype(np.int16) - without[..., channel]).mean())
        if change > most:
            best, most = drawn, change
        if seed + 1 >= DRAWS and most > 0:
            break
    return best
