"""Networks as files for prediction: ``.keras`` for any device, ``.tflite`` for the CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from ultraseg.base.files import whole_file
from ultraseg.networks.architecture import build_network
from ultraseg.networks.model_file import embed_card


def export_network(
    model: keras.Model,
    keras_file: str | Path,
    tflite_file: str | Path | None = None,
    *,
    architecture: str,
    filters: Sequence[int] | None = None,
    tile: int = 512,
    card: Mapping[str, Any] | None = None,
) -> None:
    """Save the network as ``.keras`` (any size and batch) and as float32 ``.tflite``, both with its card inside.

    The ``.tflite`` file has the fixed input (1, tile, tile, C): LiteRT is fastest where all shapes are known.
    """
    inference = build_network(architecture, model.input_shape[-1], model.output_shape[-1], filters=filters)
    inference.set_weights(model.get_weights())
    with whole_file(keras_file) as part:
        inference.save(part)
        if card:
            embed_card(part, card)
    if tflite_file is None:
        return
    if keras.backend.backend() != "tensorflow":
        settings = dict(architecture=architecture, filters=filters, tile=tile, card=card)
        _export_in_tensorflow(keras_file, tflite_file, **settings)
        return
    with whole_file(tflite_file) as part:
        _write_litert(fixed_size(model, architecture, filters, tile), part)
        if card:
            embed_card(part, card)


def _write_litert(model: keras.Model, part: str) -> None:
    """Write a network of fixed size, built with TensorFlow, to an unfinished file for LiteRT.

    Keras' own export writes a SavedModel first and reads it twice, which takes four times as long.
    """
    import tensorflow as tf

    image = tf.TensorSpec(model.inputs[0].shape, tf.float32, name="image")
    predict = tf.function(
        lambda image: model(image, training=False), input_signature=[image], autograph=False
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([predict.get_concrete_function()], model)
    converter.experimental_lower_to_saved_model = False  # weights become constants at once
    Path(part).write_bytes(converter.convert())


def fixed_size(
    model: keras.Model, architecture: str, filters: Sequence[int] | None, tile: int
) -> keras.Model:
    """The same network for one tile of ``tile`` x ``tile`` pixels."""
    fixed = build_network(
        architecture, model.input_shape[-1], model.output_shape[-1], filters=filters, size=tile, batch=1
    )
    fixed.set_weights(model.get_weights())
    return fixed


def _export_in_tensorflow(keras_file: str | Path, tflite_file: str | Path, **settings: Any) -> None:
    """Write the ``.tflite`` file in a process of its own, in TensorFlow: no other backend of Keras can."""
    code = (
        "import json, sys, keras; from ultraseg.networks.export import export_network; a = json.loads(sys.argv[1]); "
        "export_network(keras.saving.load_model(a['keras_file'], compile=False), **a)"
    )
    arguments = {"keras_file": str(keras_file), "tflite_file": str(tflite_file), **settings}
    env = os.environ | {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
    env["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), env.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", code, json.dumps(arguments, default=list)]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the export to {tflite_file} failed:\n{done.stderr[-2000:]}")
