"""Which labels are used: corrections, bad slices, and the roi."""

import logging

import numpy as np
import pytest
import tifffile
from ultraseg.base.errors import UserError
from ultraseg.formats.slice_source import SliceRef, SliceSource
from ultraseg.labels.source import LabelSource
from ultraseg.plan.label_choice import check_inside, in_roi, on_good_slices, with_corrected

IMAGE = SliceSource(tuple(SliceRef(z, f"i{z}.tif", None) for z in range(10)))


def labels(*zs):
    return LabelSource.of([SliceRef(z, f"l{z}.tif", None) for z in zs])


def corrections(folder, *zs):
    (folder / "cells").mkdir()
    for z in zs:
        tifffile.imwrite(folder / f"cells/z{z}.tif", np.zeros((4, 5), np.uint8))
    return str(folder)


@pytest.mark.parametrize(
    ("kind", "wanted", "taught"), [("cells", 0, [0, 4]), ("cells", 1, [0, 4, 6]), ("mask", 0, [0, 4, 6])]
)
def test_networks_do_not_learn_from_corrected_cells_unless_told_so(tmp_path, kind, wanted, taught):
    settings = {"bad_slices": [], "train_on_corrections": bool(wanted)}
    folder = corrections(tmp_path, 4, 6)
    choice = with_corrected("v", {"cells": labels(0, 4)}, folder, settings, {"cells": {"kind": kind}}, IMAGE)
    assert choice.labels["cells"].zs == [0, 4, 6]
    assert choice.first["cells"].zs == [0, 4] and choice.taught["cells"].zs == taught


def test_corrections_beyond_the_stack_are_named_with_their_key(tmp_path):
    settings = {"bad_slices": [], "train_on_corrections": False}
    with pytest.raises(UserError, match=r"v.corrections.cells: .*z12.tif is slice 12"):
        with_corrected("v", {}, corrections(tmp_path, 12), settings, {"cells": {"kind": "cells"}}, IMAGE)


def test_labels_must_lie_in_the_stack():
    check_inside("v", labels(0, 9), IMAGE)
    check_inside("v", labels(99), None)
    with pytest.raises(UserError, match="l10.tif is slice 10"):
        check_inside("v", labels(10), IMAGE)


def test_bad_slices_lose_their_labels_and_a_structure_outside_the_roi_goes(caplog):
    good = on_good_slices("v", [4], IMAGE, {"a": labels(0, 4, 8)})
    assert good["a"].zs == [0, 8] and "v.labels.a: the labels of slice(s) 4 are not used" in caplog.text
    with caplog.at_level(logging.WARNING):
        kept = in_roi("v", ((6, 10), (0, 4), (0, 5)), good | {"b": labels(0)})
    assert {s: source.zs for s, source in kept.items()} == {"a": [2]}
    assert "no labelled slice of b lies in the roi" in caplog.text


class Counted(SliceSource):
    """Counts how often it is asked which slices are missing, for which it looks through all slices."""

    asked = 0

    @property
    def missing(self):
        type(self).asked += 1
        return super().missing


def test_all_slices_are_looked_through_a_few_times_however_many_are_labelled(monkeypatch):
    monkeypatch.setattr(Counted, "asked", 0)
    image = Counted(IMAGE.slices)
    on_good_slices("v", [], image, {"a": labels(0)})
    few = Counted.asked
    on_good_slices("v", [], image, {"a": labels(*range(9))})
    assert 0 < few == Counted.asked - few
