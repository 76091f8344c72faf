"""The figure of the slices to label next."""

import numpy as np
import pandas as pd
import pytest
from pictures import pixels
from ultraseg.evaluate.label_next import DOUBTS
from ultraseg.figures.label_next import advice_figure


def ranked(advised: dict[int, int], labelled=(), bad=()) -> pd.DataFrame:
    """20 slices with even doubt; ``advised``: rank by slice."""
    z = np.arange(20)
    table = pd.DataFrame({"z": z, "bad": np.isin(z, bad), "labelled": np.isin(z, labelled)})
    return table.assign(rank=[advised.get(i, 0) for i in z], **{name: 10.0 for name in DOUBTS})


@pytest.mark.parametrize("labelled", [(), (0, 19)])
def test_advice_is_drawn_without_warning_with_labels_and_without(tmp_path, recwarn, labelled):
    advice_figure(ranked({9: 1, 4: 2}, labelled, bad=(12,)), 0.01, str(tmp_path / "a.png"))
    assert pixels(tmp_path / "a.png").shape == (460, 1200, 3)
    assert [str(one.message) for one in recwarn.list] == []


def test_without_advice_the_figure_says_so(tmp_path):
    advice_figure(ranked({}), 0.01, str(tmp_path / "a.png"))
    assert len(pixels(tmp_path / "a.png")) == 160
