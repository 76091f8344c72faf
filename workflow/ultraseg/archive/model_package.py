"""Trained networks as packages of bioimage.io, one zip file each, for other programs and for archives.

Facts, weights and the test image are gathered here. The library bioimageio.core, in an environment of its own (make
extras), writes the package and tests it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from ultraseg import __version__
from ultraseg.archive.model_page import PAPER, channel_names, draw_cover, page, slice_names, summary, title
from ultraseg.archive.model_sample import Sample, take_sample
from ultraseg.archive.people import check_authors
from ultraseg.base.errors import UserError
from ultraseg.base.files import whole_file, write_arrays, write_text
from ultraseg.grid.paths import MODELS, VolumeFiles
from ultraseg.networks.model_file import read_card
from ultraseg.networks.sizes import network_stride
from ultraseg.storage.finished_runs import choose, volumes_of
from ultraseg.viewer.skeletons import find_python

SCRIPT = Path(__file__).with_name("write_package.py")
LEAST, HALO = 128, 32  # pixels of the smallest image, and of the edge of a tile that other programs leave out
# How the script ends where the test fails, where the format refuses what was typed, and where a library is missing.
FAILED, REFUSED, MISSING = 3, 4, 5


def write_packages(
    directory: Path,
    licence: str,
    authors: Sequence[str],
    orcids: Sequence[str] = (),
    networks: Sequence[str] | None = None,
    volume: str | None = None,
    dois: Sequence[str] = (),
    to: str | Path | None = None,
) -> list[Path]:
    """Write a package of each network of the run in ``directory``; returns the files, NETWORK.zip each.

    licence: a name of SPDX such as CC-BY-4.0; authors: names of people; orcids: their numbers, as many, or none;
    networks: names (default: all); volume: whose image tests the network (default: one that it was trained on); dois:
    of publications to cite; to: folder (default: export/bioimageio in the folder of the run). Raises UserError.
    """
    python = find_python("bioimageio.core")
    check_authors(authors, orcids)
    people = [
        {"name": name} | ({"orcid": orcids[number]} if orcids else {}) for number, name in enumerate(authors)
    ]
    cite = [{"text": f"https://doi.org/{doi}", "doi": doi} for doi in dois] + [PAPER]
    about = {"licence": licence, "authors": people, "cite": cite}
    folder = Path(to or directory / "export/bioimageio")
    return [_write(directory, file, volume, about, folder, python) for file in _models(directory, networks)]


def _models(directory: Path, names: Sequence[str] | None) -> list[Path]:
    """The files of the networks. Raises UserError where there are none, or none of a name."""
    known = {file.stem: file for file in sorted((directory / MODELS).glob("*.keras"))}
    if not known:
        raise UserError(
            f"{directory / MODELS}: no trained network here (*.keras)",
            "Give the folder that a run was made in with --directory. Maps from elsewhere have no network.",
        )
    for name in names or ():
        if name not in known:
            raise UserError(f"--networks: no network {name} in this run", f"Choose among {', '.join(known)}.")
    return [known[name] for name in names or known]


def _write(
    directory: Path, file: Path, volume: str | None, about: dict[str, Any], to: Path, python: str
) -> Path:
    """Write and test the package of one network."""
    from ultraseg.networks.architecture import check_card, load_network
    from ultraseg.networks.layers import layers_of

    card = read_card(file)
    name = _volume(directory, card, volume)
    model = load_network(file)
    check_card(file, model, card)
    settings = card["settings"]
    stride = network_stride(settings["architecture"], settings["filters"])
    sample = take_sample(
        str(directory / VolumeFiles.of(name).image_level()),
        lambda images: np.asarray(model.predict_on_batch(images)),
        card["z_context"],
        card["downsample"],
        stride,
    )
    target = to / f"{file.stem}.zip"
    with tempfile.TemporaryDirectory() as scratch:
        parts = Path(scratch)
        shutil.copy(file, parts / "weights.keras")
        layers, weights = layers_of(model)
        write_arrays(parts / "weights.npz", **weights)
        np.save(parts / "test_input.npy", sample.image)
        np.save(parts / "test_output.npy", sample.maps)
        draw_cover(parts / "cover.png", sample)
        made = f"ultraseg {card.get('versions', {}).get('ultraseg', __version__)}"
        write_text(parts / "README.md", page(card, sample, made))
        write_text(parts / "card.json", json.dumps(card, indent=1))
        write_text(parts / "facts.json", json.dumps(facts(card, sample, stride, layers) | about))
        with whole_file(target) as part:
            _call(python, parts, part, file)
    return target


def facts(
    card: Mapping[str, Any], sample: Sample, stride: int, layers: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What the package says, as plain values. stride: sizes of images are multiples of this number of pixels."""
    known = list(card["voxel_size_nm"].values())
    return {
        "name": title(card),
        "description": summary(card),
        "version": __version__,
        "inputs": slice_names(card["z_context"]),
        "outputs": channel_names(card["channels"]),
        "pixel_nm": [card["downsample"] * known[0][1], card["downsample"] * known[0][2]],
        "least": -(-LEAST // stride) * stride,
        "stride": stride,
        "halo": HALO,
        "layers": list(layers),
        "keras": card.get("versions", {}).get("keras", version("keras")),
        "backend": list(_backend()),
        "structures": sorted({name.partition("/")[0] for name in card["channels"]}),
        "architecture": card["settings"]["architecture"],
        "card": dict(card),
        "shape": list(sample.maps.shape),
    }


def _backend() -> tuple[str, str]:
    """The framework beneath Keras and its version."""
    import keras

    name = keras.backend.backend()
    for package in (name, f"{name}-cpu"):
        try:
            return name, version(package)
        except PackageNotFoundError:  # only one of the two TensorFlows is installed
            continue
    raise UserError(
        f"Keras computes with {name}, which a package cannot name", "Set KERAS_BACKEND=tensorflow."
    )


def _volume(directory: Path, card: Mapping[str, Any], wanted: str | None) -> str:
    """The volume whose image tests a network: one that it was trained on, where the run has one."""
    known = volumes_of(directory)
    trained = [name for name in card["voxel_size_nm"] if name in known]
    return choose(wanted or (trained[0] if trained else None), known, str(directory))


def _call(python: str, parts: Path, target: str, network: Path) -> None:
    done = subprocess.run(
        [python, "-P", str(SCRIPT), str(parts), target], capture_output=True, text=True, errors="replace"
    )
    said = (done.stdout + done.stderr).strip()
    if done.returncode == REFUSED:
        raise UserError(
            f"{network}: bioimageio.spec refuses {said}",
            "Correct --licence (a name of SPDX, such as CC-BY-4.0), --author, --orcid or --doi.",
        )
    if done.returncode == FAILED:
        raise UserError(
            f"{network}: the package does not give the maps of the workflow: {said}",
            "Please report this, with the network.",
        )
    if done.returncode == MISSING:
        raise UserError(
            f"{python} lacks a library that packages need: {said}",
            "Type make extras in the folder of ultraseg: it installs what is missing into .venv-extras.",
        )
    if done.returncode:
        raise UserError(
            f"{network}: bioimageio.core ended with status {done.returncode}: {said}", "See its words."
        )
