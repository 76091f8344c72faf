"""What a package of a trained network tells people: its name, its description, its page and its picture."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ultraseg.archive.model_sample import Sample
from ultraseg.networks.model_file import told_window

MOST_NAME = 64  # characters that the format advises
COVER = 256  # pixels of a side of each half of the picture
PAPER = {
    "text": "Machireddy A. et al., Segmentation of cellular ultrastructures on sparsely labeled 3D electron microscopy "
    "images using deep learning, Frontiers in Bioinformatics 3, 2023 (the method that ultraseg follows)",
    "doi": "10.3389/fbinf.2023.1308708",
}


def title(card: Mapping[str, Any]) -> str:
    """The name of a package: letters, digits, underscores, brackets and spaces."""
    words = f"{', '.join(dict.fromkeys(_structures(card)))} in electron microscopy"
    name = f"ultraseg {card.get('network', 'network')} ({re.sub(', ', ' ', words)})"
    return name if len(name) <= MOST_NAME else f"ultraseg {card.get('network', 'network')}"[:MOST_NAME]


def summary(card: Mapping[str, Any]) -> str:
    """What the network does, in one sentence."""
    return (
        f"Probability maps of {', '.join(card['channels'])} in slices of 3D electron microscopy; trained by ultraseg "
        "from labels on a few slices."
    )


def channel_names(names: Sequence[str]) -> list[str]:
    """Names of channels as the format takes them: letters, digits and underscores."""
    return [name.replace("/", "_") for name in names]


def slice_names(z_context: int) -> list[str]:
    """Names of the channels of the image, which are neighbouring slices."""
    return [
        "slice" if z == 0 else f"slice_{'minus' if z < 0 else 'plus'}_{abs(z)}"
        for z in range(-z_context, z_context + 1)
    ]


def page(card: Mapping[str, Any], sample: Sample, run: str) -> str:
    """The page of a package, in Markdown. run: how the workflow is called and which version made the network."""
    count = 2 * card["z_context"] + 1
    slices = (
        "The channels of the image are "
        + ("one slice" if count == 1 else f"{count} neighbouring slices, in the order of z")
        + "."
    )
    lines = [
        f"# {title(card)}",
        "",
        summary(card),
        f"Made by {run}. The file `card.json` has all that is known of the training.",
        "",
        "## Input",
        "",
        f"Axes are batch, y, x, channel. {slices} Grey values are 8 bits, 0 (black) to 255 (white). In training, the "
        "images were shown as follows:",
        "",
        *(
            f"- volume {name}: voxels of {_nm(card['voxel_size_nm'][name])} nm (z, y, x); {rule['dtype']}, grey values "
            f"shown {told_window(rule)}"
            for name, rule in card["windows"].items()
            if name in card["voxel_size_nm"]
        ),
        "",
        f"The network sees each slice averaged over blocks of {card['downsample']} x {card['downsample']} pixels: "
        "bring your images to the size of a pixel that the axes of the image tell (within 10 %).",
        "",
        "Each slice is brought to mean 128 and standard deviation 40 and rounded to whole numbers, as the "
        "preprocessing of the package says. One thing differs from the workflow: it does not count pixels that are "
        "pure black (0) or pure white (255), such as padding. On the test image, counting them changes the maps by "
        f"{sample.shift:.2g} on average. Cut wide black borders off before you use this package.",
        "",
        "## Output",
        "",
        "Probabilities from 0 to 1. In the workflow a pixel belongs to a structure from this probability on:",
        "",
        *(f"- `{name}`: {card['thresholds'].get(name, 0.5):.3g}" for name in card["channels"]),
        "",
        "The workflow then makes cells and organelles in 3D of these maps; this package has the network alone. The "
        "workflow blends overlapping tiles and may take the mean over mirrored and turned views.",
        "",
        "## Validation",
        "",
        *_validation(card),
        "",
        "Compare the maps, cut at the thresholds above, with labels of your own on slices that no network has seen "
        "(Dice: 2 x pixels right / (pixels predicted + true pixels)).",
        "",
    ]
    return "\n".join(lines)


def draw_cover(file: Path, sample: Sample) -> None:
    """A picture of twice the width: the image on the left, the first map on the right (PNG)."""
    from PIL import Image

    image = sample.image[0, :, :, sample.image.shape[-1] // 2]
    first = np.rint(sample.maps[0, :, :, 0] * 255).astype(np.uint8)
    side = min(image.shape)
    halves = [Image.fromarray(part[:side, :side]).resize((COVER, COVER)) for part in (image, first)]
    both = Image.new("L", (2 * COVER, COVER))
    for place, half in enumerate(halves):
        both.paste(half, (place * COVER, 0))
    both.save(file)


def _structures(card: Mapping[str, Any]) -> list[str]:
    return [channel.partition("/")[0] for channel in card["channels"]]


def _nm(size: Sequence[float]) -> str:
    return " x ".join(f"{n:g}" for n in size)


def _validation(card: Mapping[str, Any]) -> list[str]:
    """Dice on validation slices, where it is known."""
    known = {name: dice for name, dice in card.get("validation_dice", {}).items() if dice is not None}
    if not known:
        return ["No slices were held back to validate this network."]
    note = card.get("definitions", {}).get("validation_dice", "")
    rows = [f"- `{name}`: {dice:.3f}" for name, dice in known.items()]
    return ["Dice on validation slices:", "", *rows, *(["", f"({note}.)"] if note else [])]
