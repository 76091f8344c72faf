"""The figure of slices that look bad."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from pictures import has_colour, pixels
from ultraseg.base.colours import PALETTE
from ultraseg.figures.slice_quality import TITLES, slices_figure
from ultraseg.quality.flags import STATISTIC

FLAG = np.round(255 * np.array(to_rgb(PALETTE[5]))).astype(np.uint8)


def table(n: int, flagged: int | None = None) -> pd.DataFrame:
    z = np.arange(n)
    values = {name: 1 + 0.1 * np.sin(z) for name in STATISTIC.values()}
    return pd.DataFrame(
        {"z": z, "interpolated": z == 3, "shift_limit": 6.0, **values} | {d: z == flagged for d in TITLES}
    )


@pytest.mark.parametrize("n", [1, 2, 30, 900])
@pytest.mark.parametrize("flagged", [None, 0])
def test_flagged_slices_are_marked_and_nothing_is_warned_of(tmp_path, recwarn, n, flagged):
    """Also where none is flagged, as in most volumes."""
    slices_figure(table(n, flagged), {defect: 0.5 for defect in TITLES}, str(tmp_path / "a.png"))
    picture = pixels(tmp_path / "a.png")
    assert picture.shape == (900, 1200, 3)
    assert has_colour(picture, FLAG) == (flagged is not None)
    assert [str(one.message) for one in recwarn.list] == []
