"""Reads a configuration as data: nothing in the file is executed, whoever wrote it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from ultraseg.base.errors import UserError
from ultraseg.base.yaml_file import read_yaml
from ultraseg.plan.config_text import check_text

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


def enter_run(configfile: Path, directory: Path, data_root: str | None = None) -> tuple[dict[str, Any], str]:
    """Change to the directory of a run; its configuration as it is given, and what names it on a command line.

    data_root: in place of that of the configuration. Relative paths of data and results start in the directory. Raises
    UserError as `read_config_file` and `check_text` do.
    """
    typed = f"--configfile {shlex.quote(str(configfile))} --directory {shlex.quote(str(directory))}"
    given = read_config_file(configfile)
    check_text([configfile])
    if data_root:
        given["data_root"] = os.path.abspath(data_root)
        typed += f" --config data_root={shlex.quote(given['data_root'])}"
    os.chdir(directory)
    return given, typed
