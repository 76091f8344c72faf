"""Reads a configuration as data: nothing in the file is executed, whoever wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ultraseg.base.errors import UserError
from ultraseg.base.yaml_file import read_yaml

TEMPLATE = "__use_yte__"  # with this key Snakemake runs the Python expressions in a configuration


def read_config_file(file: str | Path) -> dict[str, Any]:
    """What a YAML file says, as Snakemake reads it when it is not a template.

    Raises UserError when the file cannot be read, is no table of keys, or is a template that would run code.
    """
    given = read_yaml(file, "the configuration of the run.")
    if not isinstance(given, dict):
        raise UserError(
            f"{file}: holds no table of keys and values", "Give the configuration of the run, a YAML file."
        )
    if TEMPLATE in given:
        raise UserError(
            f"{file}: has the key {TEMPLATE}: Snakemake would run the Python code in this file",
            f"Write the values out and remove {TEMPLATE}; a configuration needs no code.",
        )
    return given
