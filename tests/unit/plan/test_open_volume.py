"""From an entry of the configuration to a volume: windows, phantoms, planned volumes, names."""

import pytest
from tiny_plan import make_config, write_stack
from ultraseg.base.errors import UserError
from ultraseg.plan.config import load_config
from ultraseg.plan.open_volume import open_volume


def opened(config, name="a"):
    config = load_config(config)
    return open_volume(name, config["volumes"][name], config)


def changed(folder, **settings):
    config = make_config(folder)
    config["volumes"]["a"] |= settings
    return config


def test_8_bit_images_need_no_window_and_others_are_sampled(tmp_path):
    config = changed(tmp_path)
    assert opened(config).window == (0, 255) and opened(config).sampled == []
    config["volumes"]["b"] = {
        "image": write_stack(tmp_path / "b", range(40), dtype="uint16"), "voxel_size_nm": [4, 4, 4], "bad_slices": [0],
    }  # fmt: skip
    b = opened(config, "b")
    assert b.window is None and len(b.sampled) == 16 and b.sampled[0].z == 1 and b.sampled[-1].z == 39


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"bit_depth": 16}, "volumes.a: bit_depth is 16, but the image .*z0000.tif has 8 bits"),
        ({"roi": {"z": [5, 6]}, "bad_slices": [5]}, "volumes.a.roi: all slices of z .5, 6. are bad"),
    ],
)
def test_settings_that_the_stack_contradicts_are_errors(tmp_path, settings, text):
    with pytest.raises(UserError, match=text):
        opened(changed(tmp_path, **settings))


def test_all_sources_that_are_missing_are_named(tmp_path):
    config = changed(tmp_path, image="nowhere")
    config["volumes"]["a"]["labels"]["cells"] = "nowhere too"
    with pytest.raises(UserError, match="2 problems") as caught:
        opened(config)
    assert "volumes.a.image: " in str(caught.value) and "volumes.a.labels.cells: " in str(caught.value)


def test_results_that_are_a_file_are_named(tmp_path, monkeypatch):
    config = changed(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").write_text("")
    with pytest.raises(UserError, match="results: is a file in the working directory"):
        opened(config)


def test_a_phantom_has_its_files_before_they_exist():
    config = {
        "volumes": {"p": {"voxel_size_nm": [4, 4, 4], "phantom": {"shape": [10, 64, 64], "label_every": 4}}},
        "structures": {"cells": {"kind": "cells"}},
        "networks": {"n": {"structures": ["cells"]}},
    }
    volume = opened(config, "p")
    assert volume.labelled("cells") == [0, 4, 8, 9] and volume.image.n_slices == 10
    assert set(volume.truth) == {"cells", "protrusions"} and len(volume.truth["cells"]) == 10
    config["structures"] = {"golgi": {"kind": "mask"}}
    config["networks"]["n"]["structures"] = ["golgi"]
    with pytest.raises(UserError, match="a phantom has no 'golgi'"):
        opened(config, "p")


def test_sizes_in_micrometres_are_doubted(tmp_path, caplog):
    opened(changed(tmp_path, voxel_size_nm=[0.02, 0.004, 0.004]))
    assert "Is it in micrometres?" in caplog.text


def test_labels_that_count_from_0_beside_an_image_that_does_not_are_pointed_out(tmp_path, caplog):
    config = changed(tmp_path, image=write_stack(tmp_path / "late", range(100, 121)))
    opened(config)
    assert "volumes.a: the image slices are numbered from 100" in caplog.text
