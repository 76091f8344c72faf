"""What the headers of images and truth and the values of labels are checked for."""

import numpy as np
import pytest
import tifffile
from tiny_plan import config_with_planes, make_config, write_labels
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan
from ultraseg.run.check import files_of
from ultraseg.run.check_files import check_labels, image_problems, truth_problems

KINDS = {"cells": "cells", "nuclei": "organelle", "membrane": "mask"}


@pytest.fixture
def volume(tmp_path):
    config = make_config(tmp_path)
    write_labels(tmp_path)
    config["volumes"]["a"]["truth"] = {"cells": "cells"}
    return Plan(load_config(config)).volumes["a"]


def test_sound_files_have_no_problem(volume):
    assert image_problems(volume) == truth_problems(volume) == []
    table, problems = check_labels(volume, KINDS)
    assert problems == [] and list(table["structure"].unique()) == ["cells", "nuclei", "membrane"]
    assert len(table) == 5 + 5 + 2 and (table["n_instances"] == 2).any()


def test_headers_of_the_image_are_compared_with_the_first_one(volume, tmp_path):
    tifffile.imwrite(tmp_path / "image/z0003.tif", np.zeros((20, 40), np.uint8))
    tifffile.imwrite(tmp_path / "image/z0004.tif", np.zeros((24, 40), np.uint16))
    tifffile.imwrite(tmp_path / "image/z0005.tif", np.zeros((2, 24, 40), np.uint8), photometric="minisblack")
    found = {error.problem.rpartition("/")[2].partition(":")[0]: error for error in image_problems(volume)}
    assert list(found) == ["z0003.tif", "z0004.tif", "z0005.tif"]
    assert "20 x 40" in found["z0003.tif"].problem and "uint16" in found["z0004.tif"].problem
    assert "2 slices" in found["z0005.tif"].problem and all(error.cure for error in found.values())
    one = str(tmp_path / "image/z0004.tif")
    assert len(image_problems(volume, only={one})) == 1 and image_problems(volume, only=set()) == []


def test_truth_may_have_another_type_but_not_another_size(volume, tmp_path):
    tifffile.imwrite(tmp_path / "cells/z0005.tif", np.zeros((24, 40), np.uint32))
    assert truth_problems(volume) == []
    tifffile.imwrite(tmp_path / "cells/z0005.tif", np.zeros((24, 41), np.uint16))
    (error,) = truth_problems(volume)
    assert "24 x 41" in error.problem


def test_problems_of_a_whole_structure_are_named_by_its_key_and_those_of_files_by_the_file(volume, tmp_path):
    for file in (tmp_path / "nuclei").glob("*.tif"):
        tifffile.imwrite(file, np.zeros((24, 40), np.uint8))
    tifffile.imwrite(tmp_path / "membrane/z0000.tif", np.zeros((24, 40), np.float32))
    table, problems = check_labels(volume, KINDS)
    assert len(problems) == 2 and "cells" in set(table["structure"])
    assert problems[0].problem.startswith("volumes.a.labels.nuclei: all")
    assert problems[1].problem.startswith(str(tmp_path / "membrane/z0000.tif"))


def test_only_structures_with_files_that_are_asked_for_are_read(volume, tmp_path):
    table, problems = check_labels(volume, KINDS, only={str(tmp_path / "nuclei/z0010.tif")})
    assert set(table["structure"]) == {"nuclei"} and problems == []
    table, problems = check_labels(volume, KINDS, only=set())
    assert len(table) == 0 and problems == []
    table, _ = check_labels(volume, {"cells": "cells"})
    assert set(table["structure"]) == {"cells"}


def test_planes_across_the_slices_are_read_as_well(tmp_path):
    config = config_with_planes(tmp_path)
    write_labels(tmp_path)
    for file in (*tmp_path.glob("xz/*.tif"), *tmp_path.glob("yz/*.tif")):
        values = np.ones(tifffile.imread(file).shape, np.uint16)
        values[:, :9] = 2
        tifffile.imwrite(file, values)
    volume = Plan(load_config(config)).volumes["a"]
    assert check_labels(volume, KINDS)[1] == []
    one = tmp_path / "yz/x011.tif"
    tifffile.imwrite(one, np.ones((24, 21), np.uint16))
    (error,) = check_labels(volume, KINDS)[1]
    assert str(one) in error.problem and "Turn it by 90 degrees" in error.cure
    assert len(check_labels(volume, KINDS, only={str(one)})[1]) == 1 and str(one) in files_of(volume)
