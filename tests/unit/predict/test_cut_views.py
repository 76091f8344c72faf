"""Views of planes undo what they do to cuts."""

import numpy as np
import pytest
from ultraseg.networks.channels import cut_channels
from ultraseg.predict.cut_views import mean_of_cut_views
from ultraseg.predict.predictor import Predictor, predict_slices

CHANNELS = ("cells/interior", *cut_channels("cells", (1, 3)))


def difference_network(planes):
    """Predicts the grey value, and as cuts whether the grey values of a pair differ."""
    grey = planes[..., 0]
    out = np.zeros((*grey.shape, len(CHANNELS)), np.float32)
    out[..., 0] = grey
    k = 1
    for axis in (1, 2):
        for offset in (1, 3):
            other = np.roll(grey, -offset, axis=axis)
            out[..., k] = grey != other
            k += 1
    return out


def inner(found):
    """Without the cuts whose pairs end outside, which no view knows."""
    return found[:, :-3, :-3]


@pytest.mark.parametrize("views", [2, 4, 8])
def test_every_view_of_an_exact_network_gives_the_same_cuts(views):
    planes = np.random.default_rng(0).integers(0, 3, (2, 9, 12, 1)).astype(np.float32)
    straight = mean_of_cut_views(difference_network, planes, 1, CHANNELS)
    assert np.array_equal(inner(straight), inner(difference_network(planes)))
    assert np.allclose(inner(mean_of_cut_views(difference_network, planes, views, CHANNELS)), inner(straight))


def test_a_cut_beyond_the_edge_repeats_the_last_one():
    planes = np.random.default_rng(0).integers(0, 3, (1, 9, 12, 1)).astype(np.float32)
    found = mean_of_cut_views(difference_network, planes, 1, CHANNELS)
    assert (found[:, -3:, :, 2] == found[:, -4:-3, :, 2]).all()
    assert (found[:, :, -1, 3] == found[:, :, -2, 3]).all()


def test_other_numbers_of_views_are_refused():
    with pytest.raises(ValueError, match="views are 1, 2, 4, 8, not 3"):
        mean_of_cut_views(difference_network, np.zeros((1, 8, 8, 1), np.float32), 3, CHANNELS)


def test_slices_are_predicted_with_views_of_cuts_where_a_predictor_names_its_channels():
    image = np.random.default_rng(0).integers(0, 3, (2, 40, 48)).astype(np.uint8)

    def run(planes):
        return difference_network(np.rint(planes)) * np.float32([1 / 255, 1, 1, 1, 1])

    once, often, wrong = (
        predict_slices(Predictor(run, 1, None, 1, 5, channels), image, tile=48, overlap=16, views=views)
        for channels, views in ((CHANNELS, 1), (CHANNELS, 8), ((), 8))
    )
    assert np.array_equal(once[:, 1:, :-3, :-3], often[:, 1:, :-3, :-3])
    assert not np.array_equal(once[:, 1:, :-3, :-3], wrong[:, 1:, :-3, :-3])
