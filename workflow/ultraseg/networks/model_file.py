"""What a model file says of itself, and the guard that keeps it from images that it does not fit.

The card of a network lies in its ``.keras`` and ``.tflite`` files, as a member of a zip archive. A ``.keras`` file is
such an archive; to a ``.tflite`` file an archive is appended, which LiteRT does not look at. Light to import: the
Snakefile asks this module when it is parsed.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ultraseg.arrays.grey_values import WHOLE_RANGE
from ultraseg.base.errors import UserError
from ultraseg.networks.card_schema import faults_of_card
from ultraseg.networks.model_guard import read_member

MEMBER = "ultraseg.json"
MOST_BYTES = 2**24  # of a card; those of trained networks have a few thousand
Rule = Mapping[str, Any]  # what ``window_rule`` returns
TOLERANCE = 0.1  # of the size of a pixel that the network sees; augmentation scales by a fifth


def embed_card(path: str | Path, card: Mapping[str, Any]) -> None:
    """Add the card to a model file that has none yet."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MEMBER, json.dumps(card, indent=2, default=list))


def read_card(path: str | Path) -> dict[str, Any]:
    """The card in a model file. Raises UserError for a file that is missing, or that this workflow did not write."""
    try:
        with zipfile.ZipFile(path) as archive:
            card = json.loads(read_member(archive, MEMBER, MOST_BYTES))
        if faults := faults_of_card(card):
            raise ValueError("; ".join(faults))
        return dict(card)
    except FileNotFoundError as error:
        raise UserError(
            f"{path}: there is no such network", "Give the .keras file of a network that was trained before."
        ) from error
    except Exception as error:  # damaged archives and JSON raise errors of many kinds
        said = error.args[0] if isinstance(error, KeyError) else error  # a KeyError puts its text in quotes
        raise UserError(
            f"{path}: this file does not say what the network was trained on ({said})",
            "Take a .keras file from results/models of a run with this version; train older networks again.",
        ) from error


def window_rule(dtype: str, window: Sequence[float] | None, percentiles: Sequence[float]) -> dict[str, Any]:
    """How grey values of a volume are shown to networks, as the configuration says; ``window`` None: at percentiles."""
    if window is None:
        return {"kind": "percentiles", "values": list(percentiles), "dtype": dtype}
    whole = tuple(window) == WHOLE_RANGE.get(dtype)
    return {"kind": "whole" if whole else "given", "values": list(window), "dtype": dtype}


def _same_window(rule: Rule, trained: Rule) -> bool:
    """Whether black and white mean the same in both.

    A window that is given for another type of image counts as the same: the user says so.
    """
    kinds = rule["kind"], trained["kind"]
    if kinds == ("given", "whole") or kinds == ("given", "given") and rule["dtype"] != trained["dtype"]:
        return True
    if kinds == ("whole", "whole"):
        return True
    return kinds[0] == kinds[1] and list(rule["values"]) == list(trained["values"])


def misfits(
    path: str,
    card: Mapping[str, Any],
    network: str,
    downsample: int,
    volumes: Mapping[str, tuple[Sequence[float], Rule]],
) -> list[UserError]:
    """What is wrong with applying a model to volumes: {name: (voxel size in nm, ``window_rule``)}.

    The pixels that the network sees must be as large as those it was trained on, and grey values must be shown to it
    in the same way.
    """
    trained = {v: card["downsample"] * size[1] for v, size in card["voxel_size_nm"].items()}
    found = []
    for name, (size, rule) in volumes.items():
        seen = downsample * size[1]
        if not any(abs(math.log(seen / known)) <= math.log(1 + TOLERANCE) for known in trained.values()):
            found.append(_other_pixels(path, network, name, size[1], downsample, trained))
        rules = list(card["windows"].values())
        if not any(_same_window(rule, known) for known in rules):
            found.append(_other_window(path, network, name, rule, rules[0]))
    return found


def _other_pixels(
    path: str, network: str, volume: str, pixel: float, downsample: int, trained: Mapping[str, float]
) -> UserError:
    known = min(trained.values(), key=lambda size: abs(math.log(downsample * pixel / size)))
    fitting = max(1, round(known / pixel))
    ratio = fitting * pixel / known
    fits = abs(math.log(ratio)) <= math.log(1 + TOLERANCE)
    cure = f"Set networks.{network}.downsample to {fitting}" if fits else "No whole downsample comes near it"
    return UserError(
        f"networks.{network}.model: {path} was trained on pixels of {known:g} nm, and volume {volume} at downsample "
        f"{downsample} has {downsample * pixel:g} nm",
        f"{cure}; or leave {volume} out of apply_to, or train on labels of {volume} with init_from: {path}.",
    )


def _other_window(path: str, network: str, volume: str, rule: Rule, trained: Rule) -> UserError:
    cures = {
        "percentiles": f"Set volumes.{volume}.window_percentiles to {trained['values']} and remove intensity_window",
        "given": f"Set volumes.{volume}.intensity_window to {trained['values']}",
        "whole": f"Set volumes.{volume}.intensity_window to the grey values that are black and white in it",
    }
    return UserError(
        f"networks.{network}.model: {path} was trained on grey values shown {told_window(trained)}, and those of "
        f"volume {volume} are shown {told_window(rule)}",
        f"{cures[trained['kind']]}; or train on labels of {volume} with init_from: {path}.",
    )


def told_window(rule: Rule) -> str:
    """How grey values are shown to a network, in words."""
    values = " to ".join(f"{v:g}" for v in rule["values"])
    return {
        "whole": "as they are in 8 bits",
        "given": f"in the window {values}",
        "percentiles": f"between the percentiles {values}",
    }[rule["kind"]]
