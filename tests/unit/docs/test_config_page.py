"""The configuration, its schema and its documentation say the same."""

import copy
import re
from pathlib import Path

import pytest
import yaml
from config_page import keys, markdown
from ultraseg.base.errors import UserError
from ultraseg.plan.config import load_config
from ultraseg.plan.schema import schema

ROOT = Path(__file__).parents[3]
CONFIGS = sorted((ROOT / "config").glob("*.yaml"))


def all_keys():
    for name, node in schema()["properties"].items():
        yield from keys(schema(), node, name, name in schema()["required"])


def test_config_readme_is_up_to_date():
    written = (ROOT / "config/README.md").read_text()
    assert written == markdown(schema()), "run: make docs"


def test_every_key_has_a_description():
    assert [key.path for key in all_keys() if not key.description.strip()] == []


def test_description_is_demanded_of_every_key():
    """The test above would notice a key without one."""
    changed = copy.deepcopy(schema())
    del changed["properties"]["networks"]["additionalProperties"]["properties"]["overlap"]["description"]
    rows = keys(changed, changed["properties"]["networks"], "networks")
    assert [row.path for row in rows if not row.description] == ["networks.<name>.overlap"]


def test_schema_has_no_stray_keys():
    """In YAML's {...} an unquoted comma ends a description; the rest becomes a key without a value."""

    def stray(node, path):
        listed = enumerate(node) if isinstance(node, list) else ()
        children = node.items() if isinstance(node, dict) else listed
        for key, child in children:
            if child is None:
                yield f"{path}: {key}"
            yield from stray(child, f"{path}/{key}")

    assert list(stray(schema(), "")) == []


def test_rows_tell_type_default_and_bounds():
    rows = {key.path: key for key in all_keys()}
    assert rows["slab_depth"][1:4] == ("integer", "16", "1 to 256")
    assert rows["volumes.<name>.voxel_size_nm"].default == "required"
    assert rows["volumes.<name>.voxel_size_nm"].type == "list of 3 numbers"
    assert rows["volumes.<name>.labels.<structure>"].type == "text or section"
    assert rows["volumes.<name>.labels.<structure>.path"].default == "required"
    assert rows["volumes.<name>.labels.<structure>.path"].type == "text"
    assert rows["networks.<name>.test"].type == "number or list of integers"
    assert rows["networks.<name>.tile"].bounds == "64 to 4096, multiple of 16"
    assert rows["structures.<name>.kind"].bounds == "cells, organelle, mask"


def test_table_lists_every_property_of_the_schema():
    def names(node):
        for name, child in node.get("properties", {}).items():
            yield name
            yield from names(child)
        if isinstance(node.get("additionalProperties"), dict):
            yield from names(node["additionalProperties"])
        for alternative in node.get("oneOf", []):
            yield from names(alternative)

    wanted = {*names(schema()), *(name for node in schema()["$defs"].values() for name in names(node))}
    assert wanted == {key.path.rsplit(".", 1)[-1] for key in all_keys()} - {"<structure>", "<volume>"}


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_configs_in_the_repository_are_valid(file):
    load_config(yaml.safe_load(file.read_text()))


def test_all_four_configs_are_there():
    assert {file.name for file in CONFIGS} >= {"config.yaml", "demo.yaml", "fib25.yaml", "vnc.yaml"}


def test_example_in_the_readme_is_a_complete_configuration():
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    examples = [given for given in map(yaml.safe_load, blocks) if "volumes" in given]
    assert examples
    for given in examples:
        load_config(given)


def test_mistyped_key_names_the_nearest_one():
    given = yaml.safe_load((ROOT / "config/demo.yaml").read_text()) | {"slab_dept": 4}
    with pytest.raises(UserError, match="did you mean 'slab_depth'"):
        load_config(given)
