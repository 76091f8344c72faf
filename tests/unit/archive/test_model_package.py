"""Packages of bioimage.io: bioimageio.core loads them, and both kinds of weights give the maps of the workflow."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml
from extras_python import INSTALLED, needs_extras
from network_card import card_of
from ultraseg.archive import model_package
from ultraseg.archive.model_package import write_packages
from ultraseg.archive.model_sample import declared_normalisation, take_sample
from ultraseg.base.errors import UserError
from ultraseg.cli.main import call as command
from ultraseg.cli.parser import parser
from ultraseg.networks.architecture import build_network
from ultraseg.networks.export import export_network
from ultraseg.predict.predictor import load_predictor, predict_slices
from written_volume import write_volume

# bioimageio.core itself says whether a package gives its test output.
TEST = """
import sys
sys.path += sys.argv[3:]
from bioimageio.core import test_model
found = test_model(sys.argv[1], weight_format=sys.argv[2])
print(found.format())
print("status:", found.status)
"""
NETWORKS = {
    "context": dict(architecture="resunet", filters=[4, 8, 16], z_context=1, downsample=1),
    "detail": dict(architecture="resunet_paper", filters=[4, 8, 16, 32], z_context=0, downsample=2),
}
CHANNELS = ["cells/interior", "cells/boundary"]


def verdict(python: str | Path, package: Path, weights: str, *more: str) -> str:
    """What bioimageio.core says of a package."""
    done = subprocess.run(
        [python, "-c", TEST, package, weights, *more], capture_output=True, text=True, check=True
    )
    return done.stdout


def untrained(about: dict) -> keras.Model:
    """A network whose every weight is random, those of normalisations as well."""
    keras.utils.set_random_seed(5)
    model = build_network(about["architecture"], 2 * about["z_context"] + 1, 2, filters=about["filters"])
    chance = np.random.default_rng(5)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([chance.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """The folder of a run of one volume and two networks."""
    folder = tmp_path_factory.mktemp("run")
    chance = np.random.default_rng(1)
    image = chance.normal(120, 30, (4, 160, 200)).cumsum(axis=2) % 200 + 20
    image = image.astype(np.uint8)
    image[:, :8] = 0
    write_volume(folder / "results/v/image.zarr", {"image": image}, voxel_nm=(20, 10, 10), depth=4, levels=1)
    for name, about in NETWORKS.items():
        settings = {key: about[key] for key in ("architecture", "filters")}
        own = {key: about[key] for key in ("z_context", "downsample")}
        card = card_of(
            *CHANNELS, network=name, voxel_size_nm={"v": [20, 10, 10]}, **own | settings_of(settings)
        )
        (folder / "results/models").mkdir(exist_ok=True)
        export_network(untrained(about), folder / f"results/models/{name}.keras", card=card, **settings)
    return folder


def settings_of(settings: dict) -> dict:
    return {"filters": settings["filters"], "settings": settings}


@pytest.fixture(scope="module")
def packages(run) -> dict[str, Path]:
    """The packages that the command writes."""
    words = ["bioimageio", "--directory", str(run), "--licence", "CC-BY-4.0", "--author", "Ada Lovelace"]
    command(parser().parse_args([*words, "--orcid", "0000-0002-1825-0097", "--doi", "10.1000/182"]))
    return {name: run / f"export/bioimageio/{name}.zip" for name in NETWORKS}


def member(package: Path, name: str) -> bytes:
    with zipfile.ZipFile(package) as archive:
        return archive.read(name)


def array(package: Path, name: str) -> np.ndarray:
    return np.load(io.BytesIO(member(package, name)))


@needs_extras
@pytest.mark.parametrize("name", NETWORKS)
def test_bioimageio_reproduces_the_maps_with_onnx(packages, name):
    said = verdict(INSTALLED, packages[name], "onnx")
    assert "status: passed" in said and "Reproduce test outputs from test inputs (onnx)" in said


@needs_extras
def test_bioimageio_reproduces_the_maps_with_keras(packages):
    """In this environment, which has TensorFlow, with the libraries of the other behind its own."""
    more = subprocess.run(
        [INSTALLED, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
    ).stdout.strip()
    said = verdict(sys.executable, packages["context"], "keras_v3", more)
    assert "status: passed" in said and "Reproduce test outputs from test inputs (keras_v3)" in said


@needs_extras
@pytest.mark.parametrize("name", NETWORKS)
def test_the_maps_of_a_package_are_those_that_the_workflow_predicts(packages, name, tmp_path):
    """By way of the workflow's own prediction from slices, and by way of the declared steps and Keras alone."""
    image, maps = array(packages[name], "test_input.npy"), array(packages[name], "test_output.npy")
    (tmp_path / "m.keras").write_bytes(member(packages[name], "weights.keras"))
    predictor = load_predictor(tmp_path / "m.keras")
    settings = {"z_context": NETWORKS[name]["z_context"], "tile": image.shape[2], "overlap": 0}
    if image.shape[1] == image.shape[2]:  # the workflow's tiles are squares
        found = predict_slices(predictor, np.moveaxis(image[0], -1, 0), **settings)
        np.testing.assert_allclose(found[0] / 255, np.moveaxis(maps[0], -1, 0), atol=0.51 / 255)
    normal = np.stack([declared_normalisation(s) for s in np.moveaxis(image[0], -1, 0)], -1)[None]
    again = keras.models.load_model(tmp_path / "m.keras", compile=False)(normal.astype(np.float32))
    np.testing.assert_allclose(np.asarray(again), maps, atol=1e-5)
    assert np.ptp(maps) > 0.05, "maps that are the same everywhere would test nothing"


@needs_extras
def test_a_package_whose_weights_are_others_fails_the_test(packages, tmp_path):
    """So that the tests above can fail."""
    wrong = tmp_path / "wrong.zip"
    maps = array(packages["context"], "test_output.npy")
    with zipfile.ZipFile(packages["context"]) as old, zipfile.ZipFile(wrong, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "test_output.npy":
                buffer = io.BytesIO()
                np.save(buffer, np.clip(maps + 0.02, 0, 1))
                content = buffer.getvalue()
            if name == "rdf.yaml":
                about = yaml.safe_load(content)
                del about["outputs"][0]["test_tensor"]["sha256"]
                content = yaml.safe_dump(about).encode()
            new.writestr(name, content)
    assert "status: valid-format" in verdict(INSTALLED, wrong, "onnx")


@needs_extras
def test_a_package_that_does_not_give_the_maps_is_not_kept(run, tmp_path, monkeypatch):
    def wrong(*given):
        sample = take_sample(*given)
        return sample._replace(maps=np.clip(sample.maps + 0.02, 0, 1))

    monkeypatch.setattr(model_package, "take_sample", wrong)
    with pytest.raises(UserError, match="does not give the maps of the workflow: .* disagree with"):
        write_packages(run, "MIT", ["a"], networks=["context"], to=tmp_path)
    assert not list(tmp_path.iterdir())


@needs_extras
def test_the_description_has_what_people_and_programs_ask_for(packages):
    about = yaml.safe_load(member(packages["detail"], "rdf.yaml"))
    assert about["type"] == "model" and about["license"] == "CC-BY-4.0"
    assert about["authors"] == [{"name": "Ada Lovelace", "orcid": "0000-0002-1825-0097"}]
    assert [one["doi"] for one in about["cite"]] == ["10.1000/182", "10.3389/fbinf.2023.1308708"]
    axes = {axis["id"]: axis for axis in about["inputs"][0]["axes"] if "id" in axis}
    assert axes["y"]["scale"] == axes["x"]["scale"] == 20 and axes["y"]["unit"] == "nanometer"
    assert axes["y"]["size"]["step"] == 4
    assert set(about["weights"]) == {"keras_v3", "onnx"} and about["weights"]["onnx"]["parent"] == "keras_v3"
    assert about["config"]["ultraseg"]["channels"] == CHANNELS
    names = [axis["channel_names"] for axis in about["outputs"][0]["axes"] if axis["type"] == "channel"]
    assert names == [["cells_interior", "cells_boundary"]]
    assert json.loads(member(packages["detail"], "card.json"))["downsample"] == 2
    assert b"# Validation" in member(packages["detail"], "README.md")


@needs_extras
@pytest.mark.parametrize(
    "changes, told",
    [
        (dict(licence="CC-BY-9"), "refuses license: 'CC-BY-9'"),
        (dict(dois=["no doi"]), "refuses doi: 'no doi'"),
        (dict(authors=["a/b"]), "refuses name: 'a/b'"),
    ],
)
def test_what_the_format_refuses_is_told(run, tmp_path, changes, told):
    given = dict(licence="MIT", authors=["a"], networks=["context"], to=tmp_path) | changes
    with pytest.raises(UserError, match="bioimageio.spec refuses") as raised:
        write_packages(run, **given)
    assert told in str(raised.value) and not list(tmp_path.iterdir())


def test_what_is_missing_or_fails_is_told(run, tmp_path, monkeypatch):
    monkeypatch.setattr(model_package, "find_python", lambda package: sys.executable)
    with pytest.raises(UserError, match="no network other in this run") as raised:
        write_packages(run, "MIT", ["a"], networks=["other"])
    assert "context, detail" in raised.value.cure
    with pytest.raises(UserError, match="no trained network here"):
        write_packages(tmp_path, "MIT", ["a"])
    with pytest.raises(UserError, match="no volume w in"):
        write_packages(run, "MIT", ["a"], volume="w")
    with pytest.raises(UserError, match="1 ORCID iDs for 2 authors"):
        write_packages(run, "MIT", ["a", "b"], ["0000-0002-1825-0097"])
    for status, told in ((3, "does not give the maps"), (5, "lacks a library"), (9, "ended with status 9")):
        script = tmp_path / "fails.py"
        script.write_text(f"print('words')\nraise SystemExit({status})")
        monkeypatch.setattr(model_package, "SCRIPT", script)
        with pytest.raises(UserError, match=f"{told}.*words"):
            write_packages(run, "MIT", ["a"], networks=["context"], to=tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
