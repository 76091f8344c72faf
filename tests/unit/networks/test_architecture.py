import keras
import numpy as np
import pytest
from ultraseg.base.errors import UserError
from ultraseg.networks.architecture import (
    LEAST_SHARE,
    build_network,
    check_card,
    in_precision,
    start_at_shares,
)
from ultraseg.networks.sizes import network_stride


def test_paper_network_has_the_papers_size():
    model = build_network("resunet_paper", 1, 1)
    assert model.count_params() == pytest.approx(40.9e6, rel=1e-3)
    assert network_stride("resunet_paper") == 16
    assert [model.get_layer(f"down{i}_add").output.shape[-1] for i in (1, 2, 3, 4)] == [128, 256, 512, 512]
    assert model.get_layer("bridge_add").output.shape[-1] == 1024


@pytest.mark.parametrize("architecture, filters", [("resunet", (4, 6, 8)), ("resunet_paper", (4, 6, 8, 10))])
def test_any_multiple_of_the_stride_and_any_channels(architecture, filters):
    model = build_network(architecture, 3, 2, filters=filters)
    stride = network_stride(architecture, filters)
    assert stride == 4
    for size in ((stride * 4, stride * 6), (stride * 5, stride * 4)):
        p = np.asarray(model.predict_on_batch(np.full((2, *size, 3), 128, np.float32)))
        assert p.shape == (2, *size, 2) and 0 <= p.min() and p.max() <= 1


def test_no_strided_1x1_convolution():
    for architecture in ("resunet", "resunet_paper"):
        for layer in build_network(architecture, 1, 1, filters=(4, 6, 8, 10)).layers:
            if getattr(layer, "kernel_size", None) == (1, 1):
                assert layer.strides == (1, 1)


def test_unknown_architecture_names_the_known_ones():
    with pytest.raises(ValueError, match="resunet_paper"):
        build_network("unet", 1, 1)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_keeps_weights_and_probabilities_in_full(precision):
    model = build_network("resunet", 1, 2, filters=(4, 8), precision=precision)
    assert model.get_layer("stem_conv").compute_dtype == precision.removeprefix("mixed_")
    assert {str(w.dtype) for w in model.weights} == {"float32"}
    last = model.get_layer("probability")
    assert last.compute_dtype == "float32" and np.asarray(model(np.ones((1, 8, 8, 1)))).dtype == np.float32
    # The choice is that network's alone.
    assert build_network("resunet", 1, 2, filters=(4, 8)).get_layer("stem_conv").compute_dtype == "float32"


@pytest.mark.parametrize("architecture", ["resunet", "resunet_paper"])
def test_another_precision_is_the_same_network(architecture):
    keras.utils.set_random_seed(
        2
    )  # rounding adds up differently in other networks: at most 0.18 in five of them
    model = build_network(architecture, 1, 2, filters=(4, 6, 8))
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.normal(0, 0.1, w.shape) if w.ndim == 4 else w for w in model.get_weights()])
    image = rng.integers(0, 255, (2, 32, 32, 1)).astype(np.float32)
    full = np.asarray(model.predict_on_batch(image))
    half = np.asarray(in_precision(model, "mixed_float16").predict_on_batch(image))
    difference = np.abs(half - full)
    assert full.std() > 0.01 and 0 < difference.mean() < 0.002 and difference.max() < 0.1


def test_an_untrained_network_predicts_the_usual_shares_and_rare_structures_often_enough():
    model = build_network("resunet", 1, 3, filters=(4, 8))
    start_at_shares(model, [0.05, 0.4, 0.0])
    kernel, _ = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel * 0, model.layers[-1].get_weights()[1]])
    p = np.asarray(model.predict_on_batch(np.full((1, 16, 16, 1), 128, np.float32)))
    assert np.allclose(p[0, 3, 3], [0.05, 0.4, LEAST_SHARE], atol=1e-4)


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"z_context": 0}, False),
        ({"channels": ["a"]}, False),
        ({"settings": {"architecture": "resunet", "filters": [4, 6]}}, False),
        ({"settings": {"architecture": "resunet_paper", "filters": [4, 8]}}, False),
        ({"settings": {"architecture": "resunet", "filters": [4096] * 8}}, False),  # is not built
        ({"settings": {"architecture": "resunet", "filters": None}}, False),
    ],
)
def test_a_network_must_be_what_its_card_tells(change, fits):
    model = build_network("resunet", 3, 2, filters=(4, 8))
    settings = {"architecture": "resunet", "filters": [4, 8]}
    card = {"z_context": 1, "channels": ["a", "b"], "settings": settings} | change
    if fits:
        check_card("m.keras", model, card)
    else:
        with pytest.raises(UserError, match="m.keras: its layers are not those that its card tells"):
            check_card("m.keras", model, card)
