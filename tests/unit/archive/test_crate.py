"""A run as a RO-Crate: what it says, and that the validator of RO-Crates takes it."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from extras_python import INSTALLED, needs_extras
from ultraseg import __version__
from ultraseg.archive import crate
from ultraseg.archive.crate import gather, write_crate
from ultraseg.base.errors import UserError
from ultraseg.cli.main import call as command
from ultraseg.cli.parser import parser
from written_volume import write_volume

VALIDATE = Path(__file__).parents[2] / "helpers/validate_crate.py"
CONFIG = {
    "volumes": {"v": {"image": "raw", "voxel_size_nm": [20, 10, 10], "labels": {"cells": "labels/cells"}}},
    "structures": {"cells": {"kind": "cells"}},
    "networks": {"context": {"structures": ["cells"], "epochs": 7}},
    "slab_depth": 4,
}


PROFILES = ("ro-crate-1.1", "process-run-crate-0.5", "workflow-run-crate-0.5")


def validated(run, profile: str) -> str:
    """What the validator says of the crate of a run."""
    done = subprocess.run(
        [INSTALLED, "-P", VALIDATE, profile, run], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def run(tmp_path):
    """The folder of a finished run of one volume."""
    stack = np.zeros((8, 20, 30), np.uint8)
    stacks = {"image": stack, "cells": stack.astype(np.uint32)}
    write_volume(tmp_path / "results/v/image.zarr", stacks, voxel_nm=(20, 10, 10), depth=4, levels=1)
    scores = [("cells", "dice", "test", 0.91, 2), ("cells", "dice_pairs", "test", 30, 2)]
    table = pd.DataFrame(scores, columns=["structure", "metric", "split", "value", "n_slices"])
    table.to_csv(tmp_path / "results/v/metrics.csv", index=False)
    (tmp_path / "results/v/tables").mkdir()
    pd.DataFrame({"cell": [4]}).to_csv(tmp_path / "results/v/tables/cells.csv", index=False)
    (tmp_path / "results/v/summary.txt").write_text("Accuracy of volume v")
    (tmp_path / "results/v/work/labels").mkdir(parents=True)
    pd.DataFrame({"z": [0, 3, 7]}).to_csv(tmp_path / "results/v/work/labels/cells.csv", index=False)
    (tmp_path / "results/models").mkdir()
    (tmp_path / "results/models/context.keras").write_bytes(b"network")
    (tmp_path / "logs/ingest/v").mkdir(parents=True)
    (tmp_path / "logs/ingest/v/0.tsv").write_text("s\n1\n")
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(CONFIG))
    return tmp_path


def test_facts_are_those_of_the_run(run):
    found = gather(run / "my.yaml", run, "CC-BY-4.0", ["Ada Lovelace"], ["0000-0002-1825-0097"])
    assert found["version"] == __version__ and found["licence"] == "https://spdx.org/licenses/CC-BY-4.0"
    assert found["authors"] == [{"name": "Ada Lovelace", "id": "https://orcid.org/0000-0002-1825-0097"}]
    assert found["parameters"]["networks.context.epochs"] == "7"
    assert found["parameters"]["networks.context.structures"] == "[cells]"
    assert ["labels of cells, v", "labels/cells"] in found["inputs"] and ["image of v", "raw"] in found[
        "inputs"
    ]
    assert found["scores"] == [["v: dice of cells (test)", 0.91]]
    assert {path for path, _ in found["files"]} == {
        "results/v/metrics.csv", "results/v/summary.txt", "results/v/tables/cells.csv", "results/models/context.keras",
    }  # fmt: skip
    assert [path for path, _ in found["folders"]] == ["results/v/image.zarr/"]
    assert found["started"] <= found["ended"] and ["ultraseg", __version__] in found["software"]
    json.dumps(found)


def test_planes_across_the_slices_are_inputs(run):
    config = copy.deepcopy(CONFIG)
    planes = {"xz": "labels/xz", "yz": {"path": "labels/yz"}}
    config["volumes"]["v"]["labels"]["cells"] = {"path": "labels/cells", "planes": planes}
    (run / "my.yaml").write_text(yaml.safe_dump(config))
    found = gather(run / "my.yaml", run, "CC-BY-4.0", ["Ada Lovelace"], [])["inputs"]
    for plane in ("xz", "yz"):
        assert [f"labels of cells on {plane} planes, v", f"labels/{plane}"] in found
    assert ["labels of cells, v", "labels/cells"] in found


@needs_extras
def test_the_crate_is_valid(run):
    """By the validator of the RO-Crate community, for all profiles that the crate says it conforms to."""
    words = ["crate", "--configfile", str(run / "my.yaml"), "--directory", str(run), "--licence", "CC-BY-4.0"]
    command(parser().parse_args([*words, "--author", "Ada Lovelace", "--author", "Émilie du Châtelet"]))
    assert [validated(run, profile) for profile in PROFILES] == ["valid"] * 3
    entities = {e["@id"]: e for e in json.loads((run / "ro-crate-metadata.json").read_text())["@graph"]}
    action = entities["#run"]
    assert {e["@id"] for e in action["result"]} >= {"results/v/image.zarr/", "results/v/tables/cells.csv"}
    assert entities["#value-networks.context.epochs"]["value"] == "7"
    assert entities[action["instrument"]["@id"]]["version"] == __version__
    assert [entities[e["@id"]]["name"] for e in entities["./"]["author"]] == [
        "Ada Lovelace",
        "Émilie du Châtelet",
    ]
    lines = (run / "ro-crate/rembi.tsv").read_text().splitlines()
    assert "REMBI\tImage data: v\tDimension extents\tz 8, y 20, x 30" in lines
    assert "MIFA\tAnnotations: cells of v\tAnnotation coverage\twhole volume; by hand 3 of 8 slices" in lines
    assert "MIFA\tAnnotations: cells of v\tAnnotation confidence level\tDice (test) 0.910" in lines
    assert (run / "ro-crate/config.yaml").read_text() == (run / "my.yaml").read_text()


@needs_extras
def test_the_validator_finds_what_is_missing(run):
    """So that the test above can fail."""
    write_crate(run / "my.yaml", run, "CC-BY-4.0", ["Ada Lovelace"])
    file = run / "ro-crate-metadata.json"
    found = json.loads(file.read_text())
    found["@graph"] = [{k: v for k, v in e.items() if k != "instrument"} for e in found["@graph"]]
    file.write_text(json.dumps(found))
    assert "not valid" in validated(run, "workflow-run-crate-0.5")


def test_what_is_wrong_is_told(run, monkeypatch):
    with pytest.raises(UserError, match="1 ORCID iDs for 2 authors"):
        gather(run / "my.yaml", run, "MIT", ["a", "b"], ["0000-0002-1825-0097"])
    with pytest.raises(UserError, match="12 is no ORCID iD"):
        gather(run / "my.yaml", run, "MIT", ["a"], ["12"])
    monkeypatch.setattr(crate, "find_python", lambda package: sys.executable)
    script = run / "fails.py"
    script.write_text("raise SystemExit(5)")
    monkeypatch.setattr(crate, "SCRIPT", script)
    with pytest.raises(UserError, match="rocrate ended with status 5"):
        write_crate(run / "my.yaml", run, "MIT", ["a"])
    (run / "results/v/summary.txt").unlink()
    with pytest.raises(UserError, match="the run of v is not finished"):
        gather(run / "my.yaml", run, "MIT", ["a"], [])
