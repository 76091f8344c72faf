"""The guard before Keras: a ``.keras`` file from elsewhere is looked at before anything in it is built or unpacked.

A few kilobytes of a zip archive, of HDF5 or of JSON can ask for any amount of memory. Imports no Keras.
"""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import Any

from ultraseg.base.errors import UserError
from ultraseg.base.hdf5_links import stored_bytes

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
MOST_CONFIG, MOST_OTHER = 2**24, 2**22  # bytes of these members
MOST_LAYERS, MOST_FILTERS, MOST_KERNEL, MOST_SLICES = 1000, 4096, 7, 99
PACKED = 10  # times that weights may grow when they are unpacked; those of real networks hardly shrink at all
# Numbers that the layers may ask for: some times as many as the file stores, as only a bound is known, and a few.
ASKED, FEW_BYTES = 8, 2**26
WITH_WEIGHTS = {"Conv2D", "Conv2DTranspose", "BatchNormalization"}
WITHOUT = {
    *(
        "InputLayer",
        "Activation",
        "ReLU",
        "LeakyReLU",
        "Add",
        "Multiply",
        "Concatenate",
        "Rescaling",
        "Dropout",
    ),
    *("SpatialDropout2D", "MaxPooling2D", "AveragePooling2D", "UpSampling2D", "ZeroPadding2D", "Cropping2D"),
}


def check_network_file(path: str | Path) -> None:
    """Raise UserError for a ``.keras`` file that is damaged, is no network of ours, or grows beyond all measure."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check(archive)
    except UserError:
        raise
    except Exception as error:  # damaged archives, JSON and HDF5 raise errors of many kinds
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{path}: this network cannot be loaded ({why})",
            "Take a network that this workflow has trained: files with code of their own are refused.",
        ) from error


def _check(archive: zipfile.ZipFile) -> None:
    members = {entry.filename: entry for entry in archive.infolist()}
    for name, entry in members.items():
        if name not in (CONFIG, WEIGHTS) and entry.file_size > MOST_OTHER:
            raise ValueError(f"its member {name} would have {entry.file_size} bytes")
    config = json.loads(read_member(archive, CONFIG, MOST_CONFIG))
    weights = members[WEIGHTS]
    if weights.file_size > PACKED * weights.compress_size + FEW_BYTES:
        raise ValueError(f"its {weights.compress_size} bytes of weights would become {weights.file_size}")
    with archive.open(WEIGHTS) as file:
        stored = stored_bytes(file)
    if stored > PACKED * weights.file_size + FEW_BYTES:
        raise ValueError(f"its {weights.file_size} bytes of weights would become {stored}")
    asked = _asked_bytes(config)
    if asked > ASKED * stored + FEW_BYTES:
        raise ValueError(f"its layers ask for up to {asked} bytes of weights, and it has {stored}")


def read_member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A member of an archive. Raises ValueError where it has more than ``most`` bytes, whatever the archive says."""
    with archive.open(name) as member:
        content = member.read(most + 1)
    if len(content) > most:
        raise ValueError(f"its member {name} has more than {most} bytes")
    return content


def _asked_bytes(config: Any) -> int:
    """An upper bound of the weights of a network, in bytes. Raises ValueError for layers that our networks lack."""
    if config["class_name"] != "Functional":
        raise ValueError(f"it is of class {config['class_name']}")
    layers = config["config"]["layers"]
    if len(layers) > MOST_LAYERS:
        raise ValueError(f"it has {len(layers)} layers")
    widths, kernels = [1], []
    for layer in layers:
        kind, settings = layer["class_name"], layer["config"]
        if kind not in WITH_WEIGHTS | WITHOUT:
            raise ValueError(f"it has a layer of class {kind}")
        if kind == "InputLayer":
            widths.append(_whole(settings["batch_shape"][-1], MOST_SLICES))
        if kind.startswith("Conv2D"):
            widths.append(_whole(settings["filters"], MOST_FILTERS))
            kernels.append(math.prod(_whole(n, MOST_KERNEL) for n in settings["kernel_size"]) * widths[-1])
    if sum(layer["class_name"] == "InputLayer" for layer in layers) != 1:
        raise ValueError("it has not one input")
    # Two inputs of a layer may be put beside each other.
    return 4 * sum(kernels) * 2 * max(widths)


def _whole(number: Any, most: int) -> int:
    if not isinstance(number, int) or not 1 <= number <= most:
        raise ValueError(f"a layer has the size {number}")
    return number
