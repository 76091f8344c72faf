"""From an entry of the configuration to a volume: windows, phantoms, planned volumes, names."""

import numpy as np
import pytest
import tifffile
from tiny_plan import LABELLED, make_config, open_with, two_volumes, write_stack
from ultraseg.base.errors import UserError
from ultraseg.plan.config import load_config
from ultraseg.plan.open_volume import open_volume
from ultraseg.plan.plan import Plan


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


# ---- as a plan opens them
def test_volumes_are_resolved_from_their_files(tmp_path):
    plan = Plan(load_config(two_volumes(tmp_path)))
    a, b = plan.volumes["a"], plan.volumes["b"]
    assert (a.shape, a.dtype, a.window, a.folder) == ((21, 24, 40), "uint8", (0, 255), "results/a")
    assert (b.shape, b.dtype, b.window) == ((9, 30, 20), "uint16", (10, 4000))
    assert [ref.z for ref in b.image.slices] == list(range(9))
    assert b.image.slices[0].file == str(tmp_path / "b" / "z0100.tif")
    assert a.labelled("cells") == list(LABELLED) and a.labelled("membrane") == [0, 5]
    assert b.labelled("cells") == [] and a.labelled("golgi") == []
    assert (list(a.slabs), a.slab(5), a.slabs_of(3, 9)) == ([0, 1, 2, 3, 4, 5], (20, 21), [0, 1, 2])
    assert (a.plane(4), a.plane(7)) == ((6, 10), (4, 6))


def test_label_sources_with_first_number_and_with_pages(tmp_path):
    config = make_config(tmp_path)
    write_stack(tmp_path / "late", (1, 6), dtype="uint16")
    tifffile.imwrite(tmp_path / "pages.tif", np.zeros((2, 24, 40), "uint8"), photometric="minisblack")
    labels = config["volumes"]["a"]["labels"]
    labels["cells"] = {"path": "late", "first_slice_number": 1}
    labels["membrane"] = {"path": "pages.tif", "slices": [20, 3]}
    a = Plan(load_config(config)).volumes["a"]
    assert a.labelled("cells") == [0, 5]
    assert [(ref.z, ref.page) for ref in a.labels["membrane"].slices] == [(3, 1), (20, 0)]


def test_labels_that_may_be_numbered_like_the_image_are_pointed_out(tmp_path, caplog):
    config = make_config(tmp_path)
    write_stack(tmp_path / "late", range(100, 121))
    config["volumes"]["a"]["image"] = "late"
    config["volumes"]["a"]["labels"]["nuclei"] = {"path": "nuclei", "first_slice_number": 0}
    Plan(load_config(config))
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2 and all("set first_slice_number: 100" in text for text in told)
    assert "labels of cells" in told[0] and "labels of membrane" in told[1]  # for nuclei the user said so


@pytest.mark.parametrize("key", ["labels", "truth"])
def test_a_label_beyond_the_stack_is_named(tmp_path, key):
    config = make_config(tmp_path, n_slices=20)  # slices 0 to 19, the last label is slice 20
    config["volumes"]["a"] |= {"labels": {"cells": "membrane"}, "truth": {}} | {key: {"cells": "cells"}}
    config["volumes"]["a"]["labels"] |= {"nuclei": "membrane", "membrane": "membrane"}
    with pytest.raises(UserError) as caught:
        Plan(load_config(config))
    text = caught.value.problem
    assert f"volumes.a.{key}.cells" in text and "z0020.tif is slice 20" in text and "0 to 19" in text
    assert "first_slice_number" in caught.value.cure


def test_a_path_that_is_not_there_is_named_with_its_key(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"]["labels"]["nuclei"] = "nuclea"
    with pytest.raises(UserError, match=r"volumes\.a\.labels\.nuclei: .*nuclea: no such file"):
        Plan(load_config(config))


def test_a_phantom_is_planned_before_it_exists():
    volume = {"voxel_size_nm": [8, 8, 8], "phantom": {"shape": [18, 64, 96], "label_every": 5}}
    config = {
        "volumes": {"p": volume},
        "structures": {"cells": {"kind": "cells"}, "nuclei": {"kind": "organelle"}},
        "networks": {"n": {"structures": ["cells", "nuclei"]}},
    }
    plan = Plan(load_config(config))
    v = plan.volumes["p"]
    assert v.shape == (18, 64, 96)
    assert v.labelled("cells") == v.labelled("nuclei") == v.phantom["labelled"] == [0, 5, 10, 15, 17]
    assert set(v.truth) == {"cells", "nuclei", "protrusions"}
    assert v.truth["cells"].zs == list(range(18))
    named = {*v.image.files, *v.labels["cells"].files, *v.truth["cells"].files}
    assert len(v.image.files) == 18 and named <= set(v.phantom["files"])
    config["structures"]["golgi"] = {"kind": "organelle"}
    config["networks"]["n"]["structures"].append("golgi")
    with pytest.raises(UserError, match="a phantom has no 'golgi'"):
        Plan(load_config(config))


def test_a_structure_without_labels_in_the_roi_is_pointed_out(tmp_path, caplog):
    config = make_config(tmp_path)
    config["volumes"]["a"]["roi"] = {"z": [8, 21]}
    with pytest.raises(UserError, match="detail: no volume has labels for membrane"):
        Plan(load_config(config))
    assert "no labelled slice of membrane lies in the roi, z [8, 21]" in caplog.text


def test_the_window_is_sampled_from_the_whole_stack(tmp_path):
    config = two_volumes(tmp_path)
    config["volumes"]["b"] |= {"roi": {"z": [3, 6]}, "bit_depth": 16}
    del config["volumes"]["b"]["intensity_window"]
    plan = Plan(load_config(config))
    b = plan.volumes["b"]
    assert b.window is None and [ref.z for ref in b.sampled] == list(range(9)) and len(b.image) == 3
    config["volumes"]["a"]["window_percentiles"] = [1, 99]  # asked for, even of 8 bits
    a = Plan(load_config(config)).volumes["a"]
    assert (a.window, a.percentiles, len(a.sampled)) == (None, (1, 99), 16)


def test_8_bit_images_are_not_kept_as_16_bit(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"]["bit_depth"] = 16
    with pytest.raises(UserError, match=r"bit_depth is 16, but .*z0000\.tif has 8 bits"):
        Plan(load_config(config))


def test_a_voxel_size_that_the_file_contradicts_is_an_error_with_both(tmp_path):
    config = make_config(tmp_path)
    about = {"unit": "nm", "spacing": 8, "axes": "ZYX"}
    stack = np.zeros((21, 24, 40), np.uint8)
    tifffile.imwrite(tmp_path / "ij.tif", stack, imagej=True, resolution=(0.25, 0.25), metadata=about)
    config["volumes"]["a"]["image"] = "ij.tif"
    with pytest.raises(
        UserError, match=r"volumes\.a\.voxel_size_nm is z 4, y 4, x 4, but ImageJ .*say z 8, y 4, x 4"
    ):
        Plan(load_config(config))
    config["volumes"]["a"]["check_pixel_size"] = False
    assert Plan(load_config(config)).volumes["a"].n_slices == 21


# ---- missing and bad slices
def test_a_gap_is_an_error_unless_it_is_bridged(tmp_path):
    with pytest.raises(UserError, match=r"volumes.a.image: .* 2 slice\(s\) missing between 0 and 20: 7-8"):
        open_with(tmp_path, [7, 8])


def test_labels_on_declared_bad_slices_are_not_used(tmp_path, caplog):
    volume = open_with(tmp_path, bad_slices=[5])
    assert volume.labelled("cells") == [0, 10, 15, 20]
    assert "volumes.a.labels.cells: the labels of slice(s) 5 are not used" in caplog.text
    assert volume.image.zs == list(range(21))


def test_labels_on_missing_slices_are_an_error(tmp_path):
    with pytest.raises(UserError, match=r"slice\(s\) 10, 15 are labelled but missing .*z0010.tif"):
        open_with(tmp_path, [10, 15], missing_slices="bridge")


def test_no_label_on_a_good_slice_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"labels.membrane: all labelled slices \(0, 5\) are declared bad"):
        open_with(tmp_path, bad_slices=[0, 5])


@pytest.mark.parametrize(
    "bad, text", [([21], r"slice\(s\) 21 lie beyond"), (list(range(21)), "all 21 slices are bad or missing")]
)
def test_impossible_bad_slices_are_errors(tmp_path, bad, text):
    with pytest.raises(UserError, match=text):
        open_with(tmp_path, bad_slices=bad)


def test_numbers_of_files_do_not_matter_for_bad_slices(tmp_path):
    config = make_config(tmp_path / "a")
    write_stack(tmp_path / "b", [100, 101, 103, 104])
    config["volumes"]["b"] = {
        "image": str(tmp_path / "b"), "voxel_size_nm": [4, 4, 4], "missing_slices": "bridge", "bad_slices": [0],
    }  # fmt: skip
    assert Plan(load_config(config)).volumes["b"].bad == (0, 2)
