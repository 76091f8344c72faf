"""The layers of a network as plain values and arrays, from which other programs can build it without Keras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

# What is told of each kind of layer that `architecture.build_network` uses, by its key in Keras.
TOLD = {
    "InputLayer": (),
    "Rescaling": ("scale", "offset"),
    "Conv2D": ("strides", "padding", "activation"),
    "Conv2DTranspose": ("strides", "padding", "activation"),
    "BatchNormalization": ("epsilon",),
    "ReLU": (),
    "MaxPooling2D": ("pool_size", "strides"),
    "Add": (),
    "Concatenate": (),
}


def layers_of(model: keras.Model) -> tuple[list[dict[str, Any]], dict[str, NDArray[np.float32]]]:
    """The layers of one of our networks in the order of computing, and their weights.

    Each layer has ``name``, ``kind`` (its class in Keras), ``inputs`` (names of layers) and its settings. Weights are
    named ``LAYER.N`` by their number in the layer and are laid out as in Keras. Raises ValueError for a kind of layer
    that our networks do not have.
    """
    layers, weights = [], {}
    made_by: dict[int, str] = {}
    for layer in model.layers:
        kind = type(layer).__name__
        if kind not in TOLD:
            raise ValueError(f"layer {layer.name} is a {kind}, which networks of this workflow do not have")
        sources = [] if kind == "InputLayer" else _as_list(layer.input)
        settings = {key: _plain(layer.get_config()[key]) for key in TOLD[kind]}
        inputs = [made_by[id(tensor)] for tensor in sources]
        layers.append({"name": layer.name, "kind": kind, "inputs": inputs, **settings})
        made_by[id(layer.output)] = layer.name
        for number, weight in enumerate(_ordered(layer)):
            weights[f"{layer.name}.{number}"] = np.asarray(weight, np.float32)
    return layers, weights


def _ordered(layer: Any) -> Sequence[Any]:
    """The weights of a layer; of a normalisation gamma, beta, mean and variance, as its formula names them."""
    if isinstance(layer, keras.layers.BatchNormalization):
        return [layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance]
    return list(layer.weights)


def _as_list(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
