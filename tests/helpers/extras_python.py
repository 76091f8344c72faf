"""The Python of the environment that `make extras` makes, for tests that run what is installed there."""

import os
from pathlib import Path

import pytest

INSTALLED = Path(__file__).parents[2] / ".venv-extras/bin/python"
REQUIRED = os.environ.get("ULTRASEG_EXTRAS") == "required"

needs_extras = pytest.mark.skipif(
    not INSTALLED.exists() and not REQUIRED, reason="the extras are not installed: make extras"
)
