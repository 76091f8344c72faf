"""Batch norm in one operation gives the numbers of Keras', and leaves the network's files as they are."""

import keras
import numpy as np
import pytest
from ultraseg.networks.architecture import build_network, load_network
from ultraseg.networks.fused_norms import fuse_norms

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="for TensorFlow alone")


def _network() -> keras.Model:
    keras.utils.set_random_seed(4)
    model = build_network("resunet", 1, 1, filters=(4, 8))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


def _batches(count):
    rng = np.random.default_rng(0)
    for _ in range(count):
        image = rng.normal(128, 40, (2, 16, 16, 1)).astype(np.float32)
        yield image, (image > 128).astype(np.float32)


def test_losses_weights_and_statistics_are_those_of_keras():
    plain, fused = _network(), _network()
    fuse_norms(fused)
    for image, target in _batches(5):
        losses = [float(model.train_on_batch(image, target)) for model in (plain, fused)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    for a, b in zip(plain.weights, fused.weights, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=2e-3, atol=2e-4, err_msg=a.path)
    variance = fused.get_layer("stem_norm").moving_variance
    # 2 x 16 x 16 pixels: TensorFlow's own variance would be larger by a 511th.
    np.testing.assert_allclose(variance, plain.get_layer("stem_norm").moving_variance, rtol=1e-4)
    assert not np.allclose(np.asarray(variance), 1)


def test_one_operation_takes_the_place_of_many():
    model = _network()

    def operations() -> list[str]:
        import tensorflow as tf

        graph = tf.function(lambda x: model(x, training=True)).get_concrete_function(
            tf.TensorSpec((2, 16, 16, 1), tf.float32)
        )
        return [op.type for op in graph.graph.get_operations()]

    assert "FusedBatchNormV3" not in operations()
    fuse_norms(model)
    norms = sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)
    assert operations().count("FusedBatchNormV3") == norms


def test_prediction_and_files_stay_as_they_are(tmp_path):
    model = _network()
    (image, target), *_ = _batches(1)
    model.train_on_batch(image, target)
    before = np.asarray(model.predict_on_batch(image))
    fuse_norms(model)
    assert np.array_equal(np.asarray(model.predict_on_batch(image)), before)
    model.save(tmp_path / "m.keras")
    loaded = load_network(tmp_path / "m.keras")
    assert type(loaded.get_layer("stem_norm")) is keras.layers.BatchNormalization
    np.testing.assert_allclose(np.asarray(loaded.predict_on_batch(image)), before, atol=1e-6)


def test_what_shares_statistics_or_computes_in_halves_is_left_alone():
    model = _network()
    model.get_layer("stem_norm").synchronized = True
    fuse_norms(model)
    assert "call" not in vars(model.get_layer("stem_norm")) and "call" in vars(model.get_layer("head_norm"))
    mixed = build_network("resunet", 1, 1, filters=(4, 8), precision="mixed_bfloat16")
    fuse_norms(mixed)
    assert not any("call" in vars(layer) for layer in mixed.layers)
