import numpy as np
import pytest
from ultraseg.errors import UserError
from ultraseg.network import build_network
from ultraseg.predict import Predictor, blending_window, load_predictor, predict_slices, tile_positions
from ultraseg.train import export_network


def _local(tile=64, batch=1, channels=1):
    """A network of receptive field one: the grey value itself, and its opposite."""

    def run(images):
        assert images.shape == (batch, tile, tile, channels) and images.dtype == np.float32
        middle = images[..., channels // 2] / 255
        return np.stack([middle, 1 - middle], axis=-1)

    return Predictor(run, batch, tile, channels, 2)


def _stack(n, y, x, seed=0):
    return np.random.default_rng(seed).integers(40, 220, (n, y, x), dtype=np.uint8)


@pytest.mark.parametrize("size", [1, 5, 63, 64, 65, 100, 129, 250, 1024])
@pytest.mark.parametrize("overlap", [0, 16, 31])
def test_positions_cover_the_padded_axis(size, overlap):
    (before, after), starts = tile_positions(size, 64, overlap)
    padded = before + size + after
    assert starts[0] == 0 and starts[-1] + 64 == padded and before >= 0 and after >= 0
    assert all(b - a <= 64 - overlap for a, b in zip(starts, starts[1:], strict=False))


def test_window_is_never_zero_and_symmetric():
    w = blending_window(64, 16)
    assert w.min() > 0 and w.max() == 1 and np.array_equal(w, w[::-1])


@pytest.mark.parametrize("shape", [(150, 97), (64, 64), (30, 41), (65, 200)])
def test_blending_alone_changes_nothing(shape):
    from ultraseg.tiles import normalise_slice

    image = _stack(2, *shape)
    p = predict_slices(_local(), image, overlap=16)
    assert p.shape == (2, 2, *shape) and p.dtype == np.uint8
    normal = np.stack([normalise_slice(s) for s in image])
    assert np.array_equal(p[:, 0], normal) and np.array_equal(p[:, 1], 255 - normal)


def test_seams_tiled_equals_whole_slice_away_from_edges():
    model = build_network("resunet", 1, 1, filters=(4, 8))
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.normal(0, 0.1, w.shape) if w.ndim == 4 else w for w in model.get_weights()])

    def predictor(tile):
        return Predictor(lambda x: np.asarray(model.predict_on_batch(x)), 1, tile, 1, 1)

    image = _stack(1, 151, 203)
    tiled = predict_slices(predictor(96), image, overlap=48)[0, 0].astype(int)
    whole = predict_slices(predictor(240), image, overlap=48)[0, 0].astype(int)
    assert whole.std() > 5
    # Tiles start on odd pixels, pooling then meets other pairs: compare by the mean, and look for a step at seams.
    difference = np.abs(tiled - whole)[16:-16, 16:-16]
    assert difference.mean() < 3


def test_grouping_into_slabs_changes_nothing():
    image = _stack(7, 70, 90)
    predictor = _local(channels=3)
    whole = predict_slices(predictor, image, z_context=1, overlap=16)
    parts = [
        predict_slices(predictor, image[a:b], z_context=1, overlap=16) for a, b in ((0, 3), (1, 5), (3, 7))
    ]
    assert np.array_equal(whole, np.concatenate(parts))


def test_batches_are_filled_up():
    image = _stack(1, 150, 97)
    one, four = (predict_slices(_local(batch=b), image, overlap=16) for b in (1, 4))
    assert np.array_equal(one, four)


def test_litert_equals_keras(tmp_path):
    model = build_network("resunet", 3, 2, filters=(4, 8, 8))
    export_network(
        model, tmp_path / "m.keras", tmp_path / "m.tflite", architecture="resunet", filters=(4, 8, 8), tile=64
    )
    image = _stack(4, 70, 90)
    lite = load_predictor(tmp_path / "m.tflite", threads=2)
    assert (lite.tile, lite.batch, lite.input_channels, lite.output_channels) == (64, 1, 3, 2)
    a = predict_slices(lite, image, z_context=1, overlap=16)
    b = predict_slices(load_predictor(tmp_path / "m.keras"), image, z_context=1, overlap=16, tile=64)
    assert a.std() > 0.5 and np.abs(a.astype(int) - b).max() <= 1


def test_another_backend_leaves_the_export_to_tensorflow(tmp_path, monkeypatch):
    model = build_network("resunet", 1, 1, filters=(4, 8))
    settings = dict(architecture="resunet", filters=(4, 8), tile=32)
    export_network(model, tmp_path / "a.keras", tmp_path / "a.tflite", **settings)
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    export_network(model, tmp_path / "b.keras", tmp_path / "b.tflite", **settings)
    image = _stack(1, 32, 32)
    a, b = (predict_slices(load_predictor(tmp_path / f"{n}.tflite"), image, overlap=0) for n in "ab")
    assert a.std() > 0.5 and np.array_equal(a, b)


def test_wrong_use_is_named(tmp_path):
    with pytest.raises(ValueError, match="sees 1 slices, z_context is 1"):
        predict_slices(_local(), _stack(3, 64, 64), z_context=1)
    with pytest.raises(ValueError, match="too few"):
        predict_slices(_local(channels=3), _stack(2, 64, 64), z_context=1)
    with pytest.raises(ValueError, match="overlap"):
        predict_slices(_local(), _stack(1, 64, 64), overlap=64)
    with pytest.raises(UserError, match="CPU only"):
        load_predictor(tmp_path / "m.tflite", device="gpu")


def test_a_network_that_brings_code_of_its_own_is_refused_and_the_code_not_run(tmp_path):
    import keras

    pwned = str(tmp_path / "pwned")
    image = keras.Input((64, 64, 3))
    code = keras.layers.Lambda(lambda x: (open(pwned, "w").close(), x)[1], output_shape=(64, 64, 3))
    keras.Model(image, code(image)).save(tmp_path / "m.keras")
    (tmp_path / "pwned").unlink(missing_ok=True)
    with pytest.raises(UserError, match=r"m\.keras: this network cannot be loaded.*") as caught:
        load_predictor(tmp_path / "m.keras")
    assert "refused" in caught.value.cure and not (tmp_path / "pwned").exists()
