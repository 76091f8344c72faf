"""Networks: image slices in, one probability map per channel out; Keras 3 on any backend."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from ultraseg.arrays.normalise import MEAN, SPREAD
from ultraseg.base.errors import UserError
from ultraseg.networks.model_file import read_card
from ultraseg.networks.model_guard import check_network_file
from ultraseg.networks.sizes import FILTERS

log = logging.getLogger(__name__)

Tensor = Any  # of Keras, while a network is built

# At a lower share p the gradient of the Dice, which p (1 - p) scales, is lost beside those of other structures: some
# networks then never learn a structure of two thousandths of the pixels.
LEAST_SHARE = 0.03
MOMENTUM = 0.9  # Keras' 0.99 needs thousands of steps before batch norm can be used at prediction


def build_network(
    architecture: str,
    input_channels: int,
    output_channels: int,
    *,
    filters: Sequence[int] | None = None,
    size: int | None = None,
    batch: int | None = None,
    precision: str = "float32",
) -> keras.Model:
    """Build a network by name: 'resunet' (slim, the default) or 'resunet_paper' (Machireddy et al. 2023).

    Input: normalised slices (batch, y, x, input_channels), values 0-255; y and x multiples of ``sizes.network_stride``.
    Output: probabilities (batch, y, x, output_channels). ``size`` and ``batch`` fix the input's shape.
    ``precision`` is Keras' dtype policy; weights and the probabilities are float32 in all of them.
    """
    if architecture not in FILTERS:
        raise ValueError(f"unknown architecture {architecture!r}; known are {sorted(FILTERS)}")
    filters = tuple(filters or FILTERS[architecture])
    body = _resunet if architecture == "resunet" else _resunet_paper
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        image = keras.Input((size, size, input_channels), batch_size=batch, name="image")
        x = body(image, filters)
        probability = layers.Conv2D(
            output_channels, 1, activation="sigmoid", dtype="float32", name="probability"
        )(x)
        return keras.Model(image, probability, name=architecture)
    finally:
        keras.config.set_dtype_policy(before)


def load_network(path: str | Path) -> keras.Model:
    """The network in a ``.keras`` file.

    Raises UserError for one that is damaged, brings code of its own, is no network of ours, or has weights that are no
    numbers.
    """
    check_network_file(path)
    try:
        # Code within the file, such as a Lambda layer, is never run: it may come from elsewhere.
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # damaged files make Keras raise errors of many kinds
        raise UserError(
            f"{path}: this network cannot be loaded ({str(error).partition(chr(10))[0]})",
            "Take a network that this workflow has trained: files with code of their own are refused.",
        ) from error
    bad = [weight.path for weight in model.weights if not np.isfinite(np.asarray(weight)).all()]
    if bad:
        raise UserError(
            f"{path}: {len(bad)} of its {len(model.weights)} arrays of weights hold values that are no numbers (NaN or "
            f"infinite), the first of them {bad[0]}",
            "Such a network predicts nothing: train it again, with a lower learning_rate if it happens again.",
        )
    return model


def check_card(path: str | Path, model: keras.Model, card: Mapping[str, Any]) -> None:
    """Raise UserError unless a network has the inputs, the channels and the layers that its card tells."""
    about, told = card["settings"], (2 * card["z_context"] + 1, len(card["channels"]))
    found = (model.input_shape[-1], model.output_shape[-1])
    if found == told:
        filters = about["filters"] or FILTERS[about["architecture"]]
        shapes = [tuple(weight.shape) for weight in model.weights]
        # A card can ask for a network of any size: it is built only where it can be the one in the file.
        if 9 * sum(a * b for a, b in pairwise(filters)) <= model.count_params():
            built = build_network(about["architecture"], *told, filters=filters)
            if [tuple(weight.shape) for weight in built.weights] == shapes:
                return
    raise UserError(
        f"{path}: its layers are not those that its card tells ({about['architecture']}, filters {about['filters']}, "
        f"{told[0]} slices, {told[1]} channels)",
        "Take the file as the training wrote it, from results/models of that run.",
    )


def start_at_shares(model: keras.Model, shares: Sequence[float]) -> None:
    """Let an untrained network predict the usual share of every channel everywhere, ``LEAST_SHARE`` at least.

    Otherwise the network starts at a half, and hundreds of steps teach it no more than that a rare structure is rare.
    """
    share = np.clip(shares, LEAST_SHARE, 0.5)
    model.layers[-1].bias.assign(np.log(share / (1 - share)).astype(np.float32))


def take_weights(model: keras.Model, path: str | Path, channels: Sequence[str]) -> None:
    """Give a network the weights of a ``.keras`` file.

    Where the file's network predicts other channels, the last layer keeps the weights that it has. Raises UserError
    when the networks differ in any other layer.
    """
    known = read_card(path)
    earlier = load_network(path)
    layers_of = {layer.name: layer for layer in earlier.layers}
    last = model.layers[-1].name
    for layer in model.layers:
        if layer.name == last and list(known["channels"]) != list(channels):
            log.info("%s predicts %s: the last layer starts anew", path, ", ".join(known["channels"]))
            continue
        found = layers_of.get(layer.name)
        shapes = [w.shape for w in layer.weights]
        if found is None or [w.shape for w in found.weights] != shapes:
            about = known["settings"]
            raise UserError(
                f"init_from: {path} has other layers than this network, the first of them {layer.name}",
                f"Set architecture: {about['architecture']}, filters: {about['filters']} and z_context: "
                f"{known['z_context']} for this network, or remove init_from.",
            )
        layer.set_weights(found.get_weights())


def in_precision(model: keras.Model, precision: str) -> keras.Model:
    """A copy of a network that computes in another precision; its last layer stays float32."""

    def copy(layer: keras.Layer) -> keras.Layer:
        settings = layer.get_config()
        last = layer.name == model.layers[-1].name
        return type(layer).from_config(settings | {"dtype": "float32" if last else precision})

    changed = keras.models.clone_model(model, clone_function=copy)
    changed.set_weights(model.get_weights())
    return changed


# ---------------------------------------------------------------- slim residual U-Net
def _conv_norm(x: Tensor, filters: int, size: int, name: str) -> Tensor:
    x = layers.Conv2D(filters, size, padding="same", use_bias=False, name=f"{name}_conv")(x)
    return layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_norm")(x)


def _residual(x: Tensor, filters: int, name: str) -> Tensor:
    """Two 3x3 convolutions and a shortcut; norm after convolution, so that it folds into it at prediction."""
    shortcut = x if x.shape[-1] == filters else _conv_norm(x, filters, 1, f"{name}_shortcut")
    x = layers.ReLU(name=f"{name}_relu1")(_conv_norm(x, filters, 3, f"{name}_1"))
    x = _conv_norm(x, filters, 3, f"{name}_2")
    return layers.ReLU(name=f"{name}_relu2")(layers.Add(name=f"{name}_add")([x, shortcut]))


def _resunet(image: Tensor, filters: Sequence[int]) -> Tensor:
    """One convolution at full size, residual blocks below, added skips: most of the time is spent at full size."""
    x = layers.Rescaling(1 / SPREAD, -MEAN / SPREAD, name="rescale")(image)
    x = layers.ReLU(name="stem_relu")(_conv_norm(x, filters[0], 3, "stem"))
    skips = []
    for level, width in enumerate(filters[1:], 1):
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"down{level}_pool")(x)
        x = _residual(x, width, f"down{level}")
    for level in reversed(range(len(skips))):
        x = layers.Conv2DTranspose(filters[level], 2, strides=2, name=f"up{level}_transpose")(x)
        x = layers.Add(name=f"up{level}_skip")([x, skips[level]])
        if level:
            x = _residual(x, filters[level], f"up{level}")
    return layers.ReLU(name="head_relu")(_conv_norm(x, filters[0], 3, "head"))


# ---------------------------------------------------------------- the paper's ResUNet
def _norm_relu(x: Tensor, name: str) -> Tensor:
    x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _preactivation(x: Tensor, filters: int, name: str, stride: int = 1) -> Tensor:
    shortcut = x
    if stride > 1:
        # A strided 1x1 convolution crashes TensorFlow's oneDNN gradient; picking pixels first is the same map.
        shortcut = layers.MaxPooling2D(1, strides=stride, name=f"{name}_pick")(shortcut)
    shortcut = layers.Conv2D(filters, 1, name=f"{name}_shortcut")(shortcut)
    x = _norm_relu(x, f"{name}_1")
    x = layers.Conv2D(filters, 3, strides=stride, padding="same", name=f"{name}_conv1")(x)
    x = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv2")(_norm_relu(x, f"{name}_2"))
    return layers.Add(name=f"{name}_add")([x, shortcut])


def _resunet_paper(image: Tensor, filters: Sequence[int]) -> Tensor:
    *encoder, bridge = filters
    x = layers.BatchNormalization(momentum=MOMENTUM, name="input_norm")(image)
    shortcut = layers.Conv2D(encoder[0], 1, name="stem_shortcut")(x)
    x = layers.Conv2D(encoder[0], 3, padding="same", name="stem_conv1")(x)
    x = layers.Conv2D(encoder[0], 3, padding="same", name="stem_conv2")(_norm_relu(x, "stem"))
    x = layers.Add(name="stem_add")([x, shortcut])
    skips = []
    for level, width in enumerate(encoder[1:], 1):
        skips.append(x)
        x = _preactivation(x, width, f"down{level}", stride=2)
    x = _preactivation(x, bridge, "bridge")
    for level in reversed(range(len(skips))):
        width = encoder[level]
        x = layers.Conv2DTranspose(width, 3, strides=2, padding="same", name=f"up{level}_transpose")(x)
        x = layers.Concatenate(name=f"up{level}_concat")([x, skips[level]])
        x = _preactivation(x, width, f"up{level}")
    return x
