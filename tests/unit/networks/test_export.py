"""Networks as files: whatever trained them, ``.keras`` and ``.tflite`` predict what the network predicts."""

import keras
import numpy as np
from ultraseg.networks.architecture import build_network, load_network
from ultraseg.networks.export import export_network, fixed_size

FILTERS = (4, 8)


def _image(size):
    return np.random.default_rng(0).normal(128, 40, (1, size, size, 1)).astype(np.float32)


def test_the_keras_file_takes_any_size_and_predicts_the_same(tmp_path):
    model = build_network("resunet", 1, 2, filters=FILTERS, size=32, batch=1)
    export_network(model, tmp_path / "m.keras", architecture="resunet", filters=FILTERS)
    loaded = load_network(tmp_path / "m.keras")
    assert loaded.input_shape == (None, None, None, 1) and not (tmp_path / "m.tflite").exists()
    expected = np.asarray(model.predict_on_batch(_image(32)))
    assert expected.std() > 0.001
    np.testing.assert_allclose(np.asarray(loaded.predict_on_batch(_image(32))), expected, atol=1e-5)
    assert np.asarray(loaded.predict_on_batch(_image(48))).shape == (1, 48, 48, 2)


def test_a_network_of_fixed_size_has_the_same_weights():
    keras.utils.set_random_seed(3)
    model = build_network("resunet", 1, 1, filters=FILTERS)
    fixed = fixed_size(model, "resunet", FILTERS, 48)
    assert fixed.input_shape == (1, 48, 48, 1)
    assert all(np.array_equal(a, b) for a, b in zip(fixed.get_weights(), model.get_weights(), strict=True))


def test_another_backend_leaves_the_export_to_tensorflow(tmp_path, monkeypatch):
    model = build_network("resunet", 1, 1, filters=(4, 8))
    settings = dict(architecture="resunet", filters=(4, 8), tile=32)
    export_network(model, tmp_path / "a.keras", tmp_path / "a.tflite", **settings)
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    export_network(model, tmp_path / "b.keras", tmp_path / "b.tflite", **settings)
    a, b = (_litert(tmp_path / f"{name}.tflite", _image(32)) for name in "ab")
    assert a.std() > 0.001 and np.array_equal(a, b)


def _litert(path, image):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
