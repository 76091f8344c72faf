"""The forms that the command line lists are those that the export writes."""

import numpy as np
import pytest
from extras_python import needs_extras
from ultraseg.exchange.export import export
from ultraseg.exchange.formats import FORMATS
from written_volume import write_volume

FORMS = [pytest.param(form, marks=needs_extras) if form == "swc" else form for form in FORMATS]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_written(tmp_path, form):
    stacks = {"image": np.zeros((4, 16, 16), np.uint8), "cells": np.ones((4, 16, 16), np.uint32)}
    write_volume(tmp_path / "v/image.zarr", stacks, voxel_nm=(20, 10, 10), depth=4)
    (path,) = export(tmp_path / "v", ["cells"], form, tmp_path / "out")
    assert path.startswith(str(tmp_path / "out")) and list((tmp_path / "out").iterdir())
