"""Model files tell what they were trained on, and are kept from images that they do not fit."""

import zipfile

import numpy as np
import pytest
from tiny_plan import make_config, two_volumes
from ultraseg.base.errors import UserError
from ultraseg.networks.architecture import build_network, take_weights
from ultraseg.networks.export import export_network
from ultraseg.networks.model_file import embed_card, misfits, read_card, window_rule
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan
from ultraseg.predict.predictor import load_predictor

WHOLE = window_rule("uint8", (0, 255), (0.1, 99.9))


def card(**changes):
    about = {
        "network": "detail", "channels": ["membrane"], "downsample": 2, "z_context": 0,
        "voxel_size_nm": {"old": [8, 4, 4]}, "windows": {"old": WHOLE}, "thresholds": {"membrane": 0.5},
        "settings": {"architecture": "resunet", "filters": [4, 8]},
    }  # fmt: skip
    return about | changes


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    model = build_network("resunet", 1, 1, filters=(4, 8))
    export_network(
        model,
        folder / "m.keras",
        folder / "m.tflite",
        architecture="resunet",
        filters=(4, 8),
        tile=32,
        card=card(),
    )
    return folder, model


def test_the_card_lies_in_both_files_and_both_still_run(exported):
    folder, model = exported
    image = np.random.default_rng(0).normal(128, 40, (1, 32, 32, 1)).astype(np.float32)
    expected = np.asarray(model.predict_on_batch(image))
    for name in ("m.keras", "m.tflite"):
        assert read_card(folder / name) == card()
        found = load_predictor(folder / name).run(image)
        assert found.std() > 0.001 and np.allclose(found, expected, atol=1e-4)


def test_files_without_a_card_are_refused(tmp_path, exported):
    _, model = exported
    export_network(model, tmp_path / "old.keras", architecture="resunet", filters=(4, 8))
    (tmp_path / "text.keras").write_text("no archive")
    for name in ("old.keras", "text.keras"):
        with pytest.raises(UserError, match=f"{name}: this file does not say what") as caught:
            read_card(tmp_path / name)
        assert "again" in caught.value.cure
    with pytest.raises(UserError, match="there is no such network"):
        read_card(tmp_path / "none.keras")
    old = {k: v for k, v in card().items() if k != "windows"}
    embed_card(tmp_path / "old.keras", old)
    with pytest.raises(UserError, match="it does not tell windows"):
        read_card(tmp_path / "old.keras")


@pytest.mark.parametrize(
    "size, downsample, cure",
    [
        (4, 2, None),
        (8, 1, None),
        (4.3, 2, None),  # within a tenth
        (4, 4, "downsample to 2"),
        (2, 2, "downsample to 4"),
        (8, 2, "downsample to 1"),
        (30, 1, "No whole downsample"),
    ],
)
def test_pixels_must_be_as_large_as_in_training(size, downsample, cure):
    found = misfits("m.keras", card(), "detail", downsample, {"new": ([8, size, size], WHOLE)})
    if cure is None:
        assert not found
    else:
        (error,) = found
        assert cure in error.cure and "init_from" in error.cure
        assert "pixels of 8 nm" in error.problem and f"{downsample * size:g} nm" in error.problem


def _rule(kind):
    given = {"whole": (0, 255), "given": (10, 200), "other": (20, 200), "percentiles": None}
    return window_rule("uint8", given[kind], (0.1, 99.9))


@pytest.mark.parametrize(
    "trained, rule, fits",
    [
        (_rule("whole"), _rule("whole"), True),
        (_rule("whole"), window_rule("uint16", (0, 4000), (0.1, 99.9)), True),
        (_rule("whole"), _rule("percentiles"), False),
        (_rule("given"), _rule("given"), True),
        (_rule("given"), _rule("other"), False),
        (_rule("given"), window_rule("uint16", (300, 4000), (0.1, 99.9)), True),
        (_rule("given"), _rule("whole"), False),
        (_rule("percentiles"), window_rule("float32", None, (0.1, 99.9)), True),
        (_rule("percentiles"), window_rule("uint8", None, (1, 99)), False),
        (_rule("percentiles"), _rule("whole"), False),
    ],
)
def test_grey_values_must_be_shown_as_in_training(trained, rule, fits):
    found = misfits("m.keras", card(windows={"old": trained}), "detail", 2, {"new": ([8, 4, 4], rule)})
    assert (not found) == fits
    if found:
        assert "grey values shown" in found[0].problem and "volumes.new." in found[0].cure


# ---- in the configuration
def _ready(tmp_path, exported, **settings):
    config = make_config(tmp_path)
    config["networks"]["detail"] = {"structures": ["membrane"], "downsample": 2} | settings
    config["networks"]["detail"].setdefault("model", str(exported[0] / "m.keras"))
    return config


def test_a_ready_network_needs_no_labels_and_is_not_trained(tmp_path, exported):
    config = _ready(tmp_path, exported, filters=[3, 3, 3])
    del config["volumes"]["a"]["labels"]["membrane"]
    plan = Plan(load_config(config))
    assert plan.trained == ["context"] and plan.networks["detail"].train_on == ()
    assert plan.networks["detail"].settings["filters"] == [4, 8] and plan.networks["detail"].z_context == 0


def test_all_labelled_slices_test_a_ready_network(tmp_path, exported):
    plan = Plan(load_config(_ready(tmp_path, exported)))
    assert set(plan.split("detail", "a").values()) == {"test"}


def test_a_ready_network_that_does_not_fit_is_refused(tmp_path, exported):
    with pytest.raises(UserError, match="networks.detail.model: .* pixels of 8 nm") as caught:
        Plan(load_config(_ready(tmp_path, exported, downsample=1)))
    assert "Set networks.detail.downsample to 2" in caught.value.cure
    config = _ready(tmp_path, exported)
    config["networks"]["detail"]["structures"] = ["nuclei", "membrane"]
    config["networks"]["context"]["structures"] = ["cells"]
    with pytest.raises(UserError, match="predicts membrane, not nuclei, membrane") as caught:
        Plan(load_config(config))
    assert "structures to [membrane]" in caught.value.cure
    with pytest.raises(UserError, match="give either model"):
        load_config(_ready(tmp_path, exported, init_from="x.keras"))


def test_an_image_of_another_window_is_named(tmp_path, exported):
    config = two_volumes(tmp_path)
    config["networks"]["detail"] = {
        "structures": ["membrane"], "downsample": 2, "model": str(exported[0] / "m.keras"),
    }  # fmt: skip
    config["volumes"]["b"].pop("intensity_window")
    with pytest.raises(UserError, match="volume b are shown between the percentiles"):
        Plan(load_config(config))


# ---- fine-tuning
def test_training_starts_from_the_weights_of_another_network(exported):
    folder, earlier = exported
    same, other = (build_network("resunet", 1, k, filters=(4, 8)) for k in (1, 2))
    take_weights(same, folder / "m.keras", ["membrane"])
    assert all(np.array_equal(a, b) for a, b in zip(same.get_weights(), earlier.get_weights(), strict=True))
    before = other.layers[-1].get_weights()[0]
    take_weights(other, folder / "m.keras", ["nuclei", "cells"])
    stem, known = (m.get_layer("stem_conv").get_weights()[0] for m in (other, earlier))
    assert np.array_equal(stem, known)
    assert np.array_equal(other.layers[-1].get_weights()[0], before)


def test_weights_of_a_network_of_other_layers_are_refused(exported):
    for model in (
        build_network("resunet", 1, 1, filters=(4, 6)),
        build_network("resunet", 3, 1, filters=(4, 8)),
    ):
        with pytest.raises(UserError, match="has other layers than this network") as caught:
            take_weights(model, exported[0] / "m.keras", ["membrane"])
        assert "z_context: 0" in caught.value.cure and "[4, 8]" in caught.value.cure


@pytest.mark.parametrize(
    ("card", "told"), [("[]", "([] is not of type 'object')"), ('"x"', "('x' is not of type 'object')")]
)
def test_a_card_of_another_kind_is_told_in_whole_words(tmp_path, card, told):
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("ultraseg.json", card)
    with pytest.raises(UserError) as raised:
        read_card(tmp_path / "m.keras")
    assert told in raised.value.problem
