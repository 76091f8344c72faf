"""The Python of the environment that `make napari` makes, for tests that drive napari itself."""

import os
from pathlib import Path

import pytest

INSTALLED = Path(__file__).parents[2] / ".venv-napari/bin/python"
REQUIRED = os.environ.get("ULTRASEG_NAPARI") == "required"

needs_napari = pytest.mark.skipif(
    not INSTALLED.exists() and not REQUIRED, reason="napari is not installed: make .venv-napari/installed"
)
