"""Layers as plain values: all of them, in the order of computing, with all weights of the network."""

import json

import keras
import numpy as np
import pytest
from ultraseg.networks.architecture import build_network
from ultraseg.networks.layers import layers_of


@pytest.mark.parametrize(
    "architecture, filters", [("resunet", (4, 8, 16)), ("resunet_paper", (4, 8, 16, 32))]
)
def test_every_layer_and_every_weight_is_told(architecture, filters):
    model = build_network(architecture, 3, 2, filters=filters)
    layers, weights = layers_of(model)
    assert sum(array.size for array in weights.values()) == model.count_params()
    assert [layer["name"] for layer in layers] == [layer.name for layer in model.layers]
    seen: set[str] = set()
    for layer in layers:
        assert set(layer["inputs"]) <= seen, layer
        seen.add(layer["name"])
    assert layers[0]["kind"] == "InputLayer" and layers[-1]["activation"] == "sigmoid"
    assert {name.rpartition(".")[0] for name in weights} <= seen
    json.dumps(layers)


def test_the_parts_of_a_normalisation_are_in_the_order_of_its_formula():
    model = build_network("resunet", 1, 1, filters=(4, 8))
    norm = model.get_layer("stem_norm")
    norm.set_weights([np.full(4, n, np.float32) for n in (2, 3, 5, 7)])
    _, weights = layers_of(model)
    given = [norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance]
    for number, expected in enumerate(given):
        np.testing.assert_array_equal(weights[f"stem_norm.{number}"], np.asarray(expected))


def test_a_kind_of_layer_that_is_not_ours_is_refused():
    image = keras.Input((8, 8, 1))
    with pytest.raises(ValueError, match="layer extra is a Dropout"):
        layers_of(keras.Model(image, keras.layers.Dropout(0.5, name="extra")(image)))
